"""Documents to what an index holds: records, vectors and words, all in one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag.chunking import chunk_document
from rag.cleaning import read_structure
from rag.config import Config
from rag.datatypes import Chunk, Document
from rag.encoder import Encoder
from rag.errors import FileError, ModelError
from rag.formats import Parsed
from rag.records import Documents, Lines, decode_chunk, decode_document, encode_chunk, encode_document
from rag.stores import FlatStore, VectorStore, WordStore
from rag.stores.base import Floats

__all__ = ["Contents", "Part", "Progress", "assemble", "make_document", "read_part"]

# Told how many chunks are encoded, and how many there are to encode.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One document's share of an index.

    Attributes:
        doc_id: the document's.
        document: its record.
        chunks: its chunks' records.
        texts: its chunks' texts.
        language: of the document, for the stemmer.
        rows: for each chunk the row of `Contents.vectors` before that holds its vector already;
            -1 where it must be encoded.
    """

    doc_id: str
    document: bytes
    chunks: list[bytes]
    texts: list[str]
    language: str | None
    rows: list[int]


@dataclass(frozen=True, slots=True)
class Contents:
    """What an index holds.

    Attributes:
        documents: by doc_id.
        chunks: by place.
        chunk_documents: int32, (n_chunks,), ascending: the place of each chunk's document.
        vectors: a unit vector a chunk.
        words: the terms of each chunk.
    """

    documents: Documents
    chunks: Lines[Chunk]
    chunk_documents: npt.NDArray[np.int32]
    vectors: VectorStore
    words: WordStore


def make_document(doc_id: str, text: str | Parsed, sha256: str, *, remove_furniture: bool = True) -> Document:
    """Clean a text and split it into sentences; what the file's own metadata says goes before what is recognised."""
    told = Parsed(text) if isinstance(text, str) else text
    found = read_structure(told.text, remove_furniture=remove_furniture, language=told.language)
    return Document(
        doc_id=doc_id,
        text=told.text,
        sha256=sha256,
        title=told.title or found.title,
        prose=found.prose,
        sentences=found.sentences,
        sentence_kinds=found.sentence_kinds,
        author=told.author or found.author,
        date=told.date or found.date,
        language=found.language,
        source=told.source,
        pages=told.pages,
    )


def read_part(
    doc_id: str,
    text: str | Parsed,
    sha256: str,
    config: Config,
    encoder: Encoder,
    known: dict[str, int] | None = None,
) -> Part:
    """Clean, split and chunk one document.

    Args:
        doc_id: path relative to the indexed folder.
        text: the canonical text, alone or with what else the file says.
        sha256: of the file's bytes.
        config: how to clean and cut.
        encoder: whose limit no chunk may exceed.
        known: chunk texts whose vectors exist, with their rows.

    Raises:
        FileError: the text holds nothing that could be quoted.
    """
    document = make_document(doc_id, text, sha256, remove_furniture=config.chunk.remove_furniture)
    chunks = chunk_document(document, config.chunk, encoder)
    if not chunks:
        raise FileError(f"{doc_id}: no sentence found; expected text besides blanks, markup and link lists")
    return Part(
        doc_id=doc_id,
        document=encode_document(document),
        chunks=[encode_chunk(chunk) for chunk in chunks],
        texts=[chunk.text for chunk in chunks],
        language=document.language,
        rows=[(known or {}).get(chunk.text, -1) for chunk in chunks],
    )


def assemble(
    parts: Sequence[Part],
    encoder: Encoder,
    before: VectorStore | None = None,
    progress: Progress | None = None,
) -> Contents:
    """Put parts together, encoding only the chunks that have no vector yet.

    Args:
        parts: at least one, in the order of the index.
        encoder: makes the missing vectors.
        before: the vectors that `Part.rows` point into.
        progress: told (n_done, n_total) after each batch.

    Raises:
        ModelError: the encoder gave vectors of another shape or length, or not finite ones.
    """
    texts = [text for part in parts for text in part.texts]
    rows = np.array([row for part in parts for row in part.rows], dtype=np.int64)
    vectors = np.empty((len(texts), encoder.dim), dtype=np.float32)
    kept, missing = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
    if before is not None and len(kept):
        vectors[kept] = before.vectors(rows[kept])
    if len(missing):
        vectors[missing] = _encode([texts[place] for place in missing], encoder, progress)
    languages = [part.language for part in parts for _ in part.texts]
    return Contents(
        documents=Documents(
            [part.doc_id for part in parts], Lines.join((part.document for part in parts), decode_document)
        ),
        chunks=Lines.join((line for part in parts for line in part.chunks), decode_chunk),
        chunk_documents=np.repeat(
            np.arange(len(parts), dtype=np.int32), [len(part.chunks) for part in parts]
        ),
        vectors=FlatStore.build(vectors),
        words=WordStore.build(texts, languages),
    )


def _encode(texts: list[str], encoder: Encoder, progress: Progress | None) -> Floats:
    """A vector for each text; texts that occur twice are encoded once."""
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    n_done = 0

    def step(n: int) -> None:
        nonlocal n_done
        n_done += n
        if progress is not None:
            progress(n_done, len(places))

    made = encoder.encode_document(list(places), progress=step)
    if made.shape != (len(places), encoder.dim):
        raise ModelError(
            f"the encoder {encoder.encoder_id!r} gave vectors of shape {made.shape}; "
            f"expected {(len(places), encoder.dim)}"
        )
    found: Floats = made[[places[text] for text in texts]]
    return found
