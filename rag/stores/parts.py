"""Several stores as one: a large one that stays as it is, and small ones with what came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from rag.blobs import Blob, Buffer
from rag.errors import IndexMismatch
from rag.stores.base import Bools, Floats, Ints, VectorStore
from rag.stores.live import Live

__all__ = ["PartedStore"]


class PartedStore(VectorStore):
    """Searches each part and takes the best of all.

    Args:
        parts: stores, each with its rows that are left; none where an index holds no document.
    """

    kind = "parts"

    def __init__(self, parts: Sequence[tuple[VectorStore, Live]]) -> None:
        self._parts = tuple(parts)
        self._n = sum(len(live) for _, live in parts)

    @property
    def dim(self) -> int:
        return self._parts[0][0].dim if self._parts else 0

    def __len__(self) -> int:
        return self._n

    def vectors(self, rows: Ints | None = None) -> Floats:
        wanted = np.arange(self._n) if rows is None else np.asarray(rows, np.int64)
        found = np.empty((len(wanted), self.dim), np.float32)
        for store, live in self._parts:
            inside = live.holds(wanted)
            if inside.any():
                found[inside] = store.vectors(live.rows(wanted[inside]))
        return found

    def describe(self) -> dict[str, Any]:
        return {"kind": self.kind, "parts": [store.describe() for store, _ in self._parts]}

    def to_files(self) -> dict[str, list[Buffer]]:
        raise IndexMismatch("an index in parts is written part by part")

    @classmethod
    def from_files(cls, files: Mapping[str, Blob | Buffer]) -> Self:
        raise IndexMismatch("an index in parts is read part by part")

    @classmethod
    def _build(cls, vectors: Floats, like: VectorStore | None) -> Self:
        raise IndexMismatch("parts are built one by one")

    def _search(self, queries: Floats, m: int, allowed: Bools | None) -> tuple[Floats, Ints]:
        scores, places = [], []
        for store, live in self._parts:
            mask = live.mask(allowed)
            if mask is None or mask.any():
                found, rows = store.search(queries, m, mask)
                scores.append(found)
                places.append(live.places(rows))
        score, place = np.concatenate(scores, axis=1), np.concatenate(places, axis=1)
        best = np.lexsort((place, -score), axis=1)[:, :m]
        return np.take_along_axis(score, best, axis=1), np.take_along_axis(place, best, axis=1)
