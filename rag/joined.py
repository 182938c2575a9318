"""The documents and chunks of all segments of an index as one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import overload

import numpy as np
import numpy.typing as npt

from rag.datatypes import Chunk, Document
from rag.facts import Facts
from rag.filters import Chosen, Filter
from rag.segments import Segment
from rag.sketches import SKETCH_SIZE
from rag.stores import VectorStore, WordStore
from rag.stores.parts import PartedStore
from rag.stores.words import WordPart

__all__ = ["Chunks", "Documents", "join_vectors", "join_words", "places_of_documents"]

# A conversation asks through the same filter again and again.
_KEPT_FILTERS = 16


class Documents(Mapping[str, Document]):
    """Documents by doc_id, in the order of the segments; decoded when they are asked for.

    Args:
        segments: of the index.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = tuple(segments)
        self._live = [segment.live_documents() for segment in segments]
        self.choose = lru_cache(maxsize=_KEPT_FILTERS)(self._choose)

    def _choose(self, where: Filter) -> Chosen:
        """The documents that a filter lets through; known filters cost nothing."""
        return where.choose(list(self), self.facts)

    def find(self, doc_id: str) -> tuple[int, int] | None:
        """The segment of a document and its place in there."""
        for which, segment in enumerate(self._segments):
            place = segment.doc_ids.find(doc_id)
            alive = self._live[which].alive
            if place >= 0 and (alive is None or alive[place]):
                return which, place
        return None

    def sha256(self, doc_id: str) -> str:
        """Of the file as it was indexed."""
        which, place = self._found(doc_id)
        return bytes(self._segments[which].digests.at(place)).hex()

    def records(self, doc_id: str) -> tuple[bytes, bytes]:
        """The lines of a document and of its chunks."""
        which, place = self._found(doc_id)
        segment = self._segments[which]
        first, last = int(segment.firsts.at(place)), int(segment.firsts.at(place + 1))
        return bytes(segment.documents.run(place, place + 1)), bytes(segment.chunks.run(first, last))

    def rows(self, doc_id: str) -> range:
        """The places of a document's chunks in the index."""
        which, place = self._found(doc_id)
        before = sum(segment.n_live() for segment in self._segments[:which])
        segment = self._segments[which]
        first, last = int(segment.firsts.at(place)), int(segment.firsts.at(place + 1))
        if first == last:
            return range(0)
        start = int(segment.live_chunks(before).places(np.array([first]))[0])
        return range(start, start + last - first)

    @cached_property
    def facts(self) -> list[Facts]:
        """What filters ask of each document, in order; read once."""
        return [
            segment.facts[place]
            for segment, live in zip(self._segments, self._live, strict=True)
            for place in range(len(segment.facts))
            if live.alive is None or live.alive[place]
        ]

    def digests(self) -> dict[str, str]:
        """The sha256 of each document's file as it was indexed, by doc_id."""
        found = {}
        for segment, live in zip(self._segments, self._live, strict=True):
            packed = segment.digests.all().tobytes()
            for place, doc_id in enumerate(segment.doc_ids):
                if live.alive is None or live.alive[place]:
                    found[doc_id] = packed[32 * place : 32 * place + 32].hex()
        return found

    def light(self, doc_id: str) -> tuple[bytes, npt.NDArray[np.uint32]]:
        """A document's line of facts, and its sketch."""
        which, place = self._found(doc_id)
        segment = self._segments[which]
        return bytes(segment.facts.run(place, place + 1)), segment.sketches.at(place)

    def sketches(self) -> npt.NDArray[np.uint32]:
        """uint32, (n_documents, 64), in order."""
        held = [
            segment.sketches.all() if live.alive is None else segment.sketches.all()[live.alive]
            for segment, live in zip(self._segments, self._live, strict=True)
        ]
        return np.concatenate([np.zeros((0, SKETCH_SIZE), np.uint32), *held])

    def __getitem__(self, doc_id: str) -> Document:
        which, place = self._found(doc_id)
        return self._segments[which].documents[place]

    def _found(self, doc_id: str) -> tuple[int, int]:
        found = self.find(doc_id)
        if found is None:
            raise KeyError(doc_id)
        return found

    def __iter__(self) -> Iterator[str]:
        for segment, live in zip(self._segments, self._live, strict=True):
            for place, doc_id in enumerate(segment.doc_ids):
                if live.alive is None or live.alive[place]:
                    yield doc_id

    def __len__(self) -> int:
        return sum(map(len, self._live))

    def __contains__(self, doc_id: object) -> bool:
        return isinstance(doc_id, str) and self.find(doc_id) is not None


class Chunks(Sequence[Chunk]):
    """Chunks by place; decoded when they are asked for.

    Args:
        segments: of the index.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = tuple(segments)
        self._offsets = _offsets(segments)
        self._live = [s.live_chunks(offset) for s, offset in zip(segments, self._offsets, strict=True)]

    def __len__(self) -> int:
        return sum(map(len, self._live))

    @overload
    def __getitem__(self, idx: int) -> Chunk: ...
    @overload
    def __getitem__(self, idx: slice) -> list[Chunk]: ...
    def __getitem__(self, idx: int | slice) -> Chunk | list[Chunk]:
        n = len(self)
        if isinstance(idx, slice):
            return [self[place] for place in range(*idx.indices(n))]
        if not -n <= idx < n:
            raise IndexError(f"{idx} is out of range; expected -{n} to {n - 1}")
        place = int(idx) % n
        which = bisect_right(self._offsets, place) - 1
        return self._segments[which].chunks[self._live[which].row(place)]

    def __iter__(self) -> Iterator[Chunk]:
        for segment, live in zip(self._segments, self._live, strict=True):
            if live.alive is None:
                yield from segment.chunks
            else:
                yield from (segment.chunks[row] for row in np.flatnonzero(live.alive).tolist())


def join_vectors(segments: Sequence[Segment]) -> VectorStore:
    """All vectors that are left, searched as one."""
    if len(segments) == 1 and not len(segments[0].left):
        return segments[0].vectors
    offsets = _offsets(segments)
    return PartedStore(
        [(s.vectors, s.live_chunks(offset)) for s, offset in zip(segments, offsets, strict=True)]
    )


def join_words(segments: Sequence[Segment]) -> WordStore:
    """All words, weighed by the whole corpus."""
    offsets = _offsets(segments)
    return WordStore(
        [
            WordPart(segment.postings, segment.live_chunks(offset), segment.gone)
            for segment, offset in zip(segments, offsets, strict=True)
        ]
    )


def places_of_documents(segments: Sequence[Segment]) -> npt.NDArray[np.int32]:
    """int32, (n_chunks,), ascending: the place of each chunk's document among all documents."""
    found, n_before = [np.zeros(0, np.int32)], 0
    for segment in segments:
        live = segment.live_documents(n_before)
        sizes = np.diff(segment.firsts.all())
        if live.alive is not None:
            sizes = sizes[live.alive]
        found.append(np.repeat(np.arange(n_before, n_before + len(live), dtype=np.int32), sizes))
        n_before += len(live)
    return np.concatenate(found)


def _offsets(segments: Sequence[Segment]) -> list[int]:
    sizes = [segment.n_live() for segment in segments]
    return [sum(sizes[:at]) for at in range(len(sizes))]
