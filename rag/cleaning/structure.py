"""From a document's raw text to its prose, title and whole sentences, in offsets of the raw text."""

from __future__ import annotations

from dataclasses import dataclass

from rag.cleaning.furniture import classify
from rag.cleaning.language import guess_language
from rag.cleaning.lines import BYLINE, DATE, TRAILING_CREDIT
from rag.cleaning.paragraphs import Paragraph, read_paragraphs
from rag.cleaning.search_copy import MappedText, join_search_copies
from rag.datatypes import Span
from rag.sentences import split_sentences

__all__ = ["Block", "Structure", "read_structure"]

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
        author, date: as written in the document, where recognised.
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
    blocks: tuple[Block, ...]
    prose: tuple[Span, ...]
    sentences: tuple[Span, ...]
    sentence_kinds: tuple[str, ...]
    language: str


def read_structure(text: str, *, remove_furniture: bool = True) -> Structure:
    """Read what a text consists of.

    >>> structure = read_structure("Rates rise\\n\\nThe bank raised rates on Monday. Mr. Li\\n\\nagreed with it.")
    >>> [structure.sentences[-1].of("Rates rise\\n\\nThe bank raised rates on Monday. Mr. Li\\n\\nagreed with it.")]
    ['Mr. Li\\n\\nagreed with it.']

    Args:
        text: the document's canonical text.
        remove_furniture: off keeps everything but markup as prose.
    """
    paragraphs = read_paragraphs(text)
    classify(paragraphs)
    if not remove_furniture:
        for paragraph in paragraphs:
            if paragraph.kind in ("furniture", "caption"):
                paragraph.kind, paragraph.reason = "prose", f"kept though {paragraph.reason}"
    language = guess_language(" ".join(p.text for p in paragraphs[:200] if p.kind == "prose"))
    blocks: list[Block] = []
    prose: list[Span] = []
    sentences: list[tuple[Span, str]] = []
    for paragraph in paragraphs:
        mapped = (
            join_search_copies(text, [part.shown for part in paragraph.parts]) if paragraph.text else None
        )
        credit = _credit_start(mapped, paragraph, remove_furniture)
        blocks.extend(_blocks(paragraph, credit))
        if mapped is None or paragraph.kind not in _ANSWERABLE:
            continue
        for span in _runs(paragraph, shown=True):
            end = span.end if credit is None else min(span.end, credit[0])
            if end > span.start:
                prose.append(Span(span.start, end))
        spans = _sentences(text, mapped, paragraph, language)
        sentences.extend((s, paragraph.kind) for s in spans if credit is None or s.end <= credit[0])
    blocks.sort(key=lambda block: block.span)
    prose.sort()
    sentences.sort()
    return Structure(
        title=next((p.text for p in paragraphs if p.kind == "title"), None),
        author=_named(paragraphs, "byline"),
        date=_named(paragraphs, "date"),
        blocks=tuple(blocks),
        prose=tuple(prose),
        sentences=tuple(span for span, _ in sentences),
        sentence_kinds=tuple(kind for _, kind in sentences),
        language=language,
    )


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


def _credit_start(mapped: MappedText | None, paragraph: Paragraph, remove: bool) -> tuple[int, int] | None:
    """Where a caption's credit begins after its sentence: (end of the sentence, start of the credit), raw."""
    if mapped is None or not remove or paragraph.kind != "prose" or len(mapped.text) > 700:
        return None
    match = TRAILING_CREDIT.search(mapped.text)
    if match is None or match.start() == 0:
        return None
    return mapped.to_raw(0, match.start()).end, mapped.to_raw(
        match.start("credit"), match.end("credit")
    ).start


def _sentences(text: str, mapped: MappedText, paragraph: Paragraph, language: str) -> list[Span]:
    if not mapped.text:
        return []
    if paragraph.kind != "prose":
        return [mapped.to_raw(0, len(mapped.text))]
    own = guess_language(mapped.text, language)
    return [mapped.to_raw(start, end) for start, end in split_sentences(mapped.text, own)]


def _named(paragraphs: list[Paragraph], kind: str) -> str | None:
    """The author's name or the date out of the first paragraph of that kind."""
    pattern = BYLINE if kind == "byline" else DATE
    for paragraph in paragraphs:
        if paragraph.kind == kind:
            match = pattern.match(paragraph.text)
            if match is not None:
                groups = match.groupdict()
                return (
                    groups.get("name") or groups.get("cjk") or groups.get("date") or paragraph.text
                ).strip()
    return None
