"""What the reader found, put back into the documents: one candidate a place, best first.

Chunks overlap, so the same place can be read twice (it counts once, with its better score);
different places that say the same words support each other: of two answers that the reader likes about as
much, the one that more places give comes first.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rag.citation import quote_span, same_words, says, sentences_of
from rag.cleaning import MappedText, search_copy
from rag.datatypes import Chunk, Document, Span
from rag.imprint import value_at
from rag.reader import Reading
from rag.retriever import Hit

__all__ = ["Candidate", "RankWeights", "find_candidates", "to_document"]

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")

# Kinds of block that name what follows rather than say it: quoted only where nothing else is near.
_NAMES_ONLY = frozenset({"heading", "title", "caption"})

# Quotes whose own vector is compared with the question's; the ones behind them keep their order.
_N_COMPARED = 10

# The cosine of each text with the question, float32, (n_texts,).
Similarity = Callable[[Sequence[str]], npt.NDArray[np.float32]]
# The share of the question's words that each text holds alike, in another language.
Likeness = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class RankWeights:
    """How the scores of a candidate are added up; the reader's score has the weight 1.

    Attributes:
        retrieval: of the retriever's fused score of its chunk.
        similarity: of the cosine of question and quote.
        name_only: added where the span stands in a heading, a title or a caption.
        alike: of the share of the question's words that a quote in another language holds alike (in a script
            that the reader does not know: holds at all). Reader and encoder know English best: they give
            such quotes less than they deserve.
        support: of log(1 + other places that give the same short answer).
    """

    retrieval: float = 30.0
    similarity: float = 18.0
    name_only: float = -6.0
    alike: float = 12.0
    support: float = 0.5


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
        similarity: cosine of question and quote; 0 where it was not compared.
        n_support: other places, of any document, whose own short answer holds this one's words; places that
            overlap one another count once.
        alike: share of the question's words that the quote holds in another language's spelling, 0 to 1; None
            where it is in the question's language and the reader knows its script.
    """

    document: Document
    span: Span
    quote: Span
    short: str
    hit: Hit
    reading: Reading
    score: float
    similarity: float = 0.0
    n_support: int = 0
    alike: float | None = None

    @property
    def place(self) -> tuple[str, Span]:
        """The quote's document and span, which tell one quote from another."""
        return self.document.doc_id, self.quote


def to_document(chunk: Chunk, start: int, end: int) -> Span:
    """`[start, end)` of a chunk's text as `[start, end)` of its document's text."""
    return MappedText(chunk.text, chunk.offsets).to_raw(start, end)


def find_candidates(
    documents: Mapping[str, Document],
    hits: Sequence[Hit],
    readings: Sequence[Reading],
    similarity: Similarity,
    *,
    max_quote_words: int,
    weights: RankWeights | None = None,
    alike: Likeness | None = None,
) -> list[Candidate]:
    """Order the reader's spans over all chunks and keep each place once.

    Args:
        documents: by doc_id.
        hits: the chunks that were read.
        readings: their spans; `Reading.passage` is an index into `hits`.
        similarity: compares quotes with the question.
        max_quote_words: what a quote should stay within.
        weights: how the scores are added up.
        alike: compares quotes in another language with the question, word by word.

    Returns:
        Best first.
    """
    weights = weights or RankWeights()
    opened = {hit.chunk.doc_id: documents[hit.chunk.doc_id] for hit in hits}
    best: dict[tuple[str, Span], Candidate] = {}
    unread = {reading.passage: reading for reading in readings if reading.unread}
    placed = [
        _place(opened, hits[reading.passage], reading, max_quote_words, weights)
        for reading in readings
        if reading.passage not in unread
    ]
    for passage, reading in unread.items():
        placed += _sentences(opened, hits[passage], reading, max_quote_words, weights)
    for candidate in placed:
        if candidate is None:
            continue
        place = (candidate.document.doc_id, candidate.span)
        best[place] = _better(candidate, best.get(place))
    found = list(best.values())
    if alike is not None and weights.alike:
        found = _with_alike(found, alike, weights.alike)
    ranked = _sorted(found)
    if weights.similarity:
        ranked = _compared(ranked, similarity, weights.similarity)
    return _sorted(_supported(ranked, weights.support))


def _better(one: Candidate, other: Candidate | None) -> Candidate:
    """Of two readings of the same place the better one, known as part of an imprint if either is."""
    if other is None:
        return one
    best = one if one.score > other.score else other
    hit = one.hit if one.hit.imprint else other.hit
    return replace(best, hit=hit) if hit.imprint else best


def _place(
    documents: Mapping[str, Document], hit: Hit, reading: Reading, max_quote_words: int, weights: RankWeights
) -> Candidate | None:
    document = documents[hit.chunk.doc_id]
    if hit.imprint:
        span = value_at(hit, reading.start, reading.end)
    else:
        span = _trim(document.text, to_document(hit.chunk, reading.start, reading.end))
    if span is None or len(span) == 0 or (not hit.imprint and _joins_paragraphs(document, span)):
        return None
    score = reading.score + weights.retrieval * hit.score
    return _candidate(document, span, hit, reading, score, max_quote_words, weights)


def _joins_paragraphs(document: Document, span: Span) -> bool:
    """Whether the span runs over a blank line into another sentence; the lines of a list have none between them.

    A sentence that a page break splits is one, blank line or not.
    """
    if not _BLANK_LINE.search(span.of(document.text)):
        return False
    first, last = sentences_of(document, span)
    return first < last


def _sentences(
    documents: Mapping[str, Document], hit: Hit, reading: Reading, max_quote_words: int, weights: RankWeights
) -> list[Candidate | None]:
    """Each sentence of a chunk in a script that the reader does not know, all with the same, empty, reading."""
    document, chunk = documents[hit.chunk.doc_id], hit.chunk
    nothing = replace(reading, start=0, end=0, score=0.0, logit=0.0, answerable=0.0)
    found: list[Candidate | None] = []
    for sentence in document.sentences[chunk.first : chunk.last]:
        span = Span(max(sentence.start, chunk.span.start), min(sentence.end, chunk.span.end))
        if span.start < span.end:
            score = weights.retrieval * hit.score
            found.append(_candidate(document, span, hit, nothing, score, max_quote_words, weights))
    return found


def _candidate(
    document: Document,
    span: Span,
    hit: Hit,
    reading: Reading,
    score: float,
    max_quote_words: int,
    weights: RankWeights,
) -> Candidate:
    if not hit.imprint and _kind_at(document, span) in _NAMES_ONLY:
        score += weights.name_only
    quote = quote_span(document, span, max_quote_words)
    return Candidate(document, span, quote, span.of(document.text), hit, reading, score)


def _with_alike(found: list[Candidate], alike: Likeness, weight: float) -> list[Candidate]:
    """Those that the reader reads badly or not at all, with the likeness of their words added."""
    foreign = {
        c.place: c.quote.of(c.document.text) for c in found if c.hit.alike is not None or c.reading.unread
    }
    shares = dict(zip(foreign, alike(list(foreign.values())), strict=True))
    return [
        replace(c, alike=shares[c.place], score=c.score + weight * shares[c.place])
        if c.place in shares
        else c
        for c in found
    ]


def _compared_as(candidate: Candidate) -> str:
    """What of a candidate is compared with the question; a bare name or date says nothing of its document."""
    if candidate.hit.imprint:
        return candidate.hit.chunk.text
    return search_copy(candidate.document.text, candidate.quote).text


def _compared(ranked: list[Candidate], similarity: Similarity, weight: float) -> list[Candidate]:
    """The first quotes with their likeness to the question added, then the others as they were."""
    quotes: dict[tuple[str, Span], str] = {}
    for candidate in ranked:
        if len(quotes) == _N_COMPARED:
            break
        quotes.setdefault(candidate.place, _compared_as(candidate))
    if not quotes:
        return ranked
    cosines = dict(zip(quotes, map(float, similarity(list(quotes.values()))), strict=True))
    least = min(cosines.values())
    return _sorted(
        replace(
            candidate,
            similarity=cosines.get(candidate.place, 0.0),
            score=candidate.score + weight * cosines.get(candidate.place, least),
        )
        for candidate in ranked
    )


def _sorted(candidates: Iterable[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda c: (-c.score, c.document.doc_id, c.span))


def _supported(candidates: Sequence[Candidate], weight: float) -> list[Candidate]:
    """All of them, with how many other places give their answer, and that added to the score."""
    places: dict[str, set[tuple[str, Span]]] = {}
    for candidate in candidates:
        if candidate.reading.score > 0:
            places.setdefault(same_words(candidate.short), set()).add(candidate.place)
    holding: dict[str, list[str]] = {}  # what was said, by each of its words
    for said in places:
        for word in set(said.split()):
            holding.setdefault(word, []).append(said)
    apart: dict[str, tuple[int, dict[str, list[Span]]]] = {}  # how many places say it, and which
    supported = []
    for candidate in candidates:
        words = same_words(candidate.short)
        if words not in apart:
            some = min((holding.get(word, []) for word in words.split()), key=len, default=[])
            found = _apart(place for said in some if says(said, words) for place in places[said])
            apart[words] = sum(map(len, found.values())), found
        n_places, found = apart[words]
        n_support = n_places - sum(map(candidate.quote.overlaps, found.get(candidate.document.doc_id, ())))
        score = candidate.score + weight * math.log1p(n_support)
        supported.append(replace(candidate, n_support=n_support, score=score))
    return supported


def _apart(places: Iterable[tuple[str, Span]]) -> dict[str, list[Span]]:
    """By document, as many of the places as do not overlap one another."""
    apart: dict[str, list[Span]] = {}
    for doc_id, span in sorted(places, key=lambda place: place[1].end):
        kept = apart.setdefault(doc_id, [])
        if not kept or kept[-1].end <= span.start:
            kept.append(span)
    return apart


def _kind_at(document: Document, span: Span) -> str | None:
    at = bisect_right(document.sentences, span.start, key=lambda sentence: sentence.start) - 1
    return document.sentence_kinds[at] if 0 <= at < len(document.sentence_kinds) else None


def _trim(text: str, span: Span) -> Span:
    start, end = span.start, span.end
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)
