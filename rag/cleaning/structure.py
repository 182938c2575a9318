"""From a document's raw text to its prose, title and whole sentences, in offsets of the raw text."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.cleaning.furniture import classify
from rag.cleaning.heads import Head, read_head
from rag.cleaning.language import guess_language
from rag.cleaning.lines import TRAILING_CREDIT
from rag.cleaning.paragraphs import Paragraph, ends_sentence, read_paragraphs
from rag.cleaning.search_copy import MappedText, join_search_copies
from rag.cleaning.stated import Stated, find_stated
from rag.datatypes import Span
from rag.sentences import split_sentences

__all__ = ["Block", "Structure", "read_structure"]

_CREDIT_WORDS = ("photo", "image", "picture", "credit", "courtesy", "illustration", "foto", "bild")
_WORDED = re.compile(r"[^\r\n]")
_STRETCH = 1_000_000  # characters
_MAX_CAPTION = 700
_ANSWERABLE = frozenset({"prose", "heading", "title", "byline", "date"})


@dataclass(frozen=True, slots=True)
class Block:
    """A non-blank part of the text and what it is.

    Attributes:
        span: raw characters, markup included.
        kind: prose, heading, title, byline, date, caption, furniture or markup.
        reason: what it was recognised by; empty for plain prose.
    """

    span: Span
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Structure:
    """What a text consists of. All spans are in characters of the raw text.

    Attributes:
        title: cleaned text of the title, where there is one.
        author, date, source: as written in the document, where recognised.
        blocks: every non-blank part of the text, in order, not overlapping.
        prose: where answers may come from (prose, headings, title, byline, date), in order.
        sentences: whole sentences, and headings, title, byline and date each as one; in order, not
            overlapping, without the blanks around them. One that a page break splits is one span.
        sentence_kinds: the kind of block that each sentence is of.
        language: ISO 639-1 guess for the document; each paragraph is split by its own language's rules.
    """

    title: str | None
    author: str | None
    date: str | None
    source: str | None
    blocks: tuple[Block, ...]
    prose: tuple[Span, ...]
    sentences: tuple[Span, ...]
    sentence_kinds: tuple[str, ...]
    language: str


def read_structure(
    text: str,
    *,
    remove_furniture: bool = True,
    language: str | None = None,
    furniture: Sequence[tuple[int, int]] = (),
    records: Sequence[int] = (),
) -> Structure:
    """Read what a text consists of.

    >>> structure = read_structure("Rates rise\\n\\nThe bank raised rates on Monday. Mr. Li\\n\\nagreed with it.")
    >>> [structure.sentences[-1].of("Rates rise\\n\\nThe bank raised rates on Monday. Mr. Li\\n\\nagreed with it.")]
    ['Mr. Li\\n\\nagreed with it.']

    Args:
        text: the document's canonical text.
        remove_furniture: off keeps everything but markup as prose.
        language: as declared, ISO 639-1; it holds where the text is too short to tell.
        furniture: `[start, end)` of what the file's format told to be furniture, ascending. It is nothing to
            the rest: no sentence or paragraph holds any of it.
        records: where the text holds many (a table's rows) the start of each, ascending. Each is read by itself.
    """
    running = [Span(start, end) for start, end in furniture if remove_furniture and start < end]
    text = _without(text, running)
    head = None if records else read_head(text)
    found = _Found(running, language or (head.language if head else None) or "en")
    if head is not None:
        found.take_head(head)
        text = _without(text, [head.span])
    if records:  # the first alone may be too short to tell
        found.language = guess_language(text, found.declared)
    edges = (0, *(record for record in records if record), len(text))
    for first, last in pairwise(edges):
        for start, end in _stretches(text, first, last):
            stretch = text[start:end] if end - start < len(text) else text
            found.read(stretch, start, remove_furniture, begins=not (start or records))
    return found.structure()


class _Found:
    """What has been found so far, stretch by stretch of the text."""

    def __init__(self, running: Sequence[Span], declared: str) -> None:
        self.declared = declared
        self._running = running
        self.title: str | None = None
        self.stated = Stated()
        self.language: str | None = None
        self.blocks = [Block(span, "furniture", "runs through the pages") for span in running]
        self.prose: list[Span] = []
        self.sentences: list[tuple[Span, str]] = []

    def take_head(self, head: Head) -> None:
        """Take in the lines that describe the text; they can be quoted, one by one."""
        self.title = head.title
        self.stated = Stated(head.author, head.date, head.source)
        for span, kind in head.lines:
            if span:
                self.blocks.append(Block(span, kind, "describes the text"))
            if span and kind in _ANSWERABLE:
                self.prose.append(span)
                self.sentences.append((span, kind))

    def read(self, text: str, offset: int, remove_furniture: bool, *, begins: bool) -> None:
        """Read a stretch that begins at `offset` of the document; `begins` says that it may begin with a title."""
        paragraphs = read_paragraphs(text)
        classify(paragraphs, begins=begins)
        if not remove_furniture:
            for paragraph in paragraphs:
                if paragraph.kind in ("furniture", "caption"):
                    paragraph.kind, paragraph.reason = "prose", f"kept though {paragraph.reason}"
        self.title = self.title or next((p.text for p in paragraphs if p.kind == "title"), None)
        said, found = self.stated, find_stated(paragraphs)
        self.stated = Stated(
            said.author or found.author, said.date or found.date, said.source or found.source
        )
        if self.language is None:
            sample = " ".join(p.text for p in paragraphs[:200] if p.kind == "prose")
            self.language = guess_language(sample, self.declared)
        blocks: list[Block] = []
        prose: list[Span] = []
        sentences: list[tuple[Span, str]] = []
        for paragraph in paragraphs:
            shown = [part.shown for part in paragraph.parts]
            mapped = paragraph.first.mapped if len(shown) == 1 else join_search_copies(text, shown)
            credit = _credit(mapped, paragraph) if remove_furniture else None
            blocks += _blocks(paragraph, credit)
            if not mapped.text or paragraph.kind not in _ANSWERABLE:
                continue
            last = credit[0] if credit else len(text)
            prose += [Span(s.start, min(s.end, last)) for s in _runs(paragraph, shown=True) if s.start < last]
            if paragraph.within:  # part of the span of the sentence that it interrupts
                continue
            spans = _sentences(mapped, paragraph, self.language)
            if self._running:
                spans = [part for span in spans for part in self._parted(span, text, offset)]
            sentences += [(span, paragraph.kind) for span in spans if span.end <= last]
        # A paragraph that goes on behind a picture was read before the picture.
        self.blocks += [Block(_moved(b.span, offset), b.kind, b.reason) for b in sorted(blocks, key=_start)]
        self.prose += [_moved(span, offset) for span in sorted(prose)]
        self.sentences += [(_moved(span, offset), kind) for span, kind in sorted(sentences)]

    def _parted(self, span: Span, text: str, offset: int) -> Iterator[Span]:
        """A sentence's parts around what runs through the pages; nearly always all of it."""
        start = span.start
        at = bisect_left(self._running, start + offset, key=_end)
        while at < len(self._running) and self._running[at].start < span.end + offset:
            yield from _trimmed(text, start, self._running[at].start - offset)
            start = self._running[at].end - offset
            at += 1
        yield from _trimmed(text, start, span.end)

    def structure(self) -> Structure:
        """All of it."""
        sentences = sorted(self.sentences)  # a head may stand after a title
        return Structure(
            title=self.title,
            author=self.stated.author,
            date=self.stated.date,
            source=self.stated.source,
            blocks=tuple(sorted(self.blocks, key=_start)),
            prose=tuple(sorted(self.prose)),
            sentences=tuple(span for span, _ in sentences),
            sentence_kinds=tuple(kind for _, kind in sentences),
            language=self.language or self.declared,
        )


def _without(text: str, spans: Sequence[Span]) -> str:
    """The text with blanks for some of its words: every other place stays what it is."""
    parts, end = [], 0
    for span in spans:
        parts += [text[end : span.start], _WORDED.sub(" ", span.of(text))]
        end = span.end
    return "".join([*parts, text[end:]]) if parts else text


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    """The stretch without the blanks around it; nothing where it is all blanks."""
    shown = text[start:end]
    start += len(shown) - len(shown.lstrip())
    if shown.strip():
        yield Span(start, start + len(shown.strip()))


def _end(span: Span) -> int:
    return span.end


def _stretches(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Stretches that fit into memory with all that is noted about their lines, cut at blank lines."""
    while end - start > 2 * _STRETCH:
        low, high = start + _STRETCH, start + 2 * _STRETCH
        cut = next((at for mark in ("\n\n", "\n", " ") if (at := text.find(mark, low, high)) >= 0), low)
        yield start, cut
        start = cut
    yield start, end


def _start(block: Block) -> int:
    return block.span.start


def _moved(span: Span, offset: int) -> Span:
    return Span(span.start + offset, span.end + offset) if offset else span


def _runs(paragraph: Paragraph, *, shown: bool) -> list[Span]:
    """The paragraph's parts as spans; lines of one block become one span, page breaks divide."""
    runs: list[Span] = []
    for part in paragraph.parts:
        span = part.shown if shown else part.raw
        if runs and part.newlines < 2:
            runs[-1] = Span(runs[-1].start, span.end)
        else:
            runs.append(span)
    return runs


def _blocks(paragraph: Paragraph, credit: tuple[int, int] | None) -> list[Block]:
    blocks = []
    for span in _runs(paragraph, shown=False):
        if credit is not None and span.start < credit[0] < span.end:
            blocks.append(Block(Span(span.start, credit[0]), paragraph.kind, paragraph.reason))
            blocks.append(Block(Span(credit[1], span.end), "caption", "the credit after a caption"))
        else:
            blocks.append(Block(span, paragraph.kind, paragraph.reason))
    return blocks


def _credit(mapped: MappedText, paragraph: Paragraph) -> tuple[int, int] | None:
    """Where a picture's credit stands after its caption: (end of the caption, start of the credit), raw."""
    if paragraph.kind != "prose" or len(mapped.text) > _MAX_CAPTION:
        return None
    folded = mapped.text.casefold()
    if ends_sentence(mapped.text) and not any(word in folded for word in _CREDIT_WORDS):
        return None  # the rule for nearly every paragraph, and much the quicker look
    match = TRAILING_CREDIT.search(mapped.text)
    if match is None or match.start() == 0:
        return None
    return mapped.to_raw(0, match.start()).end, mapped.to_raw(*match.span("credit")).start


def _sentences(mapped: MappedText, paragraph: Paragraph, language: str) -> list[Span]:
    if paragraph.kind != "prose":
        return [mapped.to_raw(0, len(mapped.text))]
    spans: list[Span] = []
    for start, end in split_sentences(mapped.text, guess_language(mapped.text, language)):
        span = mapped.to_raw(start, end)
        if spans and span.start < spans[-1].end:  # a mark that combines across the boundary
            span = Span(spans[-1].end, span.end)
        if span:
            spans.append(span)
    return spans
