"""What in a text is markup rather than words: HTML tags and entities, Markdown links, invisible characters.

Every pattern here is linear: each repeated class stops at the character that starts the next
candidate, so hostile text (`<<<<`, `![![![`) costs one pass.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["BLOCK_TAGS", "INVISIBLE", "TAG", "Piece", "is_plain", "is_tag", "opaque_ranges", "scan"]

BLOCK_TAGS = frozenset(
    "address article aside blockquote body br button caption center dd details div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 head header hr html li main nav ol option p pre section select "
    "summary table tbody td textarea tfoot th thead title tr ul".split()
)
_INLINE_TAGS = frozenset(
    "a abbr acronym area audio b base bdi bdo big canvas cite code col colgroup data del dfn em embed font i "
    "iframe img input ins kbd label legend link map mark meta meter nobr noscript object output param picture "
    "progress q rp rt ruby s samp script slot small source span strike strong style sub sup svg template time "
    "track tt u var video wbr path g".split()
)

TAG = re.compile(
    r"</?([a-zA-Z][a-zA-Z0-9:-]{0,40})((?:\s[^<>]*)?/?)>|<!(?:DOCTYPE|doctype)[^<>]*>|<\?[^<>]*>"
)
INVISIBLE = (
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f"
)

_URL = r"(?:https?://|ftp://|mailto:|www\.|\.{0,2}/|#)[^()\s<>]*(?:\([^()\s<>]*\)[^()\s<>]*)?"
_IMAGE = re.compile(
    r"!\[[^\[\]]{0,1000}\]\([^()\s<>]*(?:\([^()\s<>]*\)[^()\s<>]*)?(?:\s+\"[^\"\n]{0,300}\")?\s?\)"
)
_LINK_OPEN = re.compile(r"\[(?=[^\[\]\n]{1,400}\]\((?:https?://|ftp://|mailto:|www\.|\.{0,2}/|#))")
_LINK_CLOSE = re.compile(r"\]\(" + _URL + r"(?:\s+\"[^\"\n]{0,300}\")?\)")
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_STRONG = re.compile(r"(?<![\w*])\*\*(?=[^\s*])|(?<=[^\s*])\*\*(?![\w*])")
_LINE_MARK = re.compile(r"(?:#{1,6}[ \t]+|(?:>[ \t]?){1,9}|[-*+•‣◦▪●○·][ \t]+(?=\S))+")
_CLUSTER = re.compile(
    "[^\\s<&](?:[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\u20e3]|\u200d[\u2190-\u2bff\U0001f000-\U0001faff]?)+"
)
_INVISIBLE_RUN = re.compile(f"[{INVISIBLE}\x00-\x08\x0e-\x1b\x7f]+")
_BLANKS = re.compile(r"\s+")
# "exam-\nple": a word broken at a line end. "short- video": the same after a tool joined the lines,
# where the hyphen may belong to the word; "short- and long-term" is neither.
_HYPHEN_LINE = re.compile(r"[-\u2010\u00ad][ \t]*(?:\r\n?|\n|\f)\s*(?=[^\W\d_])")
_HYPHEN_BLANK = re.compile(
    r"-[ ](?=\w)(?!(?:and|or|to|nor|as|but|und|oder|bis|sowie|et|ou|y|e|o|u|en|of)\b)", re.IGNORECASE
)
_COMPOUND_PARTS = frozenset(
    "anti all co cross ever ex far fast first five four free full half hard high in inter long low mid multi "
    "near new no non off old on one open part post pre pro real self semi short single six state ten three "
    "two up well wide world year".split()
)
# Characters that are hardly ever plain words: any of them may begin markup, a blank or nothing at all.
_MARKING = f"<&!\\[\\]*{INVISIBLE}\x00-\x1f\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_MARKING += "\ufb00-\ufb06\ud800-\udfff"
# What marks a line at its beginning, as a class of characters.
_BEGINNING = "#>+•‣◦▪●○·-"
# The places where anything but plain words can begin; everything between two of them is copied as it is.
_CANDIDATE = re.compile(
    f"[{_MARKING}]| (?=\\s)|(?<=\\w)[-\u2010](?=\\s)|^[{_BEGINNING}]",
    re.MULTILINE,
)
# A class alone is searched for seven times as fast as the choice above, one of ASCII ten times.
_MARKED = re.compile(f"[{_MARKING}]")
_NOT_FIRST = f" {_BEGINNING}"
_ASCII_MARKED = re.compile("[<&!\\[\\]*\x00-\x1f\x7f]")


class Piece(NamedTuple):
    """A stretch of raw text and what a reader of the words sees in its place.

    `shown` is None for a stretch to be copied as it is, `" "` for a blank, `""` for nothing.
    """

    start: int
    end: int
    shown: str | None


def is_tag(match: re.Match[str]) -> bool:
    """Whether a match of `TAG` is really HTML: "a <b and c> d" and "<your name>" are not.

    >>> is_tag(TAG.match('<span class="x">')), is_tag(TAG.match("<b and c>"))
    (True, False)
    """
    name = match.group(1)
    if name is None:
        return True
    attributes = match.group(2).strip(" \t\r\n/")
    known = name.lower() in BLOCK_TAGS or name.lower() in _INLINE_TAGS or "-" in name
    return known and (not attributes or "=" in attributes or len(attributes.split()) == 1)


def is_plain(text: str, start: int, end: int) -> bool:
    """Whether `scan` would copy `text[start:end]` as it is, blanks at neither end; False where it is not plain to see.

    >>> is_plain("Rates “rose”.", 0, 13), is_plain(" Rates <b>rose</b>.", 0, 19)
    (True, False)
    """
    shown = text[start:end]
    return not (
        shown[:1] in _NOT_FIRST  # as is the empty string
        or shown[-1] == " "
        or "  " in shown
        or "- " in shown
        or "\u2010 " in shown
        or (_ASCII_MARKED if shown.isascii() else _MARKED).search(shown)
    )


def opaque_ranges(text: str) -> list[tuple[int, int]]:
    """Comments, scripts and styles: `[start, end)` of everything from opening to closing mark.

    One that is never closed is not a range: text is not lost to a stray `<!--`.
    """
    found: list[tuple[int, int]] = []
    lowered = text.lower() if "<" in text else text
    if len(lowered) != len(text):  # "İ" grows in lower case and would shift every offset after it
        lowered = text
    pos = 0
    dead: set[str] = set()
    opening = re.compile(r"<!--|<(script|style|noscript|svg|template)\b[^<>]*>")
    while (match := opening.search(lowered, pos)) is not None:
        close = f"</{match.group(1)}" if match.group(1) else "-->"
        end = -1 if close in dead else lowered.find(close, match.end())
        if end < 0:
            dead.add(close)
            pos = match.end()
            continue
        end = lowered.find(">", end)
        end = len(text) if end < 0 else end + 1
        found.append((match.start(), end))
        pos = end
    return found


def scan(text: str, start: int, end: int) -> Iterator[Piece]:
    """Cut `text[start:end]` into pieces that cover it without gaps, in order."""
    pos = copied = start
    while pos < end:
        candidate = _CANDIDATE.search(text, pos, end)
        if candidate is None:
            break
        piece = _special(text, candidate.start(), copied, start, end)
        if piece is None:
            pos = candidate.start() + 1
            continue
        if copied < piece.start:
            yield Piece(copied, piece.start, None)
        yield piece
        pos = copied = piece.end
    if copied < end:
        yield Piece(copied, end, None)


def _special(text: str, at: int, floor: int, start: int, end: int) -> Piece | None:
    """The piece that begins at the candidate `at`, or for a cluster one before it but not before `floor`."""
    char = text[at]
    if char == "<":
        match = TAG.match(text, at, end)
        if match is None or not is_tag(match):
            return None
        block = (match.group(1) or "").lower() in BLOCK_TAGS
        return Piece(at, match.end(), " " if block else "")
    if char == "&":
        match = _ENTITY.match(text, at, end)
        return None if match is None else _entity(match)
    if at == start or text[at - 1] in "\n\r\f":
        match = _LINE_MARK.match(text, at, end)
        if match is not None:
            return Piece(at, match.end(), "")
    for pattern in _BY_CHAR.get(char, ()):
        match = pattern.match(text, at, end)
        if match is not None:
            return Piece(at, match.end(), "")
    if char in "-\u2010\u00ad":
        return _hyphen(text, at, start, end)
    if char in "\ufe0e\ufe0f\u200d" and at > floor:
        match = _CLUSTER.match(text, at - 1, end)
        if match is not None and text[at - 1] not in "\u00ad\u200b":
            shown = re.sub("[\u200d\ufe00-\ufe0f]", "", match.group())
            return Piece(at - 1, match.end(), shown)
    if "\ufb00" <= char <= "\ufb06":
        return Piece(at, at + 1, _LIGATURES[char])
    if "\ud800" <= char <= "\udfff":  # a lone surrogate: no encoder accepts it
        return Piece(at, at + 1, "\ufffd")
    match = _BLANKS.match(text, at, end)
    if match is not None:
        return Piece(at, match.end(), " ")
    match = _INVISIBLE_RUN.match(text, at, end)
    return None if match is None else Piece(at, match.end(), "")


def _entity(match: re.Match[str]) -> Piece | None:
    shown = html.unescape(match.group())
    if shown == match.group():
        return None
    if shown.isspace():
        shown = " "
    elif _INVISIBLE_RUN.fullmatch(shown):
        shown = ""
    return Piece(match.start(), match.end(), shown)


def _hyphen(text: str, at: int, start: int, end: int) -> Piece | None:
    match = _HYPHEN_LINE.match(text, at, end) if at > start and text[at - 1].isalpha() else None
    if match is not None:
        left = at
        while left > start and at - left < 40 and (text[left - 1].isalpha() or text[left - 1] == "-"):
            left -= 1
        before = text[left:at].lower()
        if text[at] == "\u00ad":
            return Piece(at, match.end(), "")
        keep = "-" in before or before in _COMPOUND_PARTS or text[match.end()].isupper() or not before
        return Piece(at, match.end(), "-" if keep else "")
    match = _HYPHEN_BLANK.match(text, at, end)
    if match is not None and at > start and text[at - 1].isalnum():
        return Piece(at, match.end(), "-")
    if text[at] == "\u00ad":
        match = _INVISIBLE_RUN.match(text, at, end)
        return None if match is None else Piece(at, match.end(), "")
    return None


_LIGATURES = {
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip
_BY_CHAR: dict[str, tuple[re.Pattern[str], ...]] = {
    "!": (_IMAGE,),
    "[": (_LINK_OPEN,),
    "]": (_LINK_CLOSE,),
    "*": (_STRONG,),
}
