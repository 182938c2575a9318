"""Documents to what an index holds of them: records, texts and vectors, all in one order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rag.ahead import Ahead
from rag.checkpoint import Checkpoint
from rag.chunking import chunk_document
from rag.cleaning import read_structure
from rag.config import Config
from rag.datatypes import Document
from rag.dates import iso_date
from rag.encoder import Encoder
from rag.errors import FileError, ModelError
from rag.facts import NO_FACTS, encode_facts
from rag.formats import Parsed
from rag.records import encode_chunk, encode_document
from rag.sketches import SKETCH_SIZE, sketch_texts
from rag.stores import VectorStore
from rag.stores.base import Floats

__all__ = ["Part", "Progress", "encode_parts", "make_document", "read_part"]

# Told how many chunks are encoded, and how many there are to encode.
Progress = Callable[[int, int], None]

# Texts given to the encoder at a time; what is done is noted in between.
_STEP = 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One document's share of an index.

    Attributes:
        doc_id: the document's.
        sha256: of its file.
        document: its record.
        chunks: its chunks' records.
        texts: its chunks' texts.
        language: of the document, for the stemmer.
        rows: for each chunk the place in the index before that holds its vector already; -1 where it
            must be encoded.
        facts: what filters ask of it.
        sketch: uint32, (64,), what near-duplicates are found by; zeros where nothing is a copy of it.
    """

    doc_id: str
    sha256: str
    document: bytes
    chunks: list[bytes]
    texts: list[str]
    language: str | None
    rows: list[int]
    facts: bytes = NO_FACTS
    sketch: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(SKETCH_SIZE, np.uint32))


def make_document(doc_id: str, text: str | Parsed, sha256: str, *, remove_furniture: bool = True) -> Document:
    """Clean a text and split it into sentences; what the file's own metadata says goes before what is recognised."""
    told = Parsed(text) if isinstance(text, str) else text
    found = read_structure(
        told.text,
        remove_furniture=remove_furniture,
        language=told.language,
        furniture=told.furniture,
        records=told.records,
    )
    if told.records:
        found = dataclasses.replace(found, title=None, author=None, date=None, source=None)
    date = told.date or found.date
    return Document(
        doc_id=doc_id,
        text=told.text,
        sha256=sha256,
        title=told.title or found.title,
        prose=found.prose,
        sentences=found.sentences,
        sentence_kinds=found.sentence_kinds,
        author=told.author or found.author,
        date=date,
        language=found.language,
        source=told.source or found.source,
        pages=told.pages,
        date_iso=iso_date(date),
    )


def read_part(
    doc_id: str,
    text: str | Parsed,
    sha256: str,
    config: Config,
    encoder: Encoder,
    known: Mapping[str, int] | None = None,
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
    rows = [(known or {}).get(chunk.text, -1) for chunk in chunks]
    if isinstance(encoder, Ahead):
        encoder.begin([chunk.text for chunk, row in zip(chunks, rows, strict=True) if row < 0])
    return Part(
        doc_id=doc_id,
        sha256=sha256,
        document=encode_document(document),
        facts=encode_facts(document),
        sketch=sketch_texts(chunk.text for chunk in chunks),
        chunks=[encode_chunk(chunk) for chunk in chunks],
        texts=[chunk.text for chunk in chunks],
        language=document.language,
        rows=rows,
    )


def encode_parts(
    parts: Sequence[Part],
    encoder: Encoder,
    before: VectorStore | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Floats:
    """The vectors of all chunks of some parts, encoding only those that have none yet.

    Args:
        parts: at least one, in the order of the index.
        encoder: makes the missing vectors.
        before: the vectors that `Part.rows` point into.
        progress: told (n_done, n_total) after each batch.
        checkpoint: holds what an earlier run encoded, and notes what this one does.

    Returns:
        float32, (n_chunks, dim).

    Raises:
        ModelError: the encoder gave vectors of another shape.
    """
    texts = [text for part in parts for text in part.texts]
    rows = np.array([row for part in parts for row in part.rows], dtype=np.int64)
    vectors = np.empty((len(texts), encoder.dim), dtype=np.float32)
    kept, missing = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
    if before is not None and len(kept):
        vectors[kept] = before.vectors(rows[kept])
    if len(missing):
        # Texts that occur twice are encoded once.
        places = {text: place for place, text in enumerate(dict.fromkeys(texts[row] for row in missing))}
        made = _encode(list(places), encoder, progress, checkpoint)
        vectors[missing] = made[[places[texts[row]] for row in missing]]
    return vectors


def _encode(
    texts: list[str], encoder: Encoder, progress: Progress | None, checkpoint: Checkpoint | None
) -> Floats:
    made = np.empty((len(texts), encoder.dim), np.float32)
    left = list(range(len(texts)))
    if checkpoint is not None:
        found = checkpoint.vectors(texts)
        for place, vector in found.items():
            made[place] = vector
        left = [place for place in left if place not in found]
    n_done = len(texts) - len(left)

    def step(n: int) -> None:
        nonlocal n_done
        n_done += n
        if progress is not None:
            progress(n_done, len(texts))

    for begin in range(0, len(left), _STEP):
        chosen = left[begin : begin + _STEP]
        some = encoder.encode_document([texts[place] for place in chosen], progress=step)
        if some.shape != (len(chosen), encoder.dim):
            raise ModelError(
                f"the encoder {encoder.encoder_id!r} gave vectors of shape {some.shape}; "
                f"expected {(len(chosen), encoder.dim)}"
            )
        made[chosen] = some
        if checkpoint is not None:
            checkpoint.note([texts[place] for place in chosen], some)
    return made
