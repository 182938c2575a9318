"""A text cut into its non-blank parts: lines, and where HTML block tags stand in it, what lies between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.cleaning.markup import BLOCK_TAGS, TAG, is_tag, opaque_ranges
from rag.cleaning.search_copy import MappedText, search_copy
from rag.datatypes import Span

__all__ = ["Part", "read_parts"]

_LINE = re.compile("[^\n\r\x0b\x0c\x85\u2028\u2029]+")
_NEWLINE = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_FONT = re.compile(r"font-size:\s{0,9}(\d{1,3}(?:\.\d{1,3})?)\s{0,9}(pt|px|em|rem)", re.IGNORECASE)
_BULLET = re.compile(r"(?:[-*+•‣◦▪●○·–∎◾]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+(?=\S)")
_HEADING = re.compile(r"(#{1,6})\s+\S")
_STRUCTURED = re.compile(r"<(?:p|br|div|li|h[1-6])\b", re.IGNORECASE)
_NESTED = frozenset("nav footer aside form button select textarea title h1 h2 h3 h4 h5 h6 li".split())
_BLANK_LINE = frozenset(
    "p div li ul ol section article blockquote h1 h2 h3 h4 h5 h6 table tr nav footer aside form".split()
)


@dataclass(slots=True)
class Part:
    """One non-blank line, or the part of it between two block tags.

    Attributes:
        raw: from its first to its last non-blank character, markup included.
        shown: from its first to its last character that a reader sees; empty where it is only markup.
        mapped: what a reader sees, with the way back to the raw text.
        newlines: line breaks between the part before and this one, 2 standing for a blank line.
        indent: characters before it on its line.
        bullet: begins with a bullet or a number.
        level: of a heading that is marked as one, 1 to 6; 0 otherwise.
        font: the largest font size it is set in, in points or so; 0 where none is given.
        tag: the HTML element that it stands in, of those that matter here.
        opaque: a comment, script or style.
    """

    raw: Span
    shown: Span
    mapped: MappedText
    newlines: int
    indent: int = 0
    bullet: bool = False
    level: int = 0
    font: float = 0.0
    tag: str = ""
    opaque: bool = False

    @property
    def text(self) -> str:
        """What a reader sees."""
        return self.mapped.text


def read_parts(text: str) -> Iterator[Part]:
    """The parts of a text in order; together they hold every character that is not blank."""
    structured = "<" in text and _STRUCTURED.search(text) is not None
    end, tag = 0, ""
    for start, stop, opaque in _regions(text):
        spans = (Span(start, stop),) if opaque else _lines(text, start, stop, structured)
        for span in spans:
            raw = _strip(text, span)
            if not raw:
                continue
            newlines = _newlines(text, end, raw.start)
            end = raw.end
            if opaque:
                yield Part(raw, Span(raw.start, raw.start), MappedText("", ()), newlines, opaque=True)
                continue
            part = _read_part(text, raw, newlines)
            if structured:
                tag = _set_tag(part, text, tag)
            yield part


def _regions(text: str) -> Iterator[tuple[int, int, bool]]:
    """`(start, end, opaque)`: comments, scripts and tags that run over several lines apart from the rest."""
    pos = 0
    ranges: list[tuple[int, int]] = []
    if "<" in text:
        ranges = opaque_ranges(text)
        ranges += [m.span() for m in TAG.finditer(text) if "\n" in m.group() and is_tag(m)]
        ranges.sort()
    for start, end in ranges:
        if start >= pos:
            if pos < start:
                yield pos, start, False
            yield start, end, True
            pos = end
    if pos < len(text):
        yield pos, len(text), False


def _lines(text: str, start: int, end: int, structured: bool) -> Iterator[Span]:
    for match in _LINE.finditer(text, start, end):
        pos = match.start()
        if structured and "<" in match.group():
            for tag in TAG.finditer(text, match.start(), match.end()):
                name = (tag.group(1) or "").lower()
                if name not in BLOCK_TAGS or not is_tag(tag):
                    continue
                closes = tag.group().startswith("</") or name in ("br", "hr")
                cut = tag.end() if closes else tag.start()
                if cut > pos:
                    yield Span(pos, cut)
                    pos = cut
        if pos < match.end():
            yield Span(pos, match.end())


def _strip(text: str, span: Span) -> Span:
    chunk = span.of(text)
    left = len(chunk) - len(chunk.lstrip())
    return Span(span.start + left, span.start + max(left, len(chunk.rstrip())))


def _newlines(text: str, start: int, end: int) -> int:
    """Line breaks in a gap of blanks, at most 2."""
    first = _NEWLINE.search(text, start, end)
    if first is None:
        return 0
    return 2 if _NEWLINE.search(text, first.end(), end) else 1


def _read_part(text: str, raw: Span, newlines: int) -> Part:
    mapped = search_copy(text, raw)
    shown = mapped.to_raw(0, len(mapped.text)) if mapped.text else Span(raw.start, raw.start)
    part = Part(raw, shown, mapped, newlines)
    line = raw.of(text)
    indent = 0
    while indent < 40 and raw.start > indent and text[raw.start - indent - 1] in " \t\xa0\u3000":
        indent += 1
    part.indent = indent
    part.bullet = _BULLET.match(line[:80]) is not None
    heading = _HEADING.match(line[:80])
    if heading is not None:
        part.level = len(heading.group(1))
    if "font-size" in line:
        sizes = (
            float(n) * (12.0 if unit.lower() in ("em", "rem") else 1.0) for n, unit in _FONT.findall(line)
        )
        part.font = max(sizes, default=0.0)
    return part


def _set_tag(part: Part, text: str, outer: str) -> str:
    """Set the part's element, level and distance from its tags; returns the element that the next part is in."""
    line = part.raw.of(text)
    part.tag = outer
    for match in TAG.finditer(line) if "<" in line else ():
        name = (match.group(1) or "").lower()
        if name in _BLANK_LINE and match.start() == 0:
            part.newlines = 2
        if name in _NESTED:
            closes = match.group().startswith("</")
            if not closes:
                part.tag = name
            outer = "" if closes and name == outer else outer if closes else name
    if part.tag[:1] == "h" and part.tag[1:].isdigit():
        part.level = int(part.tag[1:])
    return outer
