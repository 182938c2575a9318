"""What every vector store does. Scores are cosines: higher is better, and no distance leaves here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from rag.blobs import Blob, Buffer
from rag.errors import ConfigError, ModelError

__all__ = ["Bools", "Floats", "Ints", "VectorStore", "check_filter", "dot"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Rows made in float32 by other libraries are this far from length 1 at most.
_LENGTH_TOLERANCE = 1e-3


class VectorStore(ABC):
    """Unit vectors that can be searched by cosine, all of them or a subset.

    The checks live here, once; a kind of store implements what is abstract.
    """

    kind: ClassVar[str]

    @classmethod
    def build(cls, vectors: Floats, like: VectorStore | None = None) -> Self:
        """Take in the vectors of an index.

        Args:
            vectors: float32, (n, dim), finite, rows L2-normalised; n and dim at least 1.
            like: a store of about these vectors, whose training may be used again.

        Raises:
            ModelError: another shape, values that are not finite, or rows of another length.
        """
        vectors = _rows(vectors, "vectors to store")
        if 0 in vectors.shape:
            raise ModelError(f"vectors to store have the shape {vectors.shape}; expected at least one row")
        lengths = np.linalg.norm(vectors, axis=1)
        worst = int(np.abs(lengths - 1).argmax())
        if abs(lengths[worst] - 1) > _LENGTH_TOLERANCE:
            raise ModelError(
                f"vector {worst} has length {lengths[worst]:.4f}; expected rows of length 1: "
                "the encoder must L2-normalise what it encodes"
            )
        return cls._build(np.ascontiguousarray(vectors), like)

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Floats, Ints]:
        """The nearest stored vectors of each query, best first.

        The filter is the same for all queries, so that all rows have the same number of results,
        `m = min(k, number of allowed vectors)`, which may be 0. No filler ever stands in for a
        missing result. Equal scores come in the order of the stored vectors.

        Args:
            queries: float32, (n_queries, dim); any length, normalised here; a zero vector scores 0.
            k: how many at most.
            allowed: (n,), the vectors that may be found; None for all.

        Returns:
            Cosines, float32, (n_queries, m), descending, and the rows found, int64, (n_queries, m).

        Raises:
            ConfigError: `k` below 1, or a filter of another length.
            ModelError: queries of another dimension, or not finite.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; expected at least 1 result")
        queries = _rows(queries, "queries")
        if queries.shape[1] != self.dim:
            raise ModelError(
                f"queries have dimension {queries.shape[1]}, the index {self.dim}; expected the encoder that "
                "the index was made with, or rebuild it with: rag index PATH..."
            )
        if allowed is not None:
            check_filter(allowed, len(self))
            if allowed.all():
                allowed = None
        m = min(k, len(self) if allowed is None else int(np.count_nonzero(allowed)))
        if m == 0 or not len(queries):
            return np.empty((len(queries), m), np.float32), np.empty((len(queries), m), np.int64)
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
        unit = (queries / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        scores, idx = self._search(np.ascontiguousarray(unit), m, allowed)
        order = np.lexsort((idx, -scores), axis=1)
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(idx, order, axis=1)

    def cosines(self, query: Floats, rows: Ints) -> Floats:
        """The cosine of one query with some stored vectors.

        Args:
            query: float32, (dim,), of length 1.
            rows: int64, (n,).

        Returns:
            float32, (n,).
        """
        return dot(self.vectors(rows), query)

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of a vector."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of vectors."""

    @abstractmethod
    def vectors(self, rows: Ints | None = None) -> Floats:
        """The stored vectors, or some rows of them: float32, (n, dim)."""

    @abstractmethod
    def to_files(self) -> dict[str, list[Buffer]]:
        """The whole store, as files of the index by name."""

    @classmethod
    @abstractmethod
    def from_files(cls, files: Mapping[str, Blob | Buffer]) -> Self:
        """The inverse of `to_files`. Only for files whose checksums are compared.

        Raises:
            IndexDamaged: files that are no store of this kind.
        """

    def describe(self) -> dict[str, Any]:
        """Kind and parameters, for the manifest: plain JSON types."""
        return {"kind": self.kind}

    @classmethod
    @abstractmethod
    def _build(cls, vectors: Floats, like: VectorStore | None) -> Self: ...

    @abstractmethod
    def _search(self, queries: Floats, m: int, allowed: Bools | None) -> tuple[Floats, Ints]:
        """Exactly `m` results for each unit query, in any order; `m` are known to be allowed."""


def dot(vectors: Floats, query: Floats) -> Floats:
    """The inner product of each row with one query, on this thread alone.

    numpy's `@` shares even small ones out over all processors, and waits long where these are busy.

    >>> dot(np.eye(2, dtype=np.float32), np.array([3, 4], np.float32)).tolist()
    [3.0, 4.0]
    """
    found: Floats = np.einsum("ij,j->i", vectors, query)
    return found


def check_filter(allowed: Bools, n: int) -> None:
    """Refuse a filter that does not say yes or no to each of `n` stored items.

    Raises:
        ConfigError: another type or shape.
    """
    if allowed.shape != (n,) or allowed.dtype != np.bool_:
        raise ConfigError(
            f"the filter is {allowed.dtype} of shape {allowed.shape}; expected bool of shape ({n},)"
        )


def _rows(vectors: Floats, what: str) -> Floats:
    if vectors.ndim != 2:
        raise ModelError(f"{what} have {vectors.ndim} axes; expected 2: (number, dimension)")
    if vectors.dtype != np.float32:
        vectors = vectors.astype(np.float32)
    if not np.isfinite(vectors).all():
        row = int(np.argmin(np.isfinite(vectors).all(axis=1)))
        raise ModelError(f"{what}: row {row} holds NaN or infinity; expected finite numbers from the encoder")
    return vectors
