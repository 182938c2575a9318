"""Searching a Lance table of chunks: by vector and by words, with the scores of the embedded index.

LanceDB finds, this file scores. The chunks that its vector search (IVF_RQ, refined) and its full text
search (BM25 with constants of its own) put first are scored again: the cosine from the stored float32
vectors, BM25 from the stored terms and the corpus's own numbers, in the same arithmetic as
`rag.stores.words`. So a score means the same in every store, and only which chunks are found may differ.

A chunk's place is its row id, which holds for one version of the table.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rag.errors import ConfigError, ModelError
from rag.stores.base import Floats, Ints
from rag.stores.lance import Database, in_list
from rag.stores.tokens import TermMaker
from rag.stores.weighing import Weighing, factors

__all__ = ["LanceRows", "LanceVectors", "LanceWords", "Selection", "TermCounts"]

# Chunks that the full text search offers for scoring: for each result wanted, and at least.
SHORT_LIST = 4
SHORT_LIST_LEAST = 400

# What the vector search looks into, and how many candidates it compares exactly for each result.
N_PROBES = 40
REFINE = 10

# Asked for beyond what is wanted, so that of equal scores the first rows are taken.
_SPARE = 16

# Rows kept at hand: those of the last questions. About 16 MB.
_KEPT_ROWS = 4096
_KEPT_TERMS = 65_536


@dataclass(frozen=True, slots=True)
class Selection:
    """The chunks that may be found.

    Attributes:
        condition: in LanceDB's SQL.
        n: how many they are.
    """

    condition: str
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


class LanceRows:
    """Rows of the table of chunks by row id, those of the last questions kept at hand.

    Args:
        database: that the table is of.
        table: held at one version.
        n: how many rows it has.
        dim: length of a vector.
        indexed: whether an index over the vectors was built.
    """

    def __init__(self, database: Database, table: Any, n: int, dim: int, indexed: bool) -> None:
        self.database = database
        self.table = table
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
        def ask() -> Any:
            asked = self.table.take_row_ids(places).with_row_id()
            return asked.select(["record", "terms", "n_terms", "vector"]).to_arrow(
                timeout=self.database.timeout()
            )

        told = self.database.within("fetching chunks", ask)
        if told.num_rows != len(places):
            raise ConfigError(f"{told.num_rows} chunks at {len(places)} places; expected one each")
        vectors = _matrix(told["vector"], self.dim)
        columns = [told[name].to_pylist() for name in ("_rowid", "record", "terms", "n_terms")]
        return {
            place: Row(record, Counter(terms.split()), n_terms, vectors[at])
            for at, (place, record, terms, n_terms) in enumerate(zip(*columns, strict=True))
        }


class LanceVectors:
    """As a `VectorStore`, whose places are row ids and whose filter is a `Selection`.

    Args:
        rows: of the table of chunks.
    """

    kind = "lance"

    def __init__(self, rows: LanceRows) -> None:
        self._rows = rows

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
        found, vectors = (
            self._look(query, m, allowed, self._rows.indexed) if any_way else self._first(m, allowed)
        )
        if len(found) < m:  # lists that hold too few of what a filter lets through
            found, vectors = self._look(query, m, allowed, False)
        scores = (vectors @ query).astype(np.float32)
        order = np.lexsort((found, -scores))[:m]
        return scores[order], found[order]

    def _look(self, query: Floats, m: int, allowed: Selection | None, indexed: bool) -> tuple[Ints, Floats]:
        """Row ids and vectors of about the nearest, a few more than wanted."""

        def ask() -> Any:
            asked = self._rows.table.search(query, vector_column_name="vector").distance_type("cosine")
            asked = asked.limit(m + _SPARE).with_row_id(True).select(["vector", "_distance"])
            if allowed is not None:
                asked = asked.where(allowed.condition, prefilter=True)
            if indexed:
                # The fewer chunks may be found, the more lists it takes.
                share = 1.0 if allowed is None else allowed.n / max(1, self._rows.n)
                asked = asked.nprobes(min(2000, round(N_PROBES / share))).refine_factor(REFINE)
            else:
                asked = asked.bypass_vector_index()
            return asked.to_arrow(timeout=self._rows.database.timeout())

        return self._read(self._rows.database.within("vector search", ask))

    def _first(self, m: int, allowed: Selection | None) -> tuple[Ints, Floats]:
        """The first rows: all are as near to nothing."""

        def ask() -> Any:
            asked = self._rows.table.search().with_row_id(True).select(["vector"]).limit(m)
            if allowed is not None:
                asked = asked.where(allowed.condition)
            return asked.to_arrow(timeout=self._rows.database.timeout())

        return self._read(self._rows.database.within("reading chunks", ask))

    def _read(self, told: Any) -> tuple[Ints, Floats]:
        return told["_rowid"].to_numpy().astype(np.int64), _matrix(told["vector"], self.dim)


class TermCounts:
    """How many chunks hold a term, from the table of terms; what was asked for is kept.

    Args:
        database: that the table is of.
        table: held at one version.
    """

    def __init__(self, database: Database, table: Any) -> None:
        self._database = database
        self._table = table
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

        def ask() -> Any:
            asked = self._table.search().where(in_list("term", missing)).select(["term", "n"])
            return asked.limit(len(missing)).to_arrow(timeout=self._database.timeout())

        told = self._database.within("counting words", ask)
        if len(self._kept) > _KEPT_TERMS:
            self._kept = {}
        found = dict(zip(told["term"].to_pylist(), told["n"].to_pylist(), strict=True))
        self._kept = {**self._kept, **{term: found.get(term, 0) for term in missing}}


class LanceWords(Weighing):
    """As a `WordStore`, whose places are row ids and whose filter is a `Selection`.

    Args:
        rows: of the table of chunks.
        counts: of terms.
        terms: makes the terms of questions.
        mean: how many terms a chunk has on average.
    """

    def __init__(self, rows: LanceRows, counts: TermCounts, terms: TermMaker, mean: float) -> None:
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
        from lancedb.query import MatchQuery

        def ask() -> Any:
            asked = self._rows.table.search(MatchQuery(" ".join(terms), "terms"))
            asked = asked.limit(max(SHORT_LIST_LEAST, SHORT_LIST * k)).with_row_id(True)
            if allowed is not None:
                asked = asked.where(allowed.condition, prefilter=True)
            asked = asked.select(["terms", "n_terms", "_score"])
            return asked.to_arrow(timeout=self._rows.database.timeout())

        told = self._rows.database.within("full text search", ask)
        places = told["_rowid"].to_numpy().astype(np.int64)
        wanted = frozenset(terms)
        held = [Counter(t for t in text.split() if t in wanted) for text in told["terms"].to_pylist()]
        scores = self._score(query, held, told["n_terms"].to_numpy())
        order = np.lexsort((places, -scores))[:k]
        order = order[scores[order] > 0]
        return scores[order], places[order]

    def _score(self, query: str, held: Sequence[Counter[str]], lengths: Ints) -> Floats:
        """BM25 of chunks from their terms, to the bit as `rag.stores.words` has it."""
        totals = np.zeros(len(held), np.float32)
        norms = self._norms_of(lengths)
        for term, idf in self._weighed(query):
            counts = np.array([terms[term] for terms in held], np.int64)
            totals += factors(counts, norms.copy(), idf)
        return totals


def _matrix(column: Any, dim: int) -> Floats:
    """A column of vectors as float32, (n, dim)."""
    flat = column.combine_chunks().flatten() if len(column) else None
    return (
        np.zeros((0, dim), np.float32)
        if flat is None
        else flat.to_numpy(zero_copy_only=False).reshape(-1, dim)
    )
