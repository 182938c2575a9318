"""Documents and chunks as lines of JSON, decoded one by one when they are asked for.

An index may hold a million chunks, a question looks at fifty: nothing is decoded on opening.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from rag.blobs import Blob, Buffer
from rag.datatypes import Chunk, Document, Span
from rag.errors import IndexDamaged
from rag.stores.arrays import Column

__all__ = [
    "Lines",
    "decode_chunk",
    "decode_document",
    "encode_chunk",
    "encode_document",
]

T = TypeVar("T")

# Decoded records kept at hand: a session's questions come back to the same documents.
_KEPT = 1024


class Lines(Sequence[T]):
    """Records in JSON Lines; a line is decoded when it is asked for.

    Args:
        data: the lines, each ended by a newline.
        ends: int64, (n,), the place after each line's newline.
        decode: a line's JSON value to its record.

    Raises:
        IndexDamaged: the places are not those of the lines.
    """

    def __init__(self, data: Blob | Buffer, ends: Column, decode: Callable[[Any], T]) -> None:
        self._data = Blob.of(data)
        self._ends = ends
        self._decode = decode
        self._cached = lru_cache(maxsize=_KEPT)(self._record)
        if (int(ends.at(len(ends) - 1)) if len(ends) else 0) != len(self._data):
            raise IndexDamaged("records and the places of their ends don't fit together")

    @classmethod
    def join(cls, lines: Iterable[Buffer], decode: Callable[[Any], T]) -> Lines[T]:
        """Lines given one by one or in runs, each with its newline; none within a line."""
        data = b"".join(lines)
        # JSON escapes line ends inside strings, so this byte only ever ends a record.
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A) + 1
        return cls(data, Column(ends.astype(np.int64)), decode)

    def without(self, idx: npt.NDArray[np.int64], decode: Callable[[Any], T]) -> Lines[T]:
        """The same with some lines emptied, which must not be asked for any more."""
        runs: list[Buffer] = []
        first = 0
        for place in idx.tolist():
            runs += [self.run(first, place), b"null\n"]
            first = place + 1
        return Lines.join([*runs, self.run(first, len(self))], decode)

    @property
    def data(self) -> memoryview:
        """All lines, as in the file."""
        return self._data.checked()

    @property
    def ends(self) -> Column:
        """The place after each line."""
        return self._ends

    def run(self, first: int, last: int) -> memoryview:
        """The lines `[first, last)` as they are, with their newlines."""
        start = int(self._ends.at(first - 1)) if first else 0
        end = int(self._ends.at(last - 1)) if last else 0
        if not 0 <= start <= end <= len(self._data):
            raise IndexDamaged(f"record {first} of the index lies outside of its file")
        return self._data.checked(start, end)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, idx: int) -> T: ...
    @overload
    def __getitem__(self, idx: slice) -> list[T]: ...
    def __getitem__(self, idx: int | slice) -> T | list[T]:
        if isinstance(idx, slice):
            return [self._cached(i) for i in range(*idx.indices(len(self)))]
        n = len(self)
        if not -n <= idx < n:
            raise IndexError(f"{idx} is out of range; expected -{n} to {n - 1}")
        return self._cached(int(idx) % n)

    def __iter__(self) -> Iterator[T]:
        # Past the cache: going through everything must not push out what questions use.
        return map(self._record, range(len(self)))

    def _record(self, idx: int) -> T:
        try:
            return self._decode(json.loads(bytes(self.run(idx, idx + 1))))
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise IndexDamaged(f"record {idx} of the index is malformed ({type(error).__name__})") from error


def encode_document(document: Document) -> bytes:
    """A document as one line of JSON with its newline, with its canonical text."""
    return _pack(
        {
            "doc_id": document.doc_id,
            "sha256": document.sha256,
            "title": document.title,
            "author": document.author,
            "date": document.date,
            "date_iso": document.date_iso,
            "language": document.language,
            "source": document.source,
            "pages": document.pages,
            "prose": _flat(document.prose),
            "sentences": _flat(document.sentences),
            "sentence_kinds": document.sentence_kinds,
            "text": document.text,
        }
    )


def decode_document(record: Any) -> Document:
    """The inverse of `encode_document`, from the line's JSON value."""
    return Document(
        doc_id=record["doc_id"],
        text=record["text"],
        sha256=record["sha256"],
        title=record["title"],
        prose=tuple(Span(start, end) for start, end in _pairs(record["prose"])),
        sentences=tuple(Span(start, end) for start, end in _pairs(record["sentences"])),
        sentence_kinds=tuple(record["sentence_kinds"]),
        author=record["author"],
        date=record["date"],
        language=record["language"],
        source=record.get("source"),
        pages=tuple(record.get("pages", ())),
        date_iso=record.get("date_iso"),
    )


def encode_chunk(chunk: Chunk) -> bytes:
    """A chunk as one line of JSON with its newline: a list, because the names would be half of the file."""
    return _pack(
        [
            chunk.chunk_id,
            chunk.doc_id,
            chunk.first,
            chunk.last,
            chunk.span.start,
            chunk.span.end,
            chunk.text,
            [place for pair in chunk.offsets for place in pair],
        ]
    )


def decode_chunk(record: Any) -> Chunk:
    """The inverse of `encode_chunk`, from the line's JSON value."""
    chunk_id, doc_id, first, last, start, end, text, offsets = record
    return Chunk(chunk_id, doc_id, first, last, Span(start, end), text, tuple(_pairs(offsets)))


def _pack(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _flat(spans: Iterable[Span]) -> list[int]:
    return [place for span in spans for place in (span.start, span.end)]


def _pairs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(places[::2], places[1::2], strict=True)
