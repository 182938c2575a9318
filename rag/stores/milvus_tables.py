"""Asking Milvus for the rows of one state: by document, by id, by vector and by words.

The vector search looks into the lists of an IVF_FLAT index, all of them where the corpus is small; the full
text search is Milvus's BM25, whose rarities are counted a segment at a time over rows of every state. What
they find is scored in `rag.stores.kept`: Milvus's own scores are not used.

Terms are spelled so that every analyzer of Milvus's takes each as one word (`spelled`).
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rag.errors import ConfigError
from rag.stores.base import Floats, Ints
from rag.stores.database import TABLES, State
from rag.stores.kept import Row, Selection, Tables
from rag.stores.milvus import PAGE, MilvusDatabase, alive, any_of

__all__ = ["MilvusTables", "spelled", "unspelled"]

# How many lists a segment's vectors are kept in, and how many of them are looked into: as `rag.stores.ivf`.
N_LISTS = 1024
N_PROBES = 128

# Milvus finds no more at once.
MOST = 16_384

# For so long after a state was opened, a server must have caught up with everything before it answers. After
# that it may be some seconds behind, which spares the wait of about 0.2 s: all of the state is older.
_FRESH_S = 60.0

_PLAIN = re.compile(r"(?!zz)[a-z0-9]+")
_ESCAPE = "zz"


class MilvusTables(Tables):
    """The rows of one state.

    Args:
        database: that they are in.
        state: which one.
    """

    engine = "milvus"

    def __init__(self, database: MilvusDatabase, state: State) -> None:
        about = state.about
        self._database = database
        self._names = {
            table: database.collection(int(about["epoch"]), table) for table in (*TABLES, "pieces")
        }
        self._alive = alive(state.tables["chunks"], [int(number) for number in about["void"]])
        self._n = int(about["n_chunks"])
        self._dim = int(about["dim"])
        self._opened = time.monotonic()

    def read(
        self, table: str, columns: Sequence[str], doc_ids: Sequence[str] | None = None
    ) -> dict[str, list[Any]]:
        """Columns of a table."""
        if doc_ids is not None and not doc_ids:
            return {name: [] for name in columns}
        condition = self._alive if doc_ids is None else f"{self._alive} and {any_of('doc_id', doc_ids)}"
        fields = [name for name in columns if name != "row"]
        if "record" in columns:
            fields.append("n_pieces")
        found: dict[str, list[Any]] = {name: [] for name in columns}
        # Documents that are named are few; one may have any number of chunks.
        few = doc_ids is not None and table == "documents"
        for rows in (self._some if few else self._pages)(f"reading {table}", table, condition, fields):
            if "record" in columns:
                self._complete(rows)
            for name in columns:
                found[name] += [_value(name, row) for row in rows]
        return found

    def rows(self, places: Sequence[int]) -> dict[int, Row]:
        """Some chunks by id."""
        found = {}
        fields = ["record", "n_pieces", "terms", "n_terms", "vector"]
        for begin in range(0, len(places), PAGE):
            condition = f"id in {list(map(int, places[begin : begin + PAGE]))}"
            for rows in self._some("fetching chunks", "chunks", condition, fields):
                self._complete(rows)
                for row in rows:
                    found[int(row["id"])] = Row(
                        _value("record", row),
                        Counter(unspelled(row["terms"])),
                        int(row["n_terms"]),
                        np.array(row["vector"], np.float32),
                    )
        return found

    def nearest(
        self, query: Floats, n: int, allowed: Selection | None, *, exact: bool
    ) -> tuple[Ints, Floats]:
        """Ids and vectors of about the nearest."""
        # The fewer chunks may be found, the more lists it takes.
        share = 1.0 if allowed is None else allowed.n / max(1, self._n)
        probes = N_LISTS if exact else min(N_LISTS, round(N_PROBES / max(share, 1e-6)))
        asked = {"metric_type": "COSINE", "params": {"nprobe": probes}}
        return self._vectors(
            self._search("vector search", "vector", query.tolist(), n, allowed, asked, ["vector"])
        )

    def first(self, n: int, allowed: Selection | None) -> tuple[Ints, Floats]:
        """The first rows."""

        def ask(client: Any, more: dict[str, Any]) -> Any:
            return client.query(
                self._names["chunks"],
                filter=self._condition(allowed),
                output_fields=["id", "vector"],
                limit=_limit(n),
                consistency_level=self._consistency(),
                **more,
            )

        return self._vectors(self._database.call("reading chunks", ask))

    def sharing(
        self, terms: Sequence[str], n: int, allowed: Selection | None
    ) -> tuple[Ints, list[list[str]], Ints]:
        """What Milvus's BM25 puts first."""
        asked = {"metric_type": "BM25", "params": {}}
        spoken = " ".join(map(spelled, terms))
        found = self._search(
            "full text search", "words", spoken, min(n, MOST), allowed, asked, ["terms", "n_terms"]
        )
        return (
            np.array([row["id"] for row in found], np.int64),
            [unspelled(row["terms"]) for row in found],
            np.array([row["n_terms"] for row in found], np.int64),
        )

    def counts(self, terms: Sequence[str]) -> Mapping[str, int]:
        """From the collection of terms."""
        condition = f"{self._alive} and {any_of('term', list(map(spelled, terms)))}"
        pages = self._some("counting words", "terms", condition, ["term", "n"])
        return {unspelled(row["term"])[0]: int(row["n"]) for rows in pages for row in rows}

    def _search(
        self,
        what: str,
        field: str,
        query: object,
        n: int,
        allowed: Selection | None,
        asked: Mapping[str, Any],
        fields: Sequence[str],
    ) -> list[dict[str, Any]]:
        def ask(client: Any, more: dict[str, Any]) -> list[dict[str, Any]]:
            (found,) = client.search(
                self._names["chunks"],
                data=[query],
                anns_field=field,
                limit=_limit(n),
                filter=self._condition(allowed),
                output_fields=list(fields),
                search_params=asked,
                consistency_level=self._consistency(),
                **more,
            )
            return [{"id": hit["id"], **hit["entity"]} for hit in found]

        return self._database.call(what, ask)

    def _pages(self, what: str, table: str, condition: str, fields: Sequence[str]) -> Any:
        return self._database.pages(
            what, self._names[table], condition, fields, consistency=self._consistency()
        )

    def _some(self, what: str, table: str, condition: str, fields: Sequence[str]) -> Any:
        yield self._database.some(
            what, self._names[table], condition, fields, consistency=self._consistency()
        )

    def _complete(self, rows: Sequence[dict[str, Any]]) -> None:
        """Put the rest to records that are longer than a field."""
        cut = {int(row["id"]): row for row in rows if int(row["n_pieces"]) > 1}
        if not cut:
            return
        told = self._pages("reading pieces", "pieces", f"owner in {list(cut)}", ["owner", "at", "piece"])
        rest = sorted((row["owner"], row["at"], row["piece"]) for page in told for row in page)
        for owner, _, piece in rest:
            cut[owner]["record"] += piece

    def _condition(self, allowed: Selection | None) -> str:
        if allowed is None:
            return self._alive
        named = any_of("doc_id", allowed.doc_ids)
        return f"{self._alive} and {named}" if allowed.inside else f"{self._alive} and not ({named})"

    def _consistency(self) -> str:
        return "Strong" if time.monotonic() - self._opened < _FRESH_S else "Bounded"

    def _vectors(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Ints, Floats]:
        ids = np.array([row["id"] for row in rows], np.int64)
        vectors = np.array([row["vector"] for row in rows], np.float32)
        return ids, vectors.reshape(-1, self._dim)


def _value(column: str, row: Mapping[str, Any]) -> Any:
    """A field as the tables of other engines have it."""
    if column == "row":
        return int(row["id"])
    if column in ("record", "facts"):
        return str(row[column]).encode()
    return bytes.fromhex(row["sketch"]) if column == "sketch" else row[column]


def _limit(n: int) -> int:
    if n > MOST:
        raise ConfigError(
            f"{n} results are asked for; Milvus finds {MOST} at once at the most: ask for fewer"
        )
    return n


def spelled(term: str) -> str:
    """A term in letters and digits alone, which no analyzer divides or folds.

    >>> spelled("bridge"), spelled("3.5")
    ('bridge', 'zz332e35')
    """
    return term if _PLAIN.fullmatch(term) else _ESCAPE + term.encode().hex()


def unspelled(spoken: str) -> list[str]:
    """The terms of a field.

    >>> unspelled("bridge zz332e35")
    ['bridge', '3.5']
    """
    return [
        bytes.fromhex(word[len(_ESCAPE) :]).decode() if word.startswith(_ESCAPE) else word
        for word in spoken.split()
    ]
