"""Where vectors and words are kept and searched: one file per kind, all behind one small base."""

from __future__ import annotations

from rag.config import INDEX_KINDS
from rag.errors import ConfigError, IndexMismatch
from rag.stores.base import VectorStore
from rag.stores.exact import ExactStore
from rag.stores.flat import FlatStore
from rag.stores.ivf import IvfStore
from rag.stores.words import WordStore

__all__ = ["ExactStore", "FlatStore", "IvfStore", "VectorStore", "WordStore", "kind_for", "vector_store"]

# From this number of vectors on, looking into lists beats comparing with every vector by enough to be
# worth the training; by measurement: benchmarks/README.md, "From a thousand chunks to a million".
FLAT_BELOW = 30_000

_KINDS: dict[str, type[VectorStore]] = {store.kind: store for store in (ExactStore, FlatStore, IvfStore)}


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


def kind_for(n: int, wanted: str = "auto") -> type[VectorStore]:
    """The kind of store for `n` vectors.

    >>> kind_for(1000).kind, kind_for(1_000_000).kind, kind_for(1000, "ivf").kind
    ('flat', 'ivf', 'ivf')

    Raises:
        ConfigError: `wanted` is none of `INDEX_KINDS`.
    """
    if wanted not in INDEX_KINDS:
        raise ConfigError(f"the kind of index is {wanted!r}; expected one of {', '.join(INDEX_KINDS)}")
    if wanted == "auto":
        wanted = "flat" if n < FLAT_BELOW else "ivf"
    return _KINDS[wanted]
