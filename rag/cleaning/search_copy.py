"""A copy of the text for encoder, BM25 and reader, with the way back to the raw text.

Quotes never come from here: a position found in the copy is mapped to the raw text, and the raw
text is what is quoted.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from rag.cleaning.markup import is_plain, scan
from rag.datatypes import Span

__all__ = ["MappedText", "join_search_copies", "search_copy"]


@dataclass(frozen=True, slots=True)
class MappedText:
    """Readable text, and for each of its characters the place in the raw text it comes from.

    Two neighbouring breakpoints `(t0, r0), (t1, r1)` bound a segment. Where `t1 - t0 == r1 - r0` it
    was copied character by character; where `t1 == t0` raw text was left out; otherwise the segment
    is one unit (an entity, a ligature, collapsed blanks), mapped as a whole.

    Attributes:
        text: no tags, image links, soft hyphens or zero-widths; blanks collapsed; NFC.
        breakpoints: `(text_pos, raw_pos)`, ascending in both; the last one is the end of both.
    """

    text: str
    breakpoints: tuple[tuple[int, int], ...]

    def to_raw(self, start: int, end: int) -> Span:
        """The smallest raw span that covers `text[start:end]`; never cuts a combining sequence.

        >>> search_copy("AT&amp;T rose", Span(0, 13)).to_raw(0, 4)
        Span(start=0, end=8)

        Raises:
            ValueError: `[start, end)` does not lie within the text.
        """
        size = len(self.text)
        if not 0 <= start <= end <= size:
            raise ValueError(f"[{start}, {end}) is outside the text; expected 0 <= start <= end <= {size}")
        if start == end:
            raw = (
                self._raw_start(start)
                if start < size
                else (self.breakpoints[-1][1] if self.breakpoints else 0)
            )
            return Span(raw, raw)
        while start > 0 and _extends(self.text, start) and not self.text[start - 1].isspace():
            start -= 1
        while end < size and _extends(self.text, end):
            end += 1
        return Span(self._raw_start(start), self._raw_end(end - 1))

    def _segment(self, at: int) -> tuple[int, int, int, int]:
        right = bisect_right(self.breakpoints, at, key=_text_pos)
        return (*self.breakpoints[right - 1], *self.breakpoints[right])

    def _raw_start(self, at: int) -> int:
        t0, r0, t1, r1 = self._segment(at)
        return r0 + (at - t0) if t1 - t0 == r1 - r0 else r0

    def _raw_end(self, at: int) -> int:
        t0, r0, t1, r1 = self._segment(at)
        return r0 + (at - t0) + 1 if t1 - t0 == r1 - r0 else r1

    def from_raw(self, raw: int) -> int:
        """The first position of `text` whose raw place is not before `raw`; `len(text)` if there is none."""
        left = bisect_left(self.breakpoints, raw, key=_raw_pos)
        if left == len(self.breakpoints):
            return len(self.text)
        t1, r1 = self.breakpoints[left]
        if left and raw < r1:
            t0, r0 = self.breakpoints[left - 1]
            if t1 - t0 == r1 - r0:
                return t0 + (raw - r0)
        return t1


def search_copy(text: str, span: Span) -> MappedText:
    """The search copy of one stretch of the raw text.

    >>> search_copy("A <b>short-  \\nlived</b> e\\u0301tude", Span(0, 32)).text
    'A short-lived étude'
    """
    return join_search_copies(text, (span,))


def join_search_copies(text: str, spans: Sequence[Span]) -> MappedText:
    """The search copies of several spans in reading order as one text, a space between two of them.

    No space is put where two spans touch (Chinese sentences), for the raw text has none either.
    """
    if len(spans) == 1:
        start, end = spans[0].start, spans[0].end
        alone = text[start:end]
        if unicodedata.is_normalized("NFC", alone) and is_plain(text, start, end):
            return MappedText(alone, ((0, start), (end - start, end)))
    builder = _Builder()
    for span in spans:
        if builder.size and span.start > builder.raw_end:
            builder.blank(builder.raw_end, span.start)
        if is_plain(text, span.start, span.end):
            builder.add(text[span.start : span.end], span.start, span.end)
            continue
        for start, end, shown in scan(text, span.start, span.end):
            if shown is None:
                builder.add(text[start:end], start, end)
            elif shown == " ":
                builder.blank(start, end)
            elif shown:
                builder.add(shown, start, end)
    return builder.finish()


def _text_pos(breakpoint: tuple[int, int]) -> int:
    return breakpoint[0]


def _raw_pos(breakpoint: tuple[int, int]) -> int:
    return breakpoint[1]


def _extends(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the one before it (marks, skin tones, second half of a flag)."""
    char = text[at]
    if char < "\u0300":
        return False
    if "\U0001f3fb" <= char <= "\U0001f3ff" or unicodedata.category(char).startswith("M"):
        return True
    if not _is_flag_letter(char):
        return False
    run = 0
    while run < at and _is_flag_letter(text[at - 1 - run]):
        run += 1
    return run % 2 == 1


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


class _Builder:
    """Puts shown text together and keeps the breakpoints, merging what was copied unchanged."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.points: list[tuple[int, int]] = []
        self.size = 0
        self.raw_end = 0
        self._linear = False
        self._pending: tuple[int, int] | None = None

    def blank(self, start: int, end: int) -> None:
        """A blank, shown only if words follow and none was shown before it."""
        if self.size and self._pending is None:
            self._pending = (start, end)

    def add(self, shown: str, start: int, end: int) -> None:
        """Words; leading and trailing single blanks inside `shown` join the blanks around them."""
        if end - start == len(shown):
            stripped = shown.lstrip(" ")
            lead = len(shown) - len(stripped)
            if lead:
                self.blank(start, start + lead)
                shown, start = stripped, start + lead
            stripped = shown.rstrip(" ")
            trail = len(shown) - len(stripped)
            if not stripped:
                return
            self._append_pending()
            self._append(stripped, start, end - trail)
            if trail:
                self.blank(end - trail, end)
            return
        self._append_pending()
        self._append(shown, start, end)

    def _append_pending(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._append(" ", *pending)

    def _append(self, shown: str, start: int, end: int) -> None:
        linear = len(shown) == end - start
        if not self.points:
            self.points.append((0, start))
        elif start != self.raw_end or not (linear and self._linear):
            if self.points[-1] != (self.size, self.raw_end):
                self.points.append((self.size, self.raw_end))
            if start != self.raw_end:
                self.points.append((self.size, start))
        self.parts.append(shown)
        self.size += len(shown)
        self.raw_end = end
        self._linear = linear

    def finish(self) -> MappedText:
        shown = "".join(self.parts)
        points = (*self.points, (self.size, self.raw_end)) if self.points else ()
        mapped = MappedText(shown, points)
        return mapped if unicodedata.is_normalized("NFC", shown) else _compose(mapped)


def _compose(mapped: MappedText) -> MappedText:
    """The same text in NFC. Only the clusters with a character that composes are looked at one by one."""
    builder = _Builder()
    for start, end in _clusters(mapped):
        raw = Span(mapped._raw_start(start), mapped._raw_end(end - 1))
        builder._append(unicodedata.normalize("NFC", mapped.text[start:end]), raw.start, raw.end)
    return MappedText("".join(builder.parts), (*builder.points, (builder.size, builder.raw_end)))


def _clusters(mapped: MappedText) -> Iterator[tuple[int, int]]:
    """Stretches that may be normalised on their own, none of which cuts a unit of the mapping.

    One that was copied character by character and holds nothing that composes is as long as it can be.
    """
    text = mapped.text
    held = set(text)
    joining = {char for char in held if _joins(char)}
    composing = joining.union(char for char in held if not unicodedata.is_normalized("NFC", char))
    cuts, fixed = set[int](), set[int]()
    for (t0, r0), (t1, r1) in pairwise(mapped.breakpoints):
        cuts.add(t0)
        if t1 - t0 not in (0, r1 - r0):
            fixed.update(range(t0 + 1, t1))
    for at, char in enumerate(text) if composing else ():
        if char in composing:
            cuts.update((at - 1, at, at + 1))
    start = 0
    for at in sorted(cuts - fixed):
        if start < at < len(text) and text[at] not in joining:
            yield start, at
            start = at
    yield start, len(text)


@lru_cache(maxsize=4096)
def _joins(char: str) -> bool:
    """Whether a character may be drawn into the one before it: marks, and Korean vowels and finals."""
    return char >= "\u0300" and (unicodedata.category(char).startswith("M") or "\u1160" <= char <= "\u11ff")
