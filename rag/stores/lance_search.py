"""Asking the Lance tables of one state: by document, by row, by vector and by words.

The vector search is IVF_RQ, refined, or a comparison with every vector; the full text search is BM25 with
constants of its own. What they find is scored in `rag.stores.kept`.

A chunk's place is its row id, which holds for one version of the table.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rag.stores.base import Floats, Ints
from rag.stores.kept import Row, Selection, Tables
from rag.stores.lance import Database, in_list

__all__ = ["LanceTables"]

# Lists that the vector search looks into, at least and among those that LanceDB makes of a million chunks (more
# chunks take more, by their root), and how many candidates it compares exactly for each result. Of a million,
# 40 lists find 0.95 of the ten nearest, 80 find 0.97 and 160 find 0.99, in 18, 15 and 20 ms of the processors;
# 1,024 lists in place of LanceDB's own number found less with as many looked into.
LEAST_PROBES = 40
PROBES_OF_A_MILLION = 160
_MOST_PROBES = 10_000
REFINE = 10


class LanceTables(Tables):
    """The tables of a LanceDB database, each held at one version.

    Args:
        database: that they are of.
        tables: by name.
        n: how many chunks there are.
        dim: length of a vector.
    """

    engine = "lance"

    def __init__(self, database: Database, tables: Mapping[str, Any], n: int, dim: int) -> None:
        self._database = database
        self._tables = tables
        self._n = n
        self._dim = dim

    def __getitem__(self, name: str) -> Any:
        """LanceDB's own table."""
        return self._tables[name]

    def read(
        self, table: str, columns: Sequence[str], doc_ids: Sequence[str] | None = None
    ) -> dict[str, list[Any]]:
        """Columns of a table."""

        def ask() -> Any:
            condition = "true" if doc_ids is None else in_list("doc_id", doc_ids)
            asked = self._tables[table].search().where(condition)
            if "row" in columns:
                asked = asked.with_row_id(True)
            asked = asked.select([name for name in columns if name != "row"])
            return asked.to_arrow(timeout=self._database.timeout())

        told = self._database.within(f"reading {table}", ask)
        return {name: told["_rowid" if name == "row" else name].to_pylist() for name in columns}

    def rows(self, places: Sequence[int]) -> dict[int, Row]:
        """Some chunks by row id."""

        def ask() -> Any:
            asked = self._tables["chunks"].take_row_ids(list(places)).with_row_id()
            return asked.select(["record", "terms", "n_terms", "vector"]).to_arrow(
                timeout=self._database.timeout()
            )

        told = self._database.within("fetching chunks", ask)
        vectors = _matrix(told["vector"], self._dim)
        columns = [told[name].to_pylist() for name in ("_rowid", "record", "terms", "n_terms")]
        return {
            place: Row(record, Counter(terms.split()), n_terms, vectors[at])
            for at, (place, record, terms, n_terms) in enumerate(zip(*columns, strict=True))
        }

    def nearest(
        self, query: Floats, n: int, allowed: Selection | None, *, exact: bool
    ) -> tuple[Ints, Floats]:
        """Row ids and vectors of about the nearest."""

        def ask() -> Any:
            asked = self._tables["chunks"].search(query, vector_column_name="vector")
            asked = asked.distance_type("cosine").limit(n).with_row_id(True).select(["vector", "_distance"])
            if allowed is not None:
                asked = asked.where(_condition(allowed), prefilter=True)
            if exact:
                asked = asked.bypass_vector_index()
            else:
                # The fewer chunks may be found, the more lists it takes.
                share = 1.0 if allowed is None else allowed.n / max(1, self._n)
                asked = asked.nprobes(_probes(self._n, share)).refine_factor(REFINE)
            return asked.to_arrow(timeout=self._database.timeout())

        return self._found(self._database.within("vector search", ask))

    def first(self, n: int, allowed: Selection | None) -> tuple[Ints, Floats]:
        """The first rows."""

        def ask() -> Any:
            asked = self._tables["chunks"].search().with_row_id(True).select(["vector"]).limit(n)
            if allowed is not None:
                asked = asked.where(_condition(allowed))
            return asked.to_arrow(timeout=self._database.timeout())

        return self._found(self._database.within("reading chunks", ask))

    def sharing(
        self, terms: Sequence[str], n: int, allowed: Selection | None
    ) -> tuple[Ints, list[list[str]], Ints]:
        """What LanceDB's BM25 puts first."""
        from lancedb.query import MatchQuery

        def ask() -> Any:
            asked = self._tables["chunks"].search(MatchQuery(" ".join(terms), "terms"))
            asked = asked.limit(n).with_row_id(True)
            if allowed is not None:
                asked = asked.where(_condition(allowed), prefilter=True)
            asked = asked.select(["terms", "n_terms", "_score"])
            return asked.to_arrow(timeout=self._database.timeout())

        told = self._database.within("full text search", ask)
        places = told["_rowid"].to_numpy().astype(np.int64)
        return places, [text.split() for text in told["terms"].to_pylist()], told["n_terms"].to_numpy()

    def counts(self, terms: Sequence[str]) -> Mapping[str, int]:
        """From the table of terms."""

        def ask() -> Any:
            asked = self._tables["terms"].search().where(in_list("term", terms)).select(["term", "n"])
            return asked.limit(len(terms)).to_arrow(timeout=self._database.timeout())

        told = self._database.within("counting words", ask)
        return dict(zip(told["term"].to_pylist(), told["n"].to_pylist(), strict=True))

    def _found(self, told: Any) -> tuple[Ints, Floats]:
        return told["_rowid"].to_numpy().astype(np.int64), _matrix(told["vector"], self._dim)


def _probes(n: int, share: float) -> int:
    """How many lists to look into, where a filter lets a share of the chunks through.

    >>> [_probes(n, 1.0) for n in (30_000, 10**6, 10**8)], _probes(10**6, 0.1)
    ([40, 160, 1600], 1600)
    """
    wanted = max(LEAST_PROBES, PROBES_OF_A_MILLION * math.sqrt(n / 1e6)) / max(share, 1e-6)
    return round(min(_MOST_PROBES, wanted))


def _condition(allowed: Selection) -> str:
    """A selection in LanceDB's SQL."""
    named = in_list("doc_id", allowed.doc_ids)
    return named if allowed.inside else f"NOT ({named})"


def _matrix(column: Any, dim: int) -> Floats:
    """A column of vectors as float32, (n, dim)."""
    flat = column.combine_chunks().flatten() if len(column) else None
    return (
        np.zeros((0, dim), np.float32)
        if flat is None
        else flat.to_numpy(zero_copy_only=False).reshape(-1, dim)
    )
