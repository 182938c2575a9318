"""What writing to Milvus needs: its collections, rows of one attempt, and that one process writes at a time.

Milvus has neither locks nor a step that compares before it replaces. Who writes keeps a row "writer" whose
beat goes on rising. A second writer that sees it rise gives way at once; where it stands still, the first one
is dead, and its number becomes void: what it may still write is shown by no state.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rag.errors import ConfigError, IndexBusy, IndexUnavailable
from rag.stores.database import TABLES, State
from rag.stores.milvus import NEVER, MilvusDatabase, alive, first_id, pieces_of
from rag.stores.milvus_tables import N_LISTS

__all__ = ["Attempt", "Collections", "writing"]

# Seconds between two beats of a writer, and for how long a beat that stands still is watched.
BEAT_S = 2.0
WATCH_S = 10.0

_WRITER = "writer"
_TEXT = 65_535
_STEP = 1000

# Milvus 2.5 was the first with a full text search.
_OLDEST = (2, 5)

_EVERY = {"id": "INT64", "died": "INT64"}
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "documents": {
        **_EVERY,
        "doc_id": "VARCHAR",
        "sha256": "VARCHAR",
        "n_chunks": "INT64",
        "facts": "VARCHAR",
        "sketch": "VARCHAR",
        "record": "VARCHAR",
        "n_pieces": "INT64",
    },
    "chunks": {
        **_EVERY,
        "doc_id": "VARCHAR",
        "place": "INT64",
        "record": "VARCHAR",
        "n_pieces": "INT64",
        "terms": "VARCHAR",
        "n_terms": "INT64",
    },
    "terms": {**_EVERY, "term": "VARCHAR", "n": "INT64"},
    "pieces": {"id": "INT64", "owner": "INT64", "at": "INT64", "piece": "VARCHAR"},
}
_LOOKED_UP = {"documents": "doc_id", "chunks": "doc_id", "terms": "term", "pieces": "owner"}


class Attempt:
    """One attempt to write an index; made by `writing`.

    Attributes:
        number: higher than any before.
        void: numbers of attempts that came to nothing.
        committed: whether what it wrote is a state.
    """

    def __init__(self, database: MilvusDatabase, number: int, void: list[int]) -> None:
        self.number = number
        self.void = void
        self.committed = False
        self._database = database
        self._token = secrets.token_hex(8)
        self._beat = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True, name="milvus writer")

    def begin(self) -> None:
        """Say that this process writes, and go on saying so."""
        self._put()
        self.check()
        self._thread.start()

    def check(self) -> None:
        """See that this process is still the one that writes.

        Raises:
            IndexBusy: another one has taken its place.
        """
        if not self._is_ours():
            raise IndexBusy(
                f"another process is writing the index {self._database.uri!r}; what this one wrote is not used: "
                "let one of them run at a time"
            )

    def end(self, *, failed: bool) -> None:
        """Leave the place to others; a number that came to nothing stays noted."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        with suppress(IndexUnavailable):  # then the others see it stand still
            if not self._is_ours():
                return
            if failed or (self.void and not self.committed):
                # The next one must know what may have been left.
                self._put(over=True, number=self.number if failed else 0)
                return
            self._database.call(
                "writing the state",
                lambda client, more: client.delete(self._database.name, ids=[_WRITER], **more),
            )

    def _go_on(self) -> None:
        while not self._over.wait(BEAT_S):
            with suppress(IndexUnavailable):
                if self._is_ours():
                    self._put()

    def _put(self, *, over: bool = False, number: int | None = None) -> None:
        self._beat += 1
        told = {"token": self._token, "beat": self._beat, "over": over, "void": self.void}
        self._database.put_row(_WRITER, self.number if number is None else number, json.dumps(told))

    def _is_ours(self) -> bool:
        found = self._database.row(_WRITER)
        return found is not None and json.loads(found["about"])["token"] == self._token


@contextmanager
def writing(database: MilvusDatabase) -> Iterator[Attempt]:
    """Be the only process that writes.

    Raises:
        IndexBusy: another one does.
        IndexUnavailable: the server is down or slow.
        ConfigError: a server without full text search.
    """
    _ensure_states(database)
    before = _watched(database)
    void = sorted({*before["void"], *([before["number"]] if before["number"] else [])})
    now = database.find_state()
    last = max([0, *void, now.tables["chunks"] if now else 0])
    # Two that begin at the same moment have different numbers.
    attempt = Attempt(database, last + 1 + secrets.randbelow(256), void)
    failed = True
    try:
        attempt.begin()
        yield attempt
        failed = False
    finally:
        attempt.end(failed=failed)


def _watched(database: MilvusDatabase) -> dict[str, Any]:
    """What the last writer left, once it is certain that it writes no more."""
    nothing = {"number": 0, "void": [], "over": True}
    row, until = database.row(_WRITER), time.monotonic() + WATCH_S
    if row is None:
        return nothing
    told = json.loads(row["about"])
    while not told["over"] and time.monotonic() < until:
        time.sleep(BEAT_S / 2)
        again = database.row(_WRITER)
        if again is None:
            return nothing
        if again["about"] != row["about"]:
            raise IndexBusy(
                f"another process is writing the index {database.uri!r}; wait until it is done and try again"
            )
    return {**told, "number": int(row["number"])}


class Collections:
    """The collections of one index, written by one attempt.

    Args:
        database: that they are in.
        attempt: this one.
        before: the state before; None where its collections can't be used, and others are made.
        dim: length of a vector.
    """

    def __init__(self, database: MilvusDatabase, attempt: Attempt, before: State | None, dim: int) -> None:
        self.database = database
        self.attempt = attempt
        self.void = attempt.void
        self.epoch = attempt.number
        self._before = None
        self._ids = {name: itertools.count(first_id(attempt.number)) for name in _FIELDS}
        if before is None:
            for table in _FIELDS:
                _create(database, database.collection(self.epoch, table), table, dim)
            return
        self.epoch = int(before.about["epoch"])
        self.void = sorted({*attempt.void, *map(int, before.about["void"])})
        self._before = before.tables["chunks"]
        self._forget_leftovers(self._before)

    def old_rows(self, table: str, condition: str, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Rows of the state before; none where nothing of it is used."""
        if self._before is not None:
            yield from self._pages(table, f"{alive(self._before, self.void)} and {condition}", fields)

    def new_rows(self, table: str, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Rows that the state to come has."""
        return self._pages(table, alive(self.attempt.number, self.void), fields)

    def put(
        self, table: str, rows: Sequence[Mapping[str, Any]], records: Sequence[str] | None = None
    ) -> None:
        """Add rows.

        Args:
            table: where.
            rows: without id.
            records: of each row; the ends of long ones go to the pieces.
        """
        made, rest = [], []
        for at, row in enumerate(rows):
            number = next(self._ids[table])
            own = {"id": number, **row} if table == "pieces" else {"id": number, "died": NEVER, **row}
            if records is not None:
                first, *others = pieces_of(records[at])
                own |= {"record": first, "n_pieces": 1 + len(others)}
                rest += [{"owner": number, "at": n, "piece": piece} for n, piece in enumerate(others)]
            made.append(own if table == "chunks" else {**own, "nothing": [0.0, 0.0]})
        if rest:
            self.put("pieces", rest)
        self._upsert(table, made)

    def take_out(
        self, table: str, condition: str, *, dead: int | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Let rows of the state before end with it; they are yielded once they have.

        Args:
            table: where.
            condition: which rows.
            dead: the number that they died by; None for this attempt's.
        """
        fields = [*_FIELDS[table], "vector" if table == "chunks" else "nothing"]
        fields.remove("id")
        number = self.attempt.number if dead is None else dead
        for rows in self.old_rows(table, condition, fields):
            self._upsert(table, [{**row, "died": number} for row in rows])
            yield rows

    def count(self, table: str) -> int:
        """How many rows the state to come has."""

        def ask(client: Any, more: dict[str, Any]) -> int:
            (told,) = client.query(
                self.database.collection(self.epoch, table),
                filter=alive(self.attempt.number, self.void),
                output_fields=["count(*)"],
                consistency_level="Strong",
                **more,
            )
            return int(told["count(*)"])

        return self.database.call(f"counting {table}", ask)

    def forget(self, needed: Mapping[int, int]) -> None:
        """Remove what no state needs that may still be read.

        Args:
            needed: for each attempt that made collections that are still read, the number of the oldest
                state that reads them.
        """
        oldest = needed[self.epoch]
        # What an attempt that came to nothing took out is still there.
        dead = f"died <= {oldest}" + (f" and died not in {self.void}" if self.void else "")
        for rows in self._pages("documents", f"{dead} and n_pieces > 1", []):
            self._delete("pieces", f"owner in {[int(row['id']) for row in rows]}")
        for table in TABLES:
            self._delete(table, dead)
        name = re.compile(re.escape(self.database.name) + r"_(\d+)_(?:" + "|".join(_FIELDS) + ")")
        first = min(needed.values())

        def drop(client: Any, more: dict[str, Any]) -> None:
            for collection in client.list_collections(**more):
                found = name.fullmatch(collection)
                if found and int(found[1]) not in needed:
                    client.drop_collection(collection, **more)
            client.delete(self.database.name, filter=f'number < {first} and key like "about%"', **more)

        self.database.call("tidying up", drop, writes=True)

    def _forget_leftovers(self, number: int) -> None:
        """Undo what attempts that came to nothing have done."""
        if not self.void:
            return
        left = [f"id >= {first_id(number + 1)}"]
        left += [f"id >= {first_id(n)} and id < {first_id(n + 1)}" for n in self.void if n < number]
        for table in _FIELDS:
            for condition in left:
                self._delete(table, condition)
        for table in TABLES:
            for _ in self.take_out(table, f"died < {NEVER}", dead=NEVER):
                pass

    def _pages(self, table: str, condition: str, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        collection = self.database.collection(self.epoch, table)
        return self.database.pages(f"reading {table}", collection, condition, fields)

    def _upsert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        name = self.database.collection(self.epoch, table)
        for begin in range(0, len(rows), _STEP):
            self.attempt.check()
            some = [dict(row) for row in rows[begin : begin + _STEP]]
            self.database.call(f"writing {table}", _upserting(name, some), writes=True)

    def _delete(self, table: str, condition: str) -> None:
        name = self.database.collection(self.epoch, table)
        self.database.call(
            f"tidying up {table}",
            lambda client, more: client.delete(name, filter=condition, **more),
            writes=True,
        )


def _upserting(name: str, rows: list[dict[str, Any]]) -> Callable[[Any, dict[str, Any]], Any]:
    return lambda client, more: client.upsert(name, rows, **more)


def _ensure_states(database: MilvusDatabase) -> None:
    """Make the collection of states where it is missing."""

    def ask(client: Any, more: dict[str, Any]) -> str | None:
        if client.has_collection(database.name, **more):
            return None
        version = str(client.get_server_version(**more))
        found = re.match(r"v?(\d+)\.(\d+)", version)
        if found and (int(found[1]), int(found[2])) < _OLDEST:
            return version
        schema, indexes = _schema({"key": "KEY", "number": "INT64", "about": "VARCHAR"}, {"nothing": 2})
        client.create_collection(
            database.name, schema=schema, index_params=indexes, consistency_level="Strong", **more
        )
        return None

    old = database.call("making collections", ask, writes=True)
    if old is not None:
        raise ConfigError(
            f"index {database.uri!r}: the server is Milvus {old}; expected 2.5 or newer, which has full text search"
        )


def _create(database: MilvusDatabase, name: str, table: str, dim: int) -> None:
    """Make a collection."""

    def ask(client: Any, more: dict[str, Any]) -> None:
        vectors = {"vector": dim} if table == "chunks" else {"nothing": 2}
        schema, indexes = _schema(_FIELDS[table], vectors)
        indexes.add_index(_LOOKED_UP[table], index_type="INVERTED")
        client.create_collection(
            name, schema=schema, index_params=indexes, consistency_level="Strong", **more
        )

    database.call("making collections", ask, writes=True)


def _schema(fields: Mapping[str, str], vectors: Mapping[str, int]) -> tuple[Any, Any]:
    """A collection's fields and indexes; every collection of Milvus's must have a vector."""
    from pymilvus import DataType, Function, FunctionType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    indexes = MilvusClient.prepare_index_params()
    for name, kind in fields.items():
        more: dict[str, Any] = {}
        if kind == "KEY":
            more = {"is_primary": True, "max_length": 64}
        elif kind == "VARCHAR":
            more = {"max_length": _TEXT}
        elif name == "id":
            more = {"is_primary": True}
        if name == "terms":
            more |= {"enable_analyzer": True, "analyzer_params": {"tokenizer": "standard"}}
        schema.add_field(name, DataType.VARCHAR if kind == "KEY" else DataType[kind], **more)
    for name, dim in vectors.items():
        schema.add_field(name, DataType.FLOAT_VECTOR, dim=dim)
        if name == "nothing":
            indexes.add_index(name, index_type="FLAT", metric_type="L2")
        else:
            indexes.add_index(name, index_type="IVF_FLAT", metric_type="COSINE", params={"nlist": N_LISTS})
    if "terms" in fields:
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(
            Function(
                name="bm25",
                function_type=FunctionType.BM25,
                input_field_names=["terms"],
                output_field_names=["words"],
            )
        )
        indexes.add_index(
            "words",
            index_type="SPARSE_INVERTED_INDEX",
            metric_type="BM25",
            params={"bm25_k1": 1.2, "bm25_b": 0.75},
        )
    return schema, indexes
