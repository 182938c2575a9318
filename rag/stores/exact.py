"""The reference: every cosine computed with numpy. Other stores are compared with this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from rag.blobs import Blob, Buffer
from rag.errors import IndexDamaged
from rag.stores.arrays import pack_array, unpack_array
from rag.stores.base import Bools, Floats, Ints, VectorStore

__all__ = ["ExactStore"]

_FILE = "vectors.npy"


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

    def to_files(self) -> dict[str, list[Buffer]]:
        return {_FILE: pack_array(self._vectors)}

    @classmethod
    def from_files(cls, files: Mapping[str, Blob | Buffer]) -> Self:
        if _FILE not in files:
            raise IndexDamaged(f"{_FILE} is missing")
        return cls(unpack_array(files[_FILE], "the vectors", np.float32, 2).all())

    @classmethod
    def _build(cls, vectors: Floats, like: VectorStore | None) -> Self:
        return cls(vectors)

    def _search(self, queries: Floats, m: int, allowed: Bools | None) -> tuple[Floats, Ints]:
        rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        scores = (queries @ self._vectors[rows].T).astype(np.float32)
        # A stable sort of the negated scores: equal ones stay in the order of the rows.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :m]
        return np.take_along_axis(scores, best, axis=1), rows[best]
