"""The same passage in several documents: read once, cited wherever it stands.

What is left out of the reading is only what has been read already in nearly the same words. A passage with
another number in it, another name in its place, or a "not" more or less, is no copy, however alike the rest:
it may answer otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property

from rag.citation import same_words
from rag.datatypes import Document, Span
from rag.sketches import shingles

__all__ = ["Once", "find_copy"]

# Share of a passage's runs of three words that must have been read in one other document.
_COVERED = 0.8

# Words of a quote and of its copy that may differ, as a share.
_DIFFERENT = 0.2

# Words that agree on the way through two passages, in a row; a longer rest at either end is another cut.
_LEAST_BLOCK = 2
_LONGEST_EDGE = 5

_WORD = re.compile(r"\w+")
_NOT = re.compile(r"n[’']t\b", re.IGNORECASE)
# Without "one", "ein", "un" and the like, which are articles: what stands for them in the other text tells.
_NUMBERS = frozenset(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million "
    "millions billion billions dozen dozens "
    "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince veinte treinta cuarenta "
    "cincuenta sesenta setenta ochenta noventa cien ciento mil millón millones "
    "zwei zwo drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreissig vierzig fünfzig sechzig siebzig "
    "achtzig neunzig hundert tausend millionen "
    "deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt vingts trente quarante "
    "cinquante soixante septante nonante cent cents mille".split()
)
_DECISIVE = re.compile(
    r"\w*\d\w*|(?:no|not|never|none|nor|without|cannot|nicht|kein\w*|nie|ohne|ni|nunca|jamás|sin|pas|jamais|sans|non|mai"
    r"|\w+(?:zehn|undzwanzig|unddreissig|und(?:vier|fünf|sech|sieb|acht|neun)zig|hundert|tausend)|dieci\w+|veinti\w+)\Z"
)
# Where a sentence ends, or a line that is none; not behind "Mr." or an initial.
_BREAK = re.compile(
    r"(?<![A-Z])(?<!\b[A-Z][a-z])(?<!\bMrs|\bSen|\bGen|\bRep|\bGov)[.!?…][\"”’»)\]]*\s+|\n\s*\n|\n"
)
_STOP = re.compile(r"[.!?…][\"”’»)\]]*\s*\Z")
_SHORT_LINE = 50  # characters; a line of a wrapped paragraph is longer
# "EASTWICK, Maine (AP) — ", "Berlin (dpa) - ", "PARIS - ": who reports from where is no part of the sentence.
_DATELINE = re.compile(
    r"\s*(?:[A-ZÀ-Þ][^().!?\n]{0,60}\([A-Za-z]{2,12}\)|[A-ZÀ-Þ]{2}[A-ZÀ-Þ’' -]*(?:, [^().!?\n–—]{1,40})?)"
    r"\s?[-–—:.]{1,2}\s"
)


class _Said:
    """The words of a passage in lower case; which of them are names is found when it is asked for.

    >>> said = _Said("LUND (AP) - The race was won by Zebulon Aldous.")
    >>> [word for word, named in zip(said.words, said.named) if named]
    ['zebulon', 'aldous']
    """

    def __init__(self, text: str) -> None:
        # "isn't" is two words here, and the second says no.
        self._text = _NOT.sub(" not", text)
        self.words = [word.casefold() for word in _WORD.findall(self._text)]

    @cached_property
    def named(self) -> list[bool]:
        """Which words are names, as far as capitals tell: with one inside a sentence, not at its begin."""
        named: list[bool] = []
        for sentence in _sentences(self._text):
            dateline = _DATELINE.match(sentence)
            first = _WORD.search(sentence, dateline.end() if dateline else 0)
            begins = (
                first.end() if first and _STOP.search(sentence) and not sentence.isupper() else len(sentence)
            )
            named += [
                match.start() >= begins and match.group()[0].isupper() for match in _WORD.finditer(sentence)
            ]
        return named


@dataclass(slots=True)
class _Read:
    """What has been read of a document.

    Attributes:
        runs: of three words.
        decisive: numbers and negations, with how often each was met.
        passages: place among what was taken, its own runs, and what it says.
    """

    runs: set[str] = field(default_factory=set)
    decisive: Counter[str] = field(default_factory=Counter)
    passages: list[tuple[int, set[str], _Said]] = field(default_factory=list)


class Once:
    """Takes passages in order and says which only repeat what another document said."""

    def __init__(self) -> None:
        self._read: dict[str, _Read] = {}
        self._n = 0

    def origin(self, doc_id: str, text: str) -> int | None:
        """The place of the passage that this one is a copy of, among those that are none; None, and it is taken.

        >>> once = Once()
        >>> once.origin("a", "The harbour froze in the winter of 1947.")
        >>> once.origin("b", "The harbour froze in the winter of 1947!")
        0
        >>> once.origin("c", "The harbour froze in the winter of 1948.")
        """
        runs, said = shingles(text), _Said(text)
        for other, read in self._read.items():
            if other != doc_id and runs and len(runs & read.runs) >= _COVERED * len(runs):
                place = _nearest(read, runs, said)
                if place is not None:
                    return place
        read = self._read.setdefault(doc_id, _Read())
        read.runs |= runs
        read.decisive += _decisive(said.words)
        read.passages.append((self._n, runs, said))
        self._n += 1
        return None


def _nearest(read: _Read, runs: set[str], said: _Said) -> int | None:
    """The passage of a document that shares most; None where a number, a negation or a name tells them apart."""
    place, _, own = max(read.passages, key=lambda passage: len(passage[1] & runs))
    return None if _decisive(said.words) - read.decisive or _told_apart(own, said) else place


def _told_apart(one: _Said, other: _Said) -> bool:
    """Whether a number or a negation stands where two passages differ, or one name in the place of another.

    What only one of them goes on to say tells nothing.
    """
    before = (0, 0)
    blocks = SequenceMatcher(None, one.words, other.words, autojunk=False).get_matching_blocks()
    ends = (len(one.words), len(other.words))
    for block in (b for b in blocks if b.size >= _LEAST_BLOCK or (b.a, b.b) == ends):
        here, there = slice(before[0], block.a), slice(before[1], block.b)
        between = one.words[here], other.words[there]
        at_begin = before == (0, 0)
        if not (at_begin or (block.a, block.b) == ends) or max(map(len, between)) <= _LONGEST_EDGE:
            if any(map(_decisive, between)):
                return True
            # Texts begin with who wrote them, and each copy with another.
            names = _names(one, here) - set(between[1]), _names(other, there) - set(between[0])
            if not at_begin and all(names):
                return True
        before = (block.a + block.size, block.b + block.size)
    return False


def _names(said: _Said, where: slice) -> set[str]:
    return {word for word, named in zip(said.words[where], said.named[where], strict=True) if named}


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for match in _BREAK.finditer(text):
        # The line ends of a wrapped paragraph end no sentence; those of a byline or a title do.
        line = match.start() - max(start, text.rfind("\n", 0, match.start()) + 1)
        if match.group() != "\n" or line < _SHORT_LINE:
            yield text[start : match.end()]
            start = match.end()
    yield text[start:]


def _decisive(said: Iterable[str]) -> Counter[str]:
    return Counter(word for word in said if word in _NUMBERS or _DECISIVE.match(word))


def find_copy(document: Document, quote: str, short: str) -> tuple[Span, Span] | None:
    """Where another document says what a quote says: whole sentences, and the short answer inside.

    Args:
        document: that has a copy of the passage.
        quote: as cited from the other one.
        short: the short answer in it.

    Returns:
        Both `[start, end)` in the document's text; None where its words differ in what matters.
    """
    wanted, answer, quoted = same_words(quote).split(), same_words(short), _Said(quote)
    best: tuple[float, Span, Span] | None = None
    spoken = [same_words(sentence.of(document.text)) for sentence in document.sentences]
    for at, words in enumerate(spoken):
        if not answer or f" {answer} " not in f" {words} ":
            continue
        for first, last in _windows(spoken, at, len(wanted)):
            found = " ".join(spoken[first:last]).split()
            differ = (Counter(found) - Counter(wanted)) + (Counter(wanted) - Counter(found))
            share = differ.total() / max(1, len(found) + len(wanted))
            span = Span(document.sentences[first].start, document.sentences[last - 1].end)
            if share > _DIFFERENT:
                continue
            said = _Said(span.of(document.text))
            if _decisive(said.words) != _decisive(quoted.words) or _told_apart(said, quoted):
                continue
            highlight = _place_of(document.text, document.sentences[at], answer)
            if highlight is not None and (best is None or share < best[0]):
                best = (share, span, highlight)
    return best[1:] if best else None


def _windows(spoken: Sequence[str], at: int, n_words: int) -> Iterable[tuple[int, int]]:
    """Runs of sentences around one of them that have about as many words as the quote."""
    sizes = [len(words.split()) for words in spoken]
    for first in range(max(0, at - 3), at + 1):
        for last in range(at + 1, min(len(spoken), at + 4) + 1):
            if abs(sum(sizes[first:last]) - n_words) <= 2 * _DIFFERENT * n_words:
                yield first, last


def _place_of(text: str, sentence: Span, words: str) -> Span | None:
    """Where a sentence says some words, whatever stands between them."""
    pattern = r"\W+".join(map(re.escape, words.split()))
    match = re.search(rf"(?<!\w){pattern}(?!\w)", sentence.of(text), re.IGNORECASE)
    return Span(sentence.start + match.start(), sentence.start + match.end()) if match else None
