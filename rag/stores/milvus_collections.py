"""The rows of one attempt to write an index in Milvus: put in, taken out, and cleared away when nobody needs them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rag.stores.database import TABLES, State
from rag.stores.milvus import NEVER, MilvusDatabase, alive, first_id, pieces_of
from rag.stores.milvus_schema import FIELDS, create
from rag.stores.milvus_writing import Attempt

__all__ = ["Collections"]

# Rows written at a time.
_STEP = 1000


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
        self._ids = {name: itertools.count(first_id(attempt.number)) for name in FIELDS}
        if before is None:
            for table in FIELDS:
                create(database, database.collection(self.epoch, table), table, dim)
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
        fields = [*FIELDS[table], "vector" if table == "chunks" else "nothing"]
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
        name = re.compile(re.escape(self.database.name) + r"_(\d+)_(?:" + "|".join(FIELDS) + ")")
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
        for table in FIELDS:
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
