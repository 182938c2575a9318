"""What the reader found, put back into the documents: one candidate a place, best first.

Chunks overlap, so the same place can be read twice (it counts once, with its better score);
different places that say the same words support each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.citation import quote_span, same_words
from rag.cleaning import MappedText
from rag.datatypes import Chunk, Document, Span
from rag.reader import Reading
from rag.retriever import Hit

__all__ = ["Candidate", "find_candidates", "to_document"]

# Kinds of sentence that name what follows rather than say it: never quoted as an answer.
_NOT_ANSWERS = frozenset({"heading", "title", "caption"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A short answer at its place in a document.

    Attributes:
        document: where it stands.
        span: the short answer's `[start, end)` in the document's text.
        quote: the whole sentences around it, `[start, end)`.
        short: the short answer's characters.
        hit: the chunk that it was read in, with the retriever's scores.
        reading: the reader's scores.
        score: what candidates are ordered by; higher is better.
        n_support: other places, of any document, that give the same short answer.
    """

    document: Document
    span: Span
    quote: Span
    short: str
    hit: Hit
    reading: Reading
    score: float
    n_support: int


def to_document(chunk: Chunk, start: int, end: int) -> Span:
    """`[start, end)` of a chunk's text as `[start, end)` of its document's text."""
    return MappedText(chunk.text, chunk.offsets).to_raw(start, end)


def find_candidates(
    documents: Mapping[str, Document],
    hits: Sequence[Hit],
    readings: Sequence[Reading],
    *,
    max_quote_words: int,
    retrieval_weight: float = 0.0,
) -> list[Candidate]:
    """Order the reader's spans over all chunks and keep each place once.

    Args:
        documents: by doc_id.
        hits: the chunks that were read.
        readings: their spans; `Reading.passage` is an index into `hits`.
        max_quote_words: what a quote should stay within.
        retrieval_weight: how much of the retriever's fused score joins the reader's.
    """
    best: dict[tuple[str, int, int], Candidate] = {}
    for reading in readings:
        hit = hits[reading.passage]
        document = documents[hit.chunk.doc_id]
        span = _trim(document.text, to_document(hit.chunk, reading.start, reading.end))
        if len(span) == 0:
            continue
        quote = quote_span(document, span, max_quote_words)
        if _kind_at(document, span) in _NOT_ANSWERS:
            continue
        score = reading.score + retrieval_weight * hit.score
        place = (document.doc_id, span.start, span.end)
        if place not in best or score > best[place].score:
            best[place] = Candidate(document, span, quote, span.of(document.text), hit, reading, score, 0)
    ranked = sorted(best.values(), key=lambda c: (-c.score, c.document.doc_id, c.span))
    return [_with_support(candidate, ranked) for candidate in ranked]


def _with_support(candidate: Candidate, ranked: Sequence[Candidate]) -> Candidate:
    words = same_words(candidate.short)
    places = {
        (other.document.doc_id, other.quote)
        for other in ranked
        if other.reading.score > 0 and words and words in same_words(other.short)
    }
    places.discard((candidate.document.doc_id, candidate.quote))
    return Candidate(
        candidate.document,
        candidate.span,
        candidate.quote,
        candidate.short,
        candidate.hit,
        candidate.reading,
        candidate.score,
        len(places),
    )


def _kind_at(document: Document, span: Span) -> str | None:
    for sentence, kind in zip(document.sentences, document.sentence_kinds, strict=False):
        if sentence.covers(span):
            return kind
    return None


def _trim(text: str, span: Span) -> Span:
    start, end = span.start, span.end
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)
