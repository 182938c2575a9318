"""Shards as bytes, for the way from a cluster's workers to the index and for the folder in between.

    a line of JSON          format, what was wrong with which file, and how long everything after it is
    for each part           document, facts, sketch (64 x uint32), each chunk, each text
    n_chunks x dim x float32    the vectors

No pickle, nothing but lengths and bytes: what a worker sends is data.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from rag.assembly import Part
from rag.errors import IndexDamaged
from rag.ingest import Shard, ShardTexts
from rag.sketches import SKETCH_SIZE

__all__ = ["SHARD_FORMAT", "pack_shard", "unpack_shard"]

SHARD_FORMAT = "insources shard 1"

_SKETCH = 4 * SKETCH_SIZE


def pack_shard(shard: Shard) -> bytes:
    """A shard as bytes."""
    parts, body = [], []
    for part in shard.texts.parts:
        texts = [text.encode() for text in part.texts]
        parts.append(
            {
                "doc_id": part.doc_id,
                "sha256": part.sha256,
                "language": part.language,
                "document": len(part.document),
                "facts": len(part.facts),
                "chunks": list(map(len, part.chunks)),
                "texts": list(map(len, texts)),
            }
        )
        body += [part.document, part.facts, part.sketch.astype("<u4").tobytes(), *part.chunks, *texts]
    head = {
        "format": SHARD_FORMAT,
        "failed": shard.texts.failed,
        "notes": shard.texts.notes,
        "n_encoded": shard.n_encoded,
        "shape": shard.vectors.shape,
        "parts": parts,
    }
    vectors = np.ascontiguousarray(shard.vectors, "<f4").tobytes()
    return b"".join([json.dumps(head).encode(), b"\n", *body, vectors])


def unpack_shard(data: bytes) -> Shard:
    """The inverse of `pack_shard`; the parts' rows are -1, since the vectors are there.

    Raises:
        IndexDamaged: bytes that are no shard.
    """
    try:
        head, _, body = data.partition(b"\n")
        about = json.loads(head)
        if about["format"] != SHARD_FORMAT:
            raise IndexDamaged(f"a shard of the format {about['format']!r}; expected {SHARD_FORMAT!r}")
        reader = _Reader(body)
        parts = [_part(one, reader) for one in about["parts"]]
        n_chunks, dim = map(int, about["shape"])
        vectors = np.frombuffer(reader.take(4 * n_chunks * dim), "<f4").reshape(n_chunks, dim)
        if n_chunks != sum(len(part.chunks) for part in parts) or not reader.at_end():
            raise IndexDamaged("a shard whose parts and vectors don't fit together")
        texts = ShardTexts(parts, _pairs(about["failed"]), _pairs(about["notes"]))
        return Shard(texts, vectors.astype(np.float32), int(about["n_encoded"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IndexDamaged(f"a shard that can't be read ({type(error).__name__}: {error})") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def take(self, n: int) -> bytes:
        end = self._at + n
        if n < 0 or end > len(self._data):
            raise ValueError(f"{len(self._data)} bytes, {end} expected")
        taken, self._at = self._data[self._at : end], end
        return bytes(taken)

    def at_end(self) -> bool:
        return self._at == len(self._data)


def _part(about: dict[str, Any], reader: _Reader) -> Part:
    if len(about["chunks"]) != len(about["texts"]):
        raise ValueError("as many texts as chunks expected")
    language = about["language"]
    return Part(
        doc_id=str(about["doc_id"]),
        sha256=str(about["sha256"]),
        language=None if language is None else str(language),
        document=reader.take(int(about["document"])),
        facts=reader.take(int(about["facts"])),
        sketch=np.frombuffer(reader.take(_SKETCH), "<u4").astype(np.uint32),
        chunks=[reader.take(int(n)) for n in about["chunks"]],
        texts=[reader.take(int(n)).decode() for n in about["texts"]],
        rows=[-1] * len(about["chunks"]),
    )


def _pairs(told: Any) -> list[tuple[str, str]]:
    return [(str(name), str(message)) for name, message in told]
