"""The documents and chunks of an index in a database, fetched and decoded when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from rag.datatypes import Chunk, Document
from rag.errors import IndexDamaged
from rag.facts import Facts, decode_facts
from rag.filters import Chosen, Filter
from rag.records import decode_chunk, decode_document
from rag.stores.kept import KeptRows, Tables

__all__ = ["KeptChunks", "KeptDocuments", "Listed"]

T = TypeVar("T")

_KEPT = 1024
_KEPT_FILTERS = 16

# Documents fetched at a time where all are gone through.
_STEP = 256


@dataclass(frozen=True, slots=True)
class Listed:
    """What is known of all documents without their texts, sorted by doc_id.

    Attributes:
        doc_ids, digests, facts, n_chunks: of each.
    """

    doc_ids: list[str]
    digests: list[str]
    facts: list[Facts]
    n_chunks: list[int]


class KeptDocuments(Mapping[str, Document]):
    """Documents by doc_id, in their order.

    Args:
        tables: of one state.
        rows: of the table of chunks.
        n: how many documents there are.
    """

    def __init__(self, tables: Tables, rows: KeptRows, n: int) -> None:
        self._tables = tables
        self._rows = rows
        self._n = n
        self._document = lru_cache(maxsize=_KEPT)(self._fetch)
        self.choose = lru_cache(maxsize=_KEPT_FILTERS)(self._choose)

    def _choose(self, where: Filter) -> Chosen:
        """The documents that a filter lets through; known filters cost nothing."""
        return where.choose(self.listed.doc_ids, self.listed.facts)

    @cached_property
    def listed(self) -> Listed:
        """Read once, when something needs all documents: a filter, a list, an update."""
        told = self._tables.read("documents", ["doc_id", "sha256", "facts", "n_chunks"])
        rows = sorted(zip(*told.values(), strict=True))
        facts = [decode_facts(json.loads(row[2])) for row in rows]
        return Listed([row[0] for row in rows], [row[1] for row in rows], facts, [row[3] for row in rows])

    @property
    def facts(self) -> list[Facts]:
        """What filters ask of each document, in order."""
        return self.listed.facts

    def digests(self) -> dict[str, str]:
        """The sha256 of each document's file as it was indexed, by doc_id."""
        return dict(zip(self.listed.doc_ids, self.listed.digests, strict=True))

    def records(self, doc_id: str) -> tuple[bytes, bytes]:
        """The lines of a document and of its chunks."""
        document = self._tables.read("documents", ["record"], [doc_id])["record"]
        if not document:
            raise KeyError(doc_id)
        return document[0], b"".join(record for record, _ in self._chunks(doc_id))

    def rows(self, doc_id: str) -> list[int]:
        """The places of a document's chunks in the index, in their order."""
        places = [place for _, place in self._chunks(doc_id)]
        self._rows.rows(places)  # who asks for them looks at each: fetched at once
        return places

    def light(self, doc_id: str) -> tuple[bytes, npt.NDArray[np.uint32]]:
        """A document's line of facts, and its sketch."""
        told = self._tables.read("documents", ["facts", "sketch"], [doc_id])
        if not told["facts"]:
            raise KeyError(doc_id)
        return told["facts"][0], np.frombuffer(told["sketch"][0], np.uint32)

    def sketches(self) -> dict[str, npt.NDArray[np.uint32]]:
        """What near-duplicates are found by, of each document."""
        told = self._tables.read("documents", ["doc_id", "sketch"])
        packed = zip(told["doc_id"], told["sketch"], strict=True)
        return {doc_id: np.frombuffer(sketch, np.uint32) for doc_id, sketch in packed}

    def __getitem__(self, doc_id: str) -> Document:
        return self._document(doc_id)

    def _fetch(self, doc_id: str) -> Document:
        found = self._tables.read("documents", ["record"], [doc_id])["record"]
        if not found:
            raise KeyError(doc_id)
        return _decoded(found[0], decode_document)

    def __iter__(self) -> Iterator[str]:
        return iter(self.listed.doc_ids)

    def __len__(self) -> int:
        return self._n

    def __contains__(self, doc_id: object) -> bool:
        if not isinstance(doc_id, str):
            return False
        try:
            self._document(doc_id)
        except KeyError:
            return False
        return True

    def values(self) -> ValuesView[Document]:
        """All documents, many fetched at a time."""
        return _Values(self)

    def several(self, doc_ids: Sequence[str]) -> list[Document]:
        """Some documents, fetched at once; in their order."""
        told = self._tables.read("documents", ["doc_id", "record"], doc_ids)
        found = dict(zip(told["doc_id"], told["record"], strict=True))
        return [_decoded(found[doc_id], decode_document) for doc_id in doc_ids]

    def _chunks(self, doc_id: str) -> list[tuple[bytes, int]]:
        told = self._tables.read("chunks", ["place", "record", "row"], [doc_id])
        if not told["row"] and doc_id not in self:
            raise KeyError(doc_id)
        return [(record, row) for _, record, row in sorted(zip(*told.values(), strict=True))]


class _Values(ValuesView[Document]):
    def __init__(self, documents: KeptDocuments) -> None:
        super().__init__(documents)
        self._documents = documents

    def __iter__(self) -> Iterator[Document]:
        doc_ids = self._documents.listed.doc_ids
        for begin in range(0, len(doc_ids), _STEP):
            yield from self._documents.several(doc_ids[begin : begin + _STEP])


class KeptChunks:
    """Chunks by place.

    Args:
        rows: of the table of chunks.
    """

    def __init__(self, rows: KeptRows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows.n

    def __getitem__(self, place: int) -> Chunk:
        (row,) = self._rows.rows([place])
        return _decoded(row.record, decode_chunk)


def _decoded(record: bytes, decode: Callable[[Any], T]) -> T:
    try:
        return decode(json.loads(record))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise IndexDamaged(f"a record of the index is malformed ({type(error).__name__})") from error
