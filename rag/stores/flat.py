"""Exact search by FAISS: the store for as long as comparing with every vector is fast enough.

FAISS's own file functions are not used: `write_index` reports success for a file that a full
disk cut short, and `read_index` loads a file with a flipped bit without a word. The store goes
through bytes instead, whose checksum the index compares before they get here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from rag.blobs import Blob, Buffer
from rag.errors import IndexDamaged
from rag.stores.arrays import as_buffer
from rag.stores.base import Bools, Floats, Ints, VectorStore

__all__ = ["FlatStore", "one_thread"]

_FILE = "vectors.faiss"


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS keeps to this thread: one question gains little by more, and waits long where they are busy."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


class FlatStore(VectorStore):
    """`faiss.IndexFlatIP` over unit vectors; the filter works inside the search."""

    kind = "flat"

    def __init__(self, index: Any) -> None:
        self._index = index

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def vectors(self, rows: Ints | None = None) -> Floats:
        if rows is None:
            found: Floats = self._index.reconstruct_n(0, len(self))
        else:
            found = self._index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))
        return found

    def to_files(self) -> dict[str, list[Buffer]]:
        import faiss

        return {_FILE: [as_buffer(faiss.serialize_index(self._index))]}

    @classmethod
    def from_files(cls, files: Mapping[str, Blob | Buffer]) -> Self:
        if _FILE not in files:
            raise IndexDamaged(f"{_FILE} is missing")
        data = Blob.of(files[_FILE]).checked()
        import faiss

        try:
            index = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
        except (RuntimeError, MemoryError) as error:
            raise IndexDamaged(f"FAISS can't read the vectors ({str(error).splitlines()[0]})") from error
        if not isinstance(index, faiss.IndexFlat) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise IndexDamaged(f"the vectors are a {type(index).__name__}; expected an IndexFlatIP")
        return cls(index)

    @classmethod
    def _build(cls, vectors: Floats, like: VectorStore | None) -> Self:
        import faiss

        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return cls(index)

    def _search(self, queries: Floats, m: int, allowed: Bools | None) -> tuple[Floats, Ints]:
        if len(queries) == 1:
            with one_thread():
                return self._search_here(queries, m, allowed)
        return self._search_here(queries, m, allowed)

    def _search_here(self, queries: Floats, m: int, allowed: Bools | None) -> tuple[Floats, Ints]:
        import faiss

        params = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            params = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg,arg-type]
        scores, idx = self._index.search(queries, m, params=params)
        return scores, idx
