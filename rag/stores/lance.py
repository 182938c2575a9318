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

import ctypes
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from rag.errors import ConfigError, IndexBusy, OptionalDependencyError, RagError
from rag.locations import LANCE, folder_of
from rag.stores.database import TABLES, AnyDatabase, State
from rag.stores.kept import Tables

__all__ = ["TABLES", "Database", "State", "in_list", "quoted"]

_STATE = "state"
_KEY = "now"

# What mallopt (malloc.h of glibc) calls the most arenas that it may have.
_M_ARENA_MAX = -8


class Database(AnyDatabase):
    """The database that a URI names; nothing is made by opening it.

    Args:
        uri: `lance://` and a folder or an object store's URL such as `s3://bucket/path`, whose credentials
            and endpoint come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT` ...).
        patience_s: seconds to wait for one answer; None for `PATIENCE_S`.

    Raises:
        OptionalDependencyError: LanceDB is not installed.
        ConfigError: a URI without a place.
    """

    format = "insources lance 1"
    engine = "lance"

    def __init__(self, uri: str, patience_s: float | None = None) -> None:
        super().__init__(uri, patience_s)
        self.place = uri.removeprefix(LANCE)
        if not self.place:
            raise ConfigError(f"the index is {uri!r}; expected {LANCE}FOLDER or {LANCE}s3://BUCKET/PATH")
        if importlib.util.find_spec("lancedb") is None:
            raise OptionalDependencyError("lancedb", "lance", f"for the index {uri!r}")
        os.environ.setdefault("LANCEDB_LOG", "error")  # it greets new tables with warnings
        # Where no lock keeps others out: raises IndexBusy as soon as this process may no longer write.
        self.still_writing: Callable[[], None] | None = None
        self._connection: Any = None
        self._states: Any = None

    @property
    def folder(self) -> Path | None:
        """Where it is, if that is a folder."""
        return folder_of(self.uri)

    def _load(self) -> None:
        if "lancedb" not in sys.modules:
            _limit_arenas()
        import lancedb  # noqa: F401

    def _is_engine_s(self, error: BaseException) -> bool:
        return isinstance(error, (RuntimeError, OSError, ValueError)) and not isinstance(error, RagError)

    def timeout(self) -> timedelta:
        """The same limit, for LanceDB's own watch."""
        return timedelta(seconds=self.patience_s)

    def connection(self) -> Any:
        """LanceDB's, opened when it is first needed."""
        if self._connection is None:
            self._load()
            import lancedb

            # Each look at the state sees the newest one.
            self._connection = lancedb.connect(self.place, read_consistency_interval=timedelta(0))
        return self._connection

    def _find_rows(self) -> list[tuple[int, str]] | None:
        if self.folder is not None and not (self.folder / f"{_STATE}.lance").is_dir():
            return None  # connecting would make the folder
        return self.within("reading the state", self._read_state)

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

    def open(self, state: State) -> Tables:
        """The tables of a state, each held at its version."""
        from rag.stores.lance_search import LanceTables

        def ask() -> dict[str, Any]:
            opened = {}
            for name in TABLES:
                opened[name] = table = self.connection().open_table(name)
                table.checkout(state.tables[name])
            return opened

        opened = self.within("opening the tables", ask)
        return LanceTables(self, opened, int(state.about["n_chunks"]), int(state.about["dim"]))

    def replace_state(self, before: State | None, after: State) -> None:
        """Make a state the newest one; the row is replaced in one step.

        Raises:
            IndexBusy: somebody else has replaced it since.
        """
        import pyarrow as pa

        if self.still_writing is not None:
            self.still_writing()
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


def _limit_arenas() -> None:
    """Let glibc keep no more heaps than processors: one for each of LanceDB's threads is 250 MB that nobody uses."""
    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(OSError, AttributeError, TypeError):  # other C libraries
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, max(2, os.cpu_count() or 2))


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
