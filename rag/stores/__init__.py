"""Where vectors and words are kept and searched: one file per kind, all behind one small base."""

from __future__ import annotations

from rag.errors import IndexMismatch
from rag.stores.base import VectorStore
from rag.stores.exact import ExactStore
from rag.stores.flat import FlatStore
from rag.stores.words import WordStore

__all__ = ["ExactStore", "FlatStore", "VectorStore", "WordStore", "vector_store"]

_KINDS: dict[str, type[VectorStore]] = {store.kind: store for store in (ExactStore, FlatStore)}


def vector_store(kind: str) -> type[VectorStore]:
    """The class of vector store that an index names in its manifest.

    >>> vector_store("flat").__name__
    'FlatStore'

    Raises:
        IndexMismatch: a kind that this version does not know.
    """
    store = _KINDS.get(kind)
    if store is None:
        raise IndexMismatch(f"vectors are kept as {kind!r}; this version knows {', '.join(sorted(_KINDS))}")
    return store
