"""Chunks are whole sentences, fit the encoder, and know their place."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from rag.chunking import chunk_document, count_tokens
from rag.cleaning import MappedText, read_structure, search_copy
from rag.config import ChunkConfig
from rag.datatypes import Chunk, Document, Span
from rag.encoder import load_encoder

ENCODER = load_encoder()


def document_of(text: str, doc_id: str = "a.txt") -> Document:
    structure = read_structure(text)
    return Document(
        doc_id,
        text,
        "0" * 64,
        title=structure.title,
        sentences=structure.sentences,
        sentence_kinds=structure.sentence_kinds,
    )


def check(document: Document, chunks: list[Chunk]) -> None:
    covered = {i for chunk in chunks for i in range(chunk.first, chunk.last)}
    blank = {i for i, s in enumerate(document.sentences) if not search_copy(document.text, s).text.strip()}
    assert covered | blank == set(range(len(document.sentences)))
    for chunk, n in zip(chunks, ENCODER.count_tokens([chunk.text for chunk in chunks]), strict=True):
        assert n <= ENCODER.max_tokens
        mapped = MappedText(chunk.text, chunk.offsets)
        assert mapped.to_raw(0, len(chunk.text)) == chunk.span
        for start in range(0, len(chunk.text) - 1, 7):
            span = mapped.to_raw(start, start + 1)
            shown, raw = chunk.text[start], span.of(document.text)
            assert shown == raw or not shown.isalnum() or len(raw) > 1, (shown, raw)


@pytest.mark.parametrize("number", range(5))
def test_the_seeds(seeds: Path, number: int) -> None:
    path = sorted(seeds.glob("*.txt"))[number]
    document = document_of(path.read_text(encoding="utf-8"), path.name)
    for max_tokens in (40, 120, 1000):
        chunks = chunk_document(document, ChunkConfig(max_tokens=max_tokens), ENCODER)
        check(document, chunks)
        assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)


def test_neighbours_share_a_sentence() -> None:
    document = document_of(" ".join(f"Sentence number {n} says a little about it." for n in range(60)))
    chunks = chunk_document(document, ChunkConfig(max_tokens=50, overlap_sentences=1), ENCODER)
    assert len(chunks) > 5
    for before, after in pairwise(chunks):
        assert after.first == before.last - 1
    apart = chunk_document(document, ChunkConfig(max_tokens=50, overlap_sentences=0), ENCODER)
    for before, after in pairwise(apart):
        assert after.first == before.last


@pytest.mark.parametrize(
    "text",
    [
        "word " * 5000,
        "x" * 20_000,
        "每个人都知道这件事" * 800,
        "🙂" * 3000,
        "Is <|endoftext|> text? Yes, it is.",
    ],
)
def test_what_has_no_sentences_is_cut_to_fit(text: str) -> None:
    document = document_of(text)
    check(document, chunk_document(document, ChunkConfig(), ENCODER))


def test_sizes_are_in_tokens() -> None:
    assert count_tokens(["hello world", ""]) == [2, 0]
    document = document_of("One two three four. " * 200)
    for chunk in chunk_document(document, ChunkConfig(max_tokens=64), ENCODER):
        assert count_tokens([chunk.text])[0] <= 64 + 4


def test_the_same_text_at_the_same_place_has_the_same_id() -> None:
    document = document_of("One sentence. Another sentence.")
    first = chunk_document(document, ChunkConfig(), ENCODER)
    assert first == chunk_document(document, ChunkConfig(), ENCODER)
    assert Span(0, len(document.text)) == first[0].span
