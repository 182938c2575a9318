"""Sentences of a paragraph, as offsets.

`sentencex` (Wikimedia's rules for some 300 languages) proposes the boundaries; a few general rules
correct what it gets wrong in news text: closing quotes go with their sentence, nothing is split before
a lower-case word or after an initial or a numbered abbreviation, what it missed is split, and long
quotations are split inside.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["split_sentences"]

_PIECE = 8_000  # sentencex is quadratic in the number of unclosed quotes; a bounded piece keeps it linear
_LONG_QUOTE = 25  # words from which a sentence is also split inside its quotation marks
_MIN_WORDS = 3  # a part of a quotation is at least this long: “Yes! I did.” stays whole

_CLOSERS = "\"'”’»›)]}」』）】"
_OPENERS = "\"'“‘«‹([{¿¡「『（【„‚"
_NESTING = re.compile('[“”"«»„「」『』()\\[\\]（）]')
_WIDE_ENDS = "。！？｡"
_WIDE_MARKS = _WIDE_ENDS + "…?!"
_END_MARKS = "■▪◼◾□▮◆♦∎●"
_STRAY_CLOSERS = re.compile(rf"\s*[{re.escape(_CLOSERS)}][\s{re.escape(_CLOSERS)}]*(?=\s|$)")
# A run of marks is tried once, not once for each of them: what stands before it is looked at. All begins with one
# class of characters, for which the search goes through a text five times as fast.
_END = re.compile(
    rf"[.!?…{_WIDE_ENDS}](?:"
    rf"(?<=[.!?…])(?<![.!?…][.!?…])[.!?…]*[{re.escape(_CLOSERS)}]*\s+(?=[^\s{_END_MARKS}])"
    rf"|(?<=[{_WIDE_ENDS}])(?<![{_WIDE_ENDS}][{_WIDE_ENDS}])[{_WIDE_ENDS}]*[{re.escape(_CLOSERS)}]*(?=\S))"
)
_ITEM_MARK = re.compile(r"[(\[]?(?:\d{1,3}|[A-Za-z])[.)]")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
# “Why?” Baker said: the question's end is not the sentence's.
_SPEAKS = re.compile(
    r"(?:[^\W\d_][\w.'’-]*,? ){1,4}(?:said|says|asked|asks|wrote|writes|told|added|tweeted|posted|shouted|cried|"
    r"dijo|preguntó|sagte|fragte|dit|demanda|chiese|disse)\b"
)
# After "World War I." or "on X." these begin a sentence; after an initial stands a name.
_STARTERS = frozenset(
    "the a an it he she they we you i in on at but and so this that these those there when while after before "
    "if as his her their its our my what who how why for to from by with then el la los las en un una "
    "der die das ein eine er sie es wir le les il elle nous".split()
)
# Languages that write "the 2nd" as "2.", and words that after such a number do begin a sentence.
_ORDINALS = frozenset("de da no nb nn fi et cs sk pl hu sl hr sr bs is".split())
_AFTER_ORDINAL = _STARTERS | frozenset(
    "am im bei mit nach auch danach dann dort dabei damit dazu dies diese dieser dieses doch jetzt seit ist sind "
    "hat wer wo wann warum viele det den han hun de ten ta to on ona ale".split()
)
_ORDINAL = re.compile(r"\d{1,2}")
# 「はい」と答えた: what is quoted goes on with who said it. “你好吗？”他问。 too.
_CITES = re.compile(r"と|って|[^\s，。！？、：]{1,6}(?:问|問|说|說|答|喊|道|表示)[，。]")
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
# What goes on after "10 a.m.": a zone, a weekday ("Monday was ..." is a sentence of its own), a date.
_AFTER_HOUR = re.compile(
    r"(?:[A-Z]{2,4}|Eastern|Central|Mountain|Pacific|Local|Uhr)\b"
    r"|(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs?)?|Fri|Sat(?:ur)?|Sun)(?:days?)?\b(?! (?:is|was|will|had|has|would)\b)"
    rf"|{_MONTH} \d|\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH}"
)
# "44 av. J.-C.", "c.-à-d.": the library cuts at each point.
_BEFORE_CHRIST = re.compile("J\\.[-\u2010\u2011]C")
_LETTER_POINT = re.compile(r"(?:^|\W)[^\W\d_]\.$")
_THAT_IS = re.compile("\\b[cC]\\.[-\u2010\u2011]à[-\u2010\u2011]d\\.$")
# Abbreviations that the library lacks in one language or another; a number or a name follows them.
_BEFORE_NUMBER = frozenset(
    "no nos nr núm num vol vols p pp pg art arts fig figs sec secs ch chap ed eds op cit ca c approx est "
    "pág págs str "
    "abs ziff bd s kap par al tel ext jan feb mar apr jun jul aug sep sept oct nov dec ene abr ago dic".split()
)
_BEFORE_NAME = frozenset(
    "mr mrs ms mx dr prof rev fr sr sra srta hon gov lt sgt capt col gen maj cmdr adm rep reps sen sens "
    "supt det insp st ste mt ft pres amb atty messrs mme mlle m dña dª ud uds vs ing dipl lic arq "
    "hrn sig sigg dott avv".split()
)


def split_sentences(text: str, language: str = "en") -> list[tuple[int, int]]:
    """`[start, end)` of each sentence, in order, without the blanks and end marks around it.

    >>> text = "Mr. Li left the U.S. in May. “It was time. ” He smiled."
    >>> [text[a:b] for a, b in split_sentences(text)]
    ['Mr. Li left the U.S. in May.', '“It was time. ”', 'He smiled.']

    Args:
        text: one paragraph, blanks collapsed.
        language: ISO 639-1; chooses the library's abbreviations.
    """
    ends = [start + at for start, end in _pieces(text) for at in _proposed(text[start:end], language)]
    shy = _mostly_lower(text, ends)
    spans = []
    start = 0
    for end in _corrected(text, ends, shy, language):
        for cut in (*_missed(text, start, end, shy, language), end):
            inner = _after_marks(text, cut)
            left, right = _trim(text, start, inner)
            if left < right:
                spans.append((left, right))
            start = inner
    return spans


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while len(text) - start > _PIECE:
        cut = text.rfind(" ", start + _PIECE // 2, start + _PIECE) + 1 or start + _PIECE
        for match in _END.finditer(text, start + _PIECE // 2, start + _PIECE):
            cut = match.end()
        cut = _after_marks(text, cut)
        yield start, cut
        start = cut
    yield start, len(text)


def _after_marks(text: str, at: int) -> int:
    """`at`, or behind the combining marks that stand there: they belong to the character before."""
    while at < len(text) and unicodedata.category(text[at])[0] == "M":
        at += 1
    return at


def _proposed(piece: str, language: str) -> list[int]:
    import sentencex

    boundaries = sentencex.get_sentence_boundaries(language, piece)
    return [int(boundary["end_index"]) for boundary in boundaries]


def _corrected(text: str, ends: list[int], shy: bool, language: str) -> Iterator[int]:
    """The proposed ends that hold; the text's own end is always the last."""
    start = 0
    for proposed in ends:
        end = proposed
        stray = _STRAY_CLOSERS.match(text, end)
        if stray is not None and _closes(text, start, end, stray.group().strip()[0]):
            end = stray.end()
        elif end < len(text) and text[end - 2 : end - 1].isspace() and text[end - 1] in _OPENERS:
            end -= 1  # the quotation mark that opens the next sentence
        if start < end < len(text) and not _goes_on(text, start, end, shy, language):
            yield end
            start = end
    if start < len(text):
        yield len(text)


def _mostly_lower(text: str, ends: list[int]) -> bool:
    """A text that never begins a sentence in upper case: lower case then says nothing."""
    starts = [text[end : end + 40].lstrip(" " + _OPENERS)[:1] for end in [0, *ends]]
    lower = sum(char.islower() for char in starts)
    return lower > 2 and lower > 0.6 * len(starts)


def _closes(text: str, start: int, end: int, mark: str) -> bool:
    """Whether the closing mark at `end` closes something that the sentence before it opened."""
    return mark not in "\"'" or text.count(mark, start, end) % 2 == 1


def _goes_on(text: str, start: int, end: int, shy: bool, language: str) -> bool:
    """Whether the sentence that begins at `start` is not over at `end`."""
    before = text[max(start, end - 60) : end].rstrip()
    after = text[end : end + 60].lstrip().lstrip(_OPENERS + " ")
    if not before or not after:
        return False
    last = before.rstrip(_CLOSERS + " ")[-1:]
    if not shy and after[0].islower() and not after[1:2].isupper() and last in ".!?…":
        return True
    if _ITEM_MARK.fullmatch(before):  # "1." before the item it numbers
        return True
    if last in "?!" and before[-1] in _CLOSERS and _SPEAKS.match(after):
        return True
    if last in _WIDE_MARKS and before[-1] in _CLOSERS and _CITES.match(after):
        return True
    if language == "es" and after[0] == "—" and after[1:2].islower():  # —¿Vienes? —preguntó Ana.
        return True
    if not before.endswith("."):
        return False
    if _THAT_IS.search(before):
        return True
    if text[end] in "-\u2010\u2011" and not text[end - 1].isspace() and _LETTER_POINT.search(before):
        return True
    word = re.split(rf"[\s’–—-]|[{re.escape(_OPENERS)}]", before)[-1][:-1]
    if (word.lower() in _BEFORE_NUMBER or word.endswith("str")) and after[0].isdigit():
        return True
    if language in _ORDINALS and _ORDINAL.fullmatch(word) and after[0].isupper():
        return not _begins(after, _AFTER_ORDINAL)
    if word.lower() in ("a.m", "p.m", "am", "pm") and _AFTER_HOUR.match(after):
        return True
    if not after[0].isupper():
        return False
    if word.lower() in ("av", "apr", "ap") and _BEFORE_CHRIST.match(after):
        return True
    if not text[end - 1].isspace() and re.search(r"(?:^|\W)[A-Z]\.$", before):  # "R-N.|Y."
        return True
    if word.lower() in _BEFORE_NAME and word[:1].isupper():
        return word != "St" or not text[max(start, end - 60) : end].rstrip()[:-3].rstrip().endswith(",")
    return len(word) == 1 and word.isupper() and not _starts(after)


def _missed(text: str, start: int, end: int, shy: bool, language: str) -> Iterator[int]:
    """Ends that the library left out: after a word it took for an abbreviation, and within long quotations."""
    long = text.count(" ", start, end) >= _LONG_QUOTE
    nesting = _Nesting(text, start)
    inner_start = start
    for match in _END.finditer(text, start, end):
        at = match.end()
        nesting.read_to(at)
        if at >= end or (nesting.depth > 0 and not (long and nesting.leads)):
            continue
        following = text[at : at + 20].lstrip(_OPENERS + " ")[:2]
        wide = match.group()[0] in _WIDE_ENDS
        upper = following[:1].isupper() or following[1:].isupper()  # "iPhone sales rose."
        if not (wide or upper or (following[:1].isdigit() and nesting.depth == 0)):
            continue
        if not wide and _uncertain(text, inner_start, match, following):
            continue
        if nesting.depth > 0 and min(text.count(" ", inner_start, at), text.count(" ", at, end)) < _MIN_WORDS:
            continue
        if _goes_on(text, inner_start, at, shy, language):
            continue
        yield at
        inner_start = at


class _Nesting:
    """Quotation marks and brackets that are open at a place.

    Attributes:
        depth: how many.
        leads: the outermost began the sentence or followed a comma or colon ("He said: “..."); one in
            the middle of a clause belongs to the clause, which would be torn by a split inside it.
    """

    def __init__(self, text: str, start: int) -> None:
        self.text, self.start, self.pos = text, start, start
        self.depth = 0
        self.leads = False

    def read_to(self, end: int) -> None:
        """Go on to `end`."""
        for match in _NESTING.finditer(self.text, self.pos, end):
            mark = match.group()
            if mark in "“«„「『([（" or (mark == '"' and not self.depth):
                if not self.depth:
                    before = self.text[max(self.start, match.start() - 3) : match.start()].rstrip()
                    self.leads = not before or before[-1] in ",:，："
                self.depth += 1
            else:
                self.depth = max(0, self.depth - 1)
        self.pos = end


def _uncertain(text: str, start: int, end: re.Match[str], following: str) -> bool:
    """Whether the dot may belong to an abbreviation, an initial or an ellipsis."""
    marks = end.group().rstrip()
    if marks.startswith(("..", "…")):
        return True
    if not marks.startswith("."):
        return False
    word = re.split(rf"[\s{re.escape(_OPENERS)}—–-]", text[max(start, end.start() - 30) : end.start()])[-1]
    if not word or "." in word or _INITIALS.fullmatch(word):
        return not _starts(text[end.end() : end.end() + 20].lstrip(_OPENERS + " "))
    lowered = word.lower()
    if lowered in _BEFORE_NUMBER and (
        following[:1].isdigit() or lowered != word or lowered not in ("no", "al", "est")
    ):
        return True
    # A short capitalised word ("Corp.", "Ariz.") is as often an abbreviation as an end; the library knows them.
    quoted = text[end.end() : end.end() + 1] in '“"«'
    return lowered in _BEFORE_NAME or (word[:1].isupper() and len(word) < 5 and not quoted) or len(word) < 2


def _starts(after: str) -> bool:
    """Whether the words that follow begin as sentences do and names do not."""
    return _begins(after, _STARTERS)


def _begins(after: str, starters: frozenset[str]) -> bool:
    word = re.match(r"[^\W\d_]+", after)
    return word is not None and word.group().lower() in starters


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (text[start].isspace() or text[start] in _END_MARKS):
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in _END_MARKS):
        end -= 1
    return start, end
