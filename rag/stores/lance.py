"""A LanceDB database as an index keeps it: tables of certain versions, named together by one row.

    FOLDER or s3://BUCKET/PATH
    ├── documents.lance    a row a document: names, facts, its record with the canonical text
    ├── chunks.lance       a row a chunk: record, terms, vector
    ├── terms.lance        a row a term: how many chunks hold it
    ├── state.lance        one row: which versions of the tables belong together, and what is said of them
    └── insources.lock     held by the process that writes, where this is a folder

Lance keeps every version of a table until it is cleaned up, so that a reader that has opened the versions
of one state sees exactly these whatever is written meanwhile, and a writer that is killed leaves versions
that no state names: the next one goes back to those that the state names. Replacing the one row is atomic,
also on S3, and fails where somebody else has replaced it since.

Everything that is asked of LanceDB comes through here, with a limit on time: a store that is down, slow or
damaged gives one clear error.
"""

from __future__ import annotations

import importlib.util
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from rag.errors import (
    ConfigError,
    IndexBusy,
    IndexDamaged,
    IndexMissing,
    IndexUnavailable,
    OptionalDependencyError,
    RagError,
)
from rag.locations import LANCE, folder_of

__all__ = ["TABLES", "Database", "State", "in_list", "quoted"]

FORMAT = "insources lance 1"
TABLES = ("documents", "chunks", "terms")

# Seconds that a reader waits for one answer of the store.
PATIENCE_S = 20.0

_STATE = "state"
_KEY = "now"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """Versions of the tables that belong together.

    Attributes:
        generation: counts the states, from 1.
        tables: version by table.
        about: what is said of them: format, settings, encoder, counts ...
    """

    generation: int
    tables: Mapping[str, int]
    about: Mapping[str, Any] = field(default_factory=dict)


class Database:
    """The database that a URI names; nothing is made by opening it.

    Args:
        uri: `lance://` and a folder or an object store's URL such as `s3://bucket/path`, whose credentials
            and endpoint come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT` ...).
        patience_s: seconds to wait for one answer; None for `PATIENCE_S`.

    Raises:
        OptionalDependencyError: LanceDB is not installed.
        ConfigError: a URI without a place.
    """

    def __init__(self, uri: str, patience_s: float | None = None) -> None:
        self.uri = uri
        self.place = uri.removeprefix(LANCE)
        self._patience_s = patience_s
        if not self.place:
            raise ConfigError(f"the index is {uri!r}; expected {LANCE}FOLDER or {LANCE}s3://BUCKET/PATH")
        if importlib.util.find_spec("lancedb") is None:
            raise OptionalDependencyError("lancedb", "lance", f"for the index {uri!r}")
        os.environ.setdefault("LANCEDB_LOG", "error")  # it greets new tables with warnings
        self._connection: Any = None
        self._states: Any = None

    @property
    def folder(self) -> Path | None:
        """Where it is, if that is a folder."""
        return folder_of(self.uri)

    @property
    def patience_s(self) -> float:
        """Seconds to wait for one answer."""
        return PATIENCE_S if self._patience_s is None else self._patience_s

    def within(self, what: str, ask: Callable[[], T]) -> T:
        """What the store answers, or an error after a while.

        Args:
            what: is asked of it, for the message: "search".
            ask: runs in a thread of its own, which is left behind where no answer comes.

        Raises:
            IndexUnavailable: down, or slow.
        """
        import lancedb  # noqa: F401  -- not what the store is waited for

        answer: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            try:
                answer.append(ask())
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=run, daemon=True, name=f"lance {what}")
        thread.start()
        thread.join(self.patience_s)
        if failure:
            raise self.told(what, failure[0]) from failure[0]
        if not answer:
            raise IndexUnavailable(
                f"index {self.uri!r}: no answer within {self.patience_s:g} s ({what}); "
                "the store is slow or can't be reached: try again, and look at its disk or network"
            )
        return answer[0]

    def told(self, what: str, error: BaseException) -> BaseException:
        """An error of LanceDB's in our words; any other as it is."""
        if isinstance(error, RagError) or not isinstance(error, (RuntimeError, OSError, ValueError)):
            return error
        first = (str(error).strip().splitlines() or [""])[0][:300]
        if "timeout" in first.lower():
            return IndexUnavailable(
                f"index {self.uri!r}: no answer within {self.patience_s:g} s ({what}); the store is slow: try again"
            )
        return IndexUnavailable(
            f"index {self.uri!r}: {what} failed ({type(error).__name__}: {first}); is the store there, "
            "whole, and reachable with these credentials? Look at it with: rag doctor --index " + self.uri
        )

    def timeout(self) -> timedelta:
        """The same limit, for LanceDB's own watch."""
        return timedelta(seconds=self.patience_s)

    def connection(self) -> Any:
        """LanceDB's, opened when it is first needed."""
        if self._connection is None:
            import lancedb

            # Each look at the state sees the newest one.
            self._connection = lancedb.connect(self.place, read_consistency_interval=timedelta(0))
        return self._connection

    def state(self) -> State:
        """The newest state.

        Raises:
            IndexMissing: there is no index.
            IndexDamaged: a state that can't be read.
            IndexUnavailable: the store is down or slow.
        """
        found = self.find_state()
        if found is None:
            raise IndexMissing(
                f"no index at {self.uri!r}; build one with: rag index PATH... --index {self.uri}"
            )
        return found

    def find_state(self) -> State | None:
        """As `state`; None where there is no index."""
        if self.folder is not None and not (self.folder / f"{_STATE}.lance").is_dir():
            return None  # connecting would make the folder
        rows = self.within("reading the state", self._read_state)
        if rows is None:
            return None
        try:
            ((generation, about),) = rows
            told = json.loads(about)
            return State(int(generation), {name: int(told["tables"][name]) for name in TABLES}, told)
        except (ValueError, KeyError, TypeError) as error:
            raise IndexDamaged(
                f"index {self.uri!r}: its state can't be read ({type(error).__name__}: {error}); "
                f"build it anew with: rag index PATH... --index {self.uri}"
            ) from error

    def _read_state(self) -> list[tuple[int, str]] | None:
        if self._states is None:
            try:
                self._states = self.connection().open_table(_STATE)
            except ValueError as error:
                if "not found" in str(error):
                    return None
                raise
        found = self._states.search().select(["generation", "about"]).to_arrow(timeout=self.timeout())
        return list(zip(found["generation"].to_pylist(), found["about"].to_pylist(), strict=True))

    def open(self, state: State) -> dict[str, Any]:
        """The tables of a state, each held at its version.

        Raises:
            IndexUnavailable: the store is down or slow.
        """

        def ask() -> dict[str, Any]:
            opened = {}
            for name in TABLES:
                opened[name] = table = self.connection().open_table(name)
                table.checkout(state.tables[name])
            return opened

        return self.within("opening the tables", ask)

    def replace_state(self, before: State | None, after: State) -> None:
        """Make a state the newest one; the row is replaced in one step.

        Raises:
            IndexBusy: somebody else has replaced it since.
        """
        import pyarrow as pa

        about = json.dumps({**after.about, "tables": dict(after.tables)}, ensure_ascii=False)
        row = pa.table(
            {"key": [_KEY], "generation": pa.array([after.generation], pa.int64()), "about": [about]}
        )
        if before is None:
            self.connection().create_table(_STATE, row, mode="overwrite")
            return
        table = self.connection().open_table(_STATE)
        asked = table.merge_insert("key").when_matched_update_all(
            where=f"target.generation = {before.generation}"
        )
        if asked.execute(row).num_updated_rows != 1:
            raise IndexBusy(
                f"index {self.uri!r} was changed by another process while this one was writing; "
                "what this one wrote is not used: run it again"
            )


def quoted(text: str) -> str:
    """A text in a condition of LanceDB's SQL.

    >>> quoted("O'Brien.txt")
    "'O''Brien.txt'"
    """
    return "'" + text.replace("'", "''") + "'"


def in_list(column: str, values: Sequence[str]) -> str:
    """The condition that a column has one of some values.

    >>> in_list("doc_id", ["a", "b"])
    "doc_id IN ('a', 'b')"
    """
    return f"{column} IN ({', '.join(map(quoted, values))})" if values else "false"
