"""The values that travel through the pipeline. All offsets are `[start, end)` in characters.

"Characters" are Unicode code points of the document's canonical text: for text files the
file itself, decoded as UTF-8 with line ends as they are.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

__all__ = ["NOT_IN_SOURCES", "Answer", "Chunk", "Citation", "Document", "Span"]

NOT_IN_SOURCES = "not in sources"


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A half-open range of characters, `[start, end)`.

    >>> Span(4, 7).of("the cat sat")
    'cat'
    """

    start: int
    end: int

    def of(self, text: str) -> str:
        """The characters of `text` that this span covers."""
        return text[self.start : self.end]

    def overlaps(self, other: Span) -> bool:
        """Whether the two spans share a character."""
        return self.start < other.end and other.start < self.end

    def covers(self, other: Span) -> bool:
        """Whether `other` lies wholly within this span."""
        return self.start <= other.start and other.end <= self.end

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Document:
    """One source file as indexed.

    Attributes:
        doc_id: path relative to the indexed folder, with `/`.
        text: the canonical text; every offset refers to it.
        sha256: of the file's bytes, lowercase hex.
        title: the document's title where it has one.
        prose: spans of the article itself, in reading order; furniture is left out.
        sentences: whole sentences, each within or across the spans of `prose`.
        sentence_kinds: what each of `sentences` is, in the same order; empty where unknown.
        author, date: as the document states them, where it does.
        date_iso: the same date in ISO 8601 ("2021-05-03", "2021-05" or "2021"), only where it is certain.
        language: of most of the text, ISO 639-1 ("en"), where known.
        source: where it comes from (a site, a publisher, a mail's sender), where the file says so.
        pages: for paged formats the start of each page in `text`, ascending.
    """

    doc_id: str
    text: str
    sha256: str
    title: str | None = None
    prose: tuple[Span, ...] = ()
    sentences: tuple[Span, ...] = ()
    sentence_kinds: tuple[str, ...] = ()
    author: str | None = None
    date: str | None = None
    language: str | None = None
    source: str | None = None
    pages: tuple[int, ...] = ()
    date_iso: str | None = None

    def page(self, place: int) -> int | None:
        """The page that a character is on, from 1; None where the format has no pages.

        >>> Document("a.pdf", "one two", "", pages=(0, 4)).page(4)
        2
        """
        return max(1, bisect_right(self.pages, place)) if self.pages else None


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit that is embedded and retrieved: a run of neighbouring sentences.

    Attributes:
        chunk_id: stable id, the same for the same text at the same place of the same document.
        doc_id: the document it comes from.
        first, last: the sentences it holds, `[first, last)` in `Document.sentences`.
        span: from the first sentence's start to the last one's end, in the document's text.
        text: what encoder and reader see: the sentences' text without markup.
        offsets: where its characters come from: `(text_pos, doc_pos)` breakpoints, ascending in
            both, as in `rag.cleaning.MappedText`.
    """

    chunk_id: str
    doc_id: str
    first: int
    last: int
    span: Span
    text: str
    offsets: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """A verbatim quote and its exact place. `quote == text[start:end]` of that file, always.

    Attributes:
        doc_id: path of the file relative to the indexed folder, with `/`.
        title: the document's title where it has one.
        start, end: `[start, end)` in characters of the file decoded as UTF-8.
        quote: whole sentences, as short as answers the question.
        highlight: the short answer's own `[start, end)` in the same file.
        page: 1-based, for paged formats.
        sha256: of the file as indexed.
        score: higher is better.
        author, date, source: as the document states them, where it does.
        date_iso: the same date in ISO 8601, where it is certain.
    """

    doc_id: str
    title: str | None
    start: int
    end: int
    quote: str
    highlight: tuple[int, int] | None
    page: int | None
    sha256: str
    score: float
    author: str | None = None
    date: str | None = None
    source: str | None = None
    date_iso: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "doc_id": self.doc_id,
            "title": self.title,
            "start": self.start,
            "end": self.end,
            "quote": self.quote,
            "highlight": list(self.highlight) if self.highlight else None,
            "page": self.page,
            "sha256": self.sha256,
            "score": self.score,
            "author": self.author,
            "date": self.date,
            "source": self.source,
            "date_iso": self.date_iso,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What `ask` returns: the documents' own words, or an honest refusal.

    Attributes:
        question: as asked.
        found: False means the answer is "not in sources".
        text: the best citation's quote; exactly `not in sources` where `found` is False.
        short: the shortest span that answers, verbatim, inside `text`.
        confidence: calibrated probability, 0 to 1, that the sources hold the answer and
            `text` contains it.
        citations: best first; at least one where `found`, none where not.
        nearest: where not found, the closest passages looked at.
        reason: where not found, which score fell short of which threshold.
        timings: seconds by stage.
        understood: the question as understood from the conversation, or the sentence that asks of a question
            too long to be read, where it differs from `question`.
        filter: which documents were asked, in words, where not all were.
    """

    question: str
    found: bool
    text: str
    short: str | None
    confidence: float
    citations: tuple[Citation, ...] = ()
    nearest: tuple[Citation, ...] = ()
    reason: str | None = None
    timings: dict[str, float] = field(default_factory=dict)
    understood: str | None = None
    filter: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, every field of the contract."""
        return {
            "question": self.question,
            "found": self.found,
            "text": self.text,
            "short": self.short,
            "confidence": self.confidence,
            "citations": [citation.to_dict() for citation in self.citations],
            "nearest": [citation.to_dict() for citation in self.nearest],
            "reason": self.reason,
            "timings": dict(self.timings),
            "understood": self.understood,
            "filter": self.filter,
        }
