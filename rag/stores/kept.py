"""Searching what an engine keeps of an index: by vector and by words, with the scores of the embedded index.

The engine finds, this file scores. The chunks that its vector search and its full text search put first are
scored again: the cosine from the stored float32 vectors, BM25 from the stored terms and the corpus's own
numbers, in the same arithmetic as `rag.stores.words`. So a score means the same in every store, and only
which chunks are found may differ.

A chunk's place is a number that the engine knows it by; it holds for one state.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rag.errors import ConfigError, IndexUnavailable, ModelError
from rag.stores.base import Floats, Ints
from rag.stores.tokens import TermMaker
from rag.stores.weighing import Weighing, factors

__all__ = ["KeptRows", "KeptVectors", "KeptWords", "Row", "Selection", "Tables", "TermCounts"]

# Chunks that the full text search offers for scoring: for each result wanted, and at least.
SHORT_LIST = 4
SHORT_LIST_LEAST = 400

# Asked for beyond what is wanted, so that of equal scores the first rows are taken.
_SPARE = 16

# Rows kept at hand: those of the last questions. About 16 MB.
_KEPT_ROWS = 4096
_KEPT_TERMS = 65_536


@dataclass(frozen=True, slots=True)
class Selection:
    """The chunks that may be found: those of some documents, or all others.

    Attributes:
        doc_ids: of the documents.
        inside: whether theirs are meant; False for all others.
        n: how many they are.
    """

    doc_ids: tuple[str, ...]
    inside: bool
    n: int

    def sum(self) -> int:
        """How many they are; as of a mask."""
        return self.n


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of a chunk.

    Attributes:
        record: its line of JSON.
        terms: how often it holds each.
        n_terms: how many it has in all.
        vector: float32, (dim,).
    """

    record: bytes
    terms: Counter[str]
    n_terms: int
    vector: Floats


class Tables(ABC):
    """What an engine holds of one state. Every method raises IndexUnavailable where it is down or slow."""

    engine: ClassVar[str]

    @abstractmethod
    def read(
        self, table: str, columns: Sequence[str], doc_ids: Sequence[str] | None = None
    ) -> dict[str, list[Any]]:
        """Columns of a table, in one order, which is any; those of some documents, or all.

        Records, facts and sketches are bytes; the column `row` is the place of a chunk.
        """

    @abstractmethod
    def rows(self, places: Sequence[int]) -> dict[int, Row]:
        """Some chunks by place; places that are none are left out."""

    @abstractmethod
    def nearest(
        self, query: Floats, n: int, allowed: Selection | None, *, exact: bool
    ) -> tuple[Ints, Floats]:
        """Places and vectors of about the `n` chunks nearest to a unit query, or of exactly these."""

    @abstractmethod
    def first(self, n: int, allowed: Selection | None) -> tuple[Ints, Floats]:
        """Places and vectors of any `n` chunks."""

    @abstractmethod
    def sharing(
        self, terms: Sequence[str], n: int, allowed: Selection | None
    ) -> tuple[Ints, list[list[str]], Ints]:
        """Places, terms and number of terms of the `n` chunks that full text search puts first."""

    @abstractmethod
    def counts(self, terms: Sequence[str]) -> Mapping[str, int]:
        """How many chunks hold each term; those that none holds may be left out."""


class KeptRows:
    """Chunks by place, those of the last questions kept at hand.

    Args:
        tables: of one state.
        n: how many chunks there are.
        dim: length of a vector.
        indexed: whether an index over the vectors was built, so that a search may miss some.
    """

    def __init__(self, tables: Tables, n: int, dim: int, indexed: bool) -> None:
        self.tables = tables
        self.n = n
        self.dim = dim
        self.indexed = indexed
        self._kept: OrderedDict[int, Row] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, places: Sequence[int]) -> list[Row]:
        """Some rows, in the order asked for; what is not at hand is fetched at once.

        Raises:
            ConfigError: a place that is none.
            IndexUnavailable: the store is down or slow.
        """
        with self._lock:
            found = {place: self._kept[place] for place in places if place in self._kept}
        missing = sorted(set(places).difference(found))
        if missing:
            found.update(self._fetch(missing))
            with self._lock:
                for place in missing:
                    self._kept[place] = found[place]
                while len(self._kept) > _KEPT_ROWS:
                    self._kept.popitem(last=False)
        return [found[place] for place in places]

    def _fetch(self, places: list[int]) -> dict[int, Row]:
        found = self.tables.rows(places)
        if len(found) != len(places):
            raise ConfigError(f"{len(found)} chunks at {len(places)} places; expected one each")
        return found


class KeptVectors:
    """As a `VectorStore`, whose places are those of the engine and whose filter is a `Selection`.

    Args:
        rows: of the table of chunks.
    """

    def __init__(self, rows: KeptRows) -> None:
        self._rows = rows
        self.kind = rows.tables.engine

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._rows.dim

    def __len__(self) -> int:
        return self._rows.n

    def vectors(self, rows: Ints) -> Floats:
        """Some stored vectors: float32, (n, dim)."""
        found = [row.vector for row in self._rows.rows(rows.tolist())]
        return np.stack(found) if found else np.zeros((0, self.dim), np.float32)

    def cosines(self, query: Floats, rows: Ints) -> Floats:
        """The cosine of one query with some stored vectors: float32, (n,)."""
        found: Floats = self.vectors(rows) @ query
        return found

    def search(self, queries: Floats, k: int, allowed: Selection | None = None) -> tuple[Floats, Ints]:
        """As `VectorStore.search`.

        Raises:
            ConfigError: `k` below 1.
            ModelError: queries of another dimension, or not finite.
            IndexUnavailable: the store is down or slow.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; expected at least 1 result")
        if queries.ndim != 2 or queries.shape[1] != self.dim or not np.isfinite(queries).all():
            raise ModelError(
                f"queries have the shape {queries.shape}; expected finite numbers, (n, {self.dim}), from the "
                "encoder that the index was made with, or rebuild it with: rag index PATH..."
            )
        m = min(k, self._rows.n if allowed is None else allowed.n)
        scores, places = np.zeros((len(queries), m), np.float32), np.zeros((len(queries), m), np.int64)
        for at, query in enumerate(queries if m else ()):
            length = float(np.linalg.norm(query.astype(np.float64)))
            unit = (query / (length or 1.0)).astype(np.float32)
            scores[at], places[at] = self._nearest(unit, m, allowed, length > 0)
        return scores, places

    def _nearest(
        self, query: Floats, m: int, allowed: Selection | None, any_way: bool
    ) -> tuple[Floats, Ints]:
        tables, n = self._rows.tables, m + _SPARE
        if any_way:
            found, vectors = tables.nearest(query, n, allowed, exact=not self._rows.indexed)
        else:  # all are as near to nothing
            found, vectors = tables.first(m, allowed)
        if len(found) < m:  # lists that hold too few of what a filter lets through
            found, vectors = tables.nearest(query, n, allowed, exact=True)
        if len(found) < m:
            raise IndexUnavailable(
                f"{len(found)} of {m} chunks are left of the state that is open; another took its place long ago: "
                "open the index again"
            )
        scores = (vectors @ query).astype(np.float32)
        order = _order(scores, found)[:m]
        return scores[order], found[order]


class TermCounts:
    """How many chunks hold a term, as the engine has counted them; what was asked for is kept.

    Args:
        tables: of one state.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._kept: dict[str, int] = {}

    def __call__(self, term: str) -> int:
        """How many chunks hold it."""
        if term not in self._kept:
            self.prepare([term])
        return self._kept.get(term, 0)

    def prepare(self, terms: Sequence[str]) -> None:
        """Ask for several at once, so that each costs nothing afterwards."""
        missing = [term for term in dict.fromkeys(terms) if term not in self._kept]
        if not missing:
            return
        found = self._tables.counts(missing)
        if len(self._kept) > _KEPT_TERMS:
            self._kept = {}
        self._kept = {**self._kept, **{term: found.get(term, 0) for term in missing}}


class KeptWords(Weighing):
    """As a `WordStore`, whose places are those of the engine and whose filter is a `Selection`.

    Args:
        rows: of the table of chunks.
        counts: of terms.
        terms: makes the terms of questions.
        mean: how many terms a chunk has on average.
    """

    def __init__(self, rows: KeptRows, counts: TermCounts, terms: TermMaker, mean: float) -> None:
        super().__init__(terms, rows.n, mean, counts)
        self._rows = rows
        self._counts = counts

    def _by_word(self, query: str) -> list[tuple[str, ...]]:
        found = super()._by_word(query)
        self._counts.prepare([stem for stems in found for stem in stems])
        return found

    def lookup(self, query: str, places: Ints) -> Floats:
        """The BM25 score of some chunks: float32, (n,)."""
        rows = self._rows.rows(places.tolist())
        return self._score(
            query, [row.terms for row in rows], np.array([row.n_terms for row in rows], np.int64)
        )

    def search(self, query: str, k: int, allowed: Selection | None = None) -> tuple[Floats, Ints]:
        """The best chunks that share a term with the question, best first, at most `k`.

        Raises:
            ConfigError: `k` below 1.
            IndexUnavailable: the store is down or slow.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; expected at least 1 result")
        terms = [term for term, _ in self._weighed(query) if self._counts(term)]
        if not terms or (allowed is not None and not allowed.n):
            return np.zeros(0, np.float32), np.zeros(0, np.int64)
        n = max(SHORT_LIST_LEAST, SHORT_LIST * k)
        places, spoken, lengths = self._rows.tables.sharing(terms, n, allowed)
        wanted = frozenset(terms)
        held = [Counter(filter(wanted.__contains__, each)) for each in spoken]
        scores = self._score(query, held, lengths)
        order = _order(scores, places)[:k]
        order = order[scores[order] > 0]
        return scores[order], places[order]

    def _score(self, query: str, held: Sequence[Counter[str]], lengths: Ints) -> Floats:
        """BM25 of chunks from their terms, to the bit as `rag.stores.words` has it."""
        totals = np.zeros(len(held), np.float32)
        norms = self._norms_of(lengths)
        for term, idf in self._weighed(query):
            counts = np.array([terms.get(term, 0) for terms in held], np.int64)
            totals += factors(counts, norms.copy(), idf)
        return totals


def _order(scores: Floats, places: Ints) -> Ints:
    """The order of results: the best first, equal ones by place."""
    order: Ints = np.lexsort((places, -scores))
    return order
