"""A text cut into its non-blank parts (lines), and those put together into paragraphs.

A line is a paragraph in one file, a 72-column slice of one in another, and half a sentence
where a page ends. Which it is follows from the shape of the whole text, not from one line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.cleaning.language import is_function_word
from rag.cleaning.lexicon import BYLINE, CREDIT, DATE, THUMBNAIL
from rag.cleaning.markup import BLOCK_TAGS, TAG, is_tag, opaque_ranges
from rag.cleaning.search_copy import MappedText, search_copy
from rag.datatypes import Span

__all__ = ["RULE", "Paragraph", "Part", "ends_sentence", "is_page_number", "read_paragraphs"]

_LINE = re.compile("[^\n\r\x0b\x0c\x85\u2028\u2029]+")
_NEWLINE = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_FONT = re.compile(r"font-size:\s*(\d{1,3}(?:\.\d+)?)\s*(pt|px|em|rem)", re.IGNORECASE)
_BULLET = re.compile(r"(?:[-*+•‣◦▪●○·–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+(?=\S)")
_HEADING = re.compile(r"#{1,6}\s+\S")
RULE = re.compile(r"(?:={3,}|-{3,}|\*{3,}|_{3,}|~{3,}|[*\-_=~•·♦■▪#] ?(?:[*\-_=~•·♦■▪#] ?){2,}|[■▪♦●◆•·*]+)$")
_PAGE_NUMBER = re.compile(
    r"(?:[-–—\[(|]?\s*(?:page|seite|página|pág\.|p\.|pg\.)?\s*\d{1,4}(?:\s*(?:of|/|von|de)\s*\d{1,4})?\s*[-–—\])|]?)$",
    re.IGNORECASE,
)
_CLOSERS = "\"'”’»›)]}」』）】 *_"
_TERMINAL = ".!?…。！？｡؟।:;：；"
_SENTENCE_INSIDE = re.compile(r"[.!?。！？]\W*\s")
_TAIL = 2000
_FURNITURE_TAGS = frozenset({"nav", "footer", "aside", "form", "button", "select", "textarea"})


@dataclass(slots=True)
class Part:
    """One non-blank line, or the part of it between two block tags.

    Attributes:
        raw: from its first to its last non-blank character, markup included.
        shown: from its first to its last character that a reader sees; empty where it is only markup.
        text: what a reader sees.
        mapped: the same with the way back to the raw text.
        newlines: line breaks between the part before and this one, 2 standing for a blank line.
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
        return self.mapped.text


@dataclass(slots=True)
class Paragraph:
    """Parts that belong together, though others (a picture at a page break) may stand between them.

    Attributes:
        text: the parts' words joined by spaces.
        kind, reason: as in `Block`; empty until classified.
    """

    parts: list[Part]
    text: str
    kind: str = ""
    reason: str = ""

    @property
    def first(self) -> Part:
        return self.parts[0]

    @property
    def n_words(self) -> int:
        return self.text.count(" ") + 1


def ends_sentence(text: str) -> bool:
    """Whether the text ends with a sentence's last mark, closing quotes aside.

    >>> ends_sentence("He left. ”"), ends_sentence("The recent purge of two top Chinese")
    (True, False)
    """
    stripped = text[-40:].rstrip(_CLOSERS + "■▪◼♦●* ")
    return bool(stripped) and stripped[-1] in _TERMINAL


def read_paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of a text in order; those without words (pictures, rules) are kept as such."""
    parts = list(_parts(text))
    width = _wrap_width(parts)
    repeated = _running_heads(parts)
    paragraphs: list[Paragraph] = []
    before: Paragraph | None = (
        None  # the last paragraph with words; its `text` is a bounded tail until the end
    )
    n_between = 0  # parts since then that a sentence may go on behind
    for part in parts:
        if not part.text or part.opaque or _passes(part, repeated):
            paragraphs.append(Paragraph([part], part.text))
            n_between += 1
        elif before is not None and _belongs(before, part, n_between, width):
            before.parts.append(part)
            before.text = f"{before.text[-_TAIL:]} {part.text}"
            n_between = 0
        else:
            before = Paragraph([part], part.text)
            paragraphs.append(before)
            n_between = 0
    for paragraph in paragraphs:
        if len(paragraph.parts) > 1:
            paragraph.text = " ".join(part.text for part in paragraph.parts)
    return paragraphs


def _parts(text: str) -> Iterator[Part]:
    end = 0
    tag = ""
    heights = "<" in text and re.search(r"<(?:p|br|div|li)\b", text, re.IGNORECASE) is not None
    for start, stop, opaque in _regions(text):
        spans = [Span(start, stop)] if opaque else _line_spans(text, start, stop, heights)
        for span in spans:
            raw = _strip(text, span)
            if not raw:
                continue
            gap = text[end : raw.start]
            newlines = min(2, len(_NEWLINE.findall(gap, 0, 50)) if len(gap) < 1000 else 2)
            if opaque:
                yield Part(raw, Span(raw.start, raw.start), MappedText("", ()), newlines, opaque=True)
                end = raw.end
                continue
            part, tag = _read_part(text, raw, newlines, tag, heights)
            yield part
            end = raw.end


def _regions(text: str) -> Iterator[tuple[int, int, bool]]:
    pos = 0
    ranges = opaque_ranges(text) if "<" in text else []
    if "<" in text:
        multi = [(m.start(), m.end()) for m in TAG.finditer(text) if "\n" in m.group() and is_tag(m)]
        ranges = sorted({*ranges, *multi})
    for start, end in ranges:
        if start < pos:
            continue
        if pos < start:
            yield pos, start, False
        yield start, end, True
        pos = end
    if pos < len(text):
        yield pos, len(text), False


def _line_spans(text: str, start: int, end: int, tags: bool) -> Iterator[Span]:
    for match in _LINE.finditer(text, start, end):
        if not tags or "<" not in match.group():
            yield Span(match.start(), match.end())
            continue
        pos = match.start()
        for tag in TAG.finditer(text, match.start(), match.end()):
            if (tag.group(1) or "").lower() not in BLOCK_TAGS or not is_tag(tag):
                continue
            cut = (
                tag.end()
                if tag.group().startswith("</") or tag.group(1).lower() in ("br", "hr")
                else tag.start()
            )
            if cut > pos:
                yield Span(pos, cut)
                pos = cut
        if pos < match.end():
            yield Span(pos, match.end())


def _strip(text: str, span: Span) -> Span:
    chunk = text[span.start : span.end]
    left = len(chunk) - len(chunk.lstrip())
    right = len(chunk.rstrip())
    return Span(span.start + left, span.start + right) if right > left else Span(span.start, span.start)


def _read_part(text: str, raw: Span, newlines: int, tag: str, tags: bool) -> tuple[Part, str]:
    mapped = search_copy(text, raw)
    line = text[raw.start : raw.end]
    line_start = max(
        text.rfind("\n", max(0, raw.start - 200), raw.start),
        text.rfind("\r", max(0, raw.start - 200), raw.start),
    )
    part = Part(
        raw,
        mapped.to_raw(0, len(mapped.text)) if mapped.text else Span(raw.start, raw.start),
        mapped,
        newlines,
    )
    part.indent = raw.start - line_start - 1 if line_start >= 0 else 0
    part.bullet = _BULLET.match(line[:80]) is not None
    heading = _HEADING.match(line[:80])
    if heading is not None:
        part.level = line.index(" ") if " " in line[:8] else 1
    if "<" in line:
        sizes = [
            float(size) * (12.0 if unit.lower() in ("em", "rem") else 1.0)
            for size, unit in _FONT.findall(line)
        ]
        part.font = max(sizes, default=0.0)
        for match in TAG.finditer(line):
            name = (match.group(1) or "").lower()
            if (
                name in _FURNITURE_TAGS
                or (name[:1] == "h" and name[1:] in "123456" and name[1:])
                or name in ("title", "li")
            ):
                if match.group().startswith("</"):
                    if tag == name and match.end() < len(line):
                        tag = ""
                    elif tag == name:
                        part.tag, tag = tag, ""
                else:
                    tag = name
        part.tag = part.tag or tag
        if tag in ("title", "li") and newlines and part.tag != tag:
            tag = ""
        if part.tag[:1] == "h" and part.tag[1:].isdigit():
            part.level = int(part.tag[1:])
            part.newlines = 2
        elif tags and re.match(
            r"</?(?:p|div|li|ul|ol|section|article|blockquote|h[1-6])\b", line, re.IGNORECASE
        ):
            part.newlines = 2
    return part, tag


def _wrap_width(parts: Sequence[Part]) -> int:
    """The column at which lines were wrapped, or 0 where each line is a paragraph of its own."""
    lengths: Counter[int] = Counter()
    pairs: list[tuple[int, str, str]] = []
    for before, after in zip(parts, parts[1:], strict=False):
        if after.newlines == 1 and before.text and after.text and not after.bullet:
            size = len(before.raw) + before.indent
            pairs.append((size, before.text, after.text))
            lengths[size] += 1
    if len(pairs) < 2:
        return 0
    sizes = sorted(size for size, _, _ in pairs)
    width = sizes[int(0.98 * (len(sizes) - 1))]
    if not 40 <= width <= 130:
        return 0
    full = [(b, a) for size, b, a in pairs if size + 1 + len(a.split(" ", 1)[0]) > width - 2]
    broken = sum(not ends_sentence(b) for b, _ in full)
    lower = sum(a[:1].islower() for _, a in full)
    if len(full) < 0.6 * len(pairs) or broken < 0.5 * len(full) or lower < 0.25 * len(full):
        return 0
    return width


def _running_heads(parts: Sequence[Part]) -> frozenset[str]:
    """Short lines repeated three times or more, as a book's running head is on each page."""
    counts = Counter(
        part.text for part in parts if part.text and len(part.text) < 80 and not ends_sentence(part.text)
    )
    return frozenset(text for text, n in counts.items() if n >= 3)


def _passes(part: Part, repeated: frozenset[str]) -> bool:
    """Whether a sentence can go on behind this part: page numbers, rules, file names of pictures."""
    text = part.text
    if len(text) > 80:
        return False
    if RULE.match(text) or THUMBNAIL.match(text):
        return True
    return is_page_number(part) or (part.newlines == 2 and text in repeated)


def is_page_number(part: Part) -> bool:
    """Whether the part is nothing but "12", "- 12 -" or "Page 3 of 10" between blank lines."""
    return part.newlines == 2 and len(part.text) < 20 and _PAGE_NUMBER.match(part.text) is not None


def _belongs(before: Paragraph, part: Part, n_between: int, width: int) -> bool:
    """Whether the part goes on with the paragraph before it."""
    last = before.parts[-1]
    if part.bullet or part.level or last.level or (part.tag and part.tag == "li"):
        return False
    if part.newlines == 0 and not n_between and not part.tag and not last.tag:
        return True
    if part.newlines == 1 and not n_between and width:
        size = len(last.raw) + last.indent
        word = part.text.split(" ", 1)[0]
        if size + 1 + len(word) > width - 2 and size <= width + 10 and not _apart(part):
            return True
    if n_between > 3:
        return False
    return _sentence_goes_on(before, part)


def _sentence_goes_on(before: Paragraph, part: Part) -> bool:
    a, b = before.text, part.text
    if ends_sentence(a) or _apart(part) or _alone(a) or _heading_like(a):
        return False
    first = b.lstrip("“\"'‘(«[")
    last_word = re.split(r"\s", a[-40:])[-1]
    open_end = (
        last_word[-1:] in ",-–—(/&" or is_function_word(last_word.strip("“\"'‘(«[")) and last_word.islower()
    )
    if (
        first[:1].islower()
        and not first[1:2].isupper()
        and not first[:40].split(" ")[0][1:].strip(".,").isupper()
    ):
        return len(a) >= 40 or open_end or _SENTENCE_INSIDE.search(a) is not None
    if first[:1].isdigit() or first[:1].isupper() or first[:1] in "$€£":
        return open_end and len(a) >= 60 and (len(b) >= 40 or ends_sentence(b))
    return False


def _apart(part: Part) -> bool:
    """Whether a part stands on its own whatever comes before it."""
    text = part.text
    if (
        text[:1] in "—–-―~"
        or len(text) < 80
        and (BYLINE.match(text) or DATE.match(text) or CREDIT.match(text))
    ):
        return True
    return len(text) < 120 and THUMBNAIL.match(text) is not None


def _alone(text: str) -> bool:
    return len(text) < 80 and bool(
        BYLINE.match(text) or DATE.match(text) or CREDIT.match(text) or THUMBNAIL.match(text)
    )


def _heading_like(text: str) -> bool:
    """A line in title case or capitals, with no sentence inside."""
    if len(text) > 110 or _SENTENCE_INSIDE.search(text):
        return False
    words = re.findall(r"[^\W\d_][\w’'-]*", text)
    if not words:
        return True
    if len(words) < 4:
        return True
    big = [word for word in words if len(word) > 3 or not is_function_word(word.lower())]
    return bool(big) and sum(word[:1].isupper() for word in big) >= 0.8 * len(big)
