"""The reference: every cosine computed with numpy. Other stores are compared with this one."""

from __future__ import annotations

from typing import Self

import numpy as np

from rag.stores.arrays import pack_array, unpack_array
from rag.stores.base import Bools, Floats, Ints, VectorStore

__all__ = ["ExactStore"]


class ExactStore(VectorStore):
    """Exact search, slow and obviously right."""

    kind = "exact"

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors

    @property
    def dim(self) -> int:
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, rows: Ints | None = None) -> Floats:
        return self._vectors if rows is None else self._vectors[rows]

    def to_bytes(self) -> bytes:
        return pack_array(self._vectors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        return cls(unpack_array(data, "the vectors", np.float32, 2))

    @classmethod
    def _build(cls, vectors: Floats) -> Self:
        return cls(vectors)

    def _search(self, queries: Floats, m: int, allowed: Bools | None) -> tuple[Floats, Ints]:
        rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        scores = (queries @ self._vectors[rows].T).astype(np.float32)
        # A stable sort of the negated scores: equal ones stay in the order of the rows.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :m]
        return np.take_along_axis(scores, best, axis=1), rows[best]
