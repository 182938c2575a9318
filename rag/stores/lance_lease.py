"""Being the only writer where nothing can be locked: a lease, in a row of a table beside the others.

    s3://BUCKET/PATH/writer.lance       one row: who writes, and until when

The row is replaced in one step, and only by a process that finds it free or run out, so that of several that
try at once one gets it. Whoever has it prolongs it while working, and asks once more before its state
is made the newest. A writer that was killed is in the way until its lease has run out.

Machines compare their clocks here: they must agree to a minute.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rag.errors import IndexBusy, RagError
from rag.stores.lance import Database

__all__ = ["LEASE_S", "leased"]

# Seconds that a lease holds, how often it is prolonged, and how far clocks may differ.
LEASE_S = 120.0
PROLONGED_EVERY_S = 30.0
CLOCKS_S = 60.0

_TABLE = "writer"
_KEY = "now"
_FREE = ""


@contextmanager
def leased(database: Database) -> Iterator[None]:
    """Be the only process that writes, as far as everybody asks.

    Raises:
        IndexBusy: another process has the lease, and until when.
        IndexUnavailable: the store is down or slow.
    """
    lease = _Lease(database)
    database.within("taking the writer's lease", lease.take)
    database.still_writing = lease.check
    stop = threading.Event()
    prolonging = threading.Thread(target=lease.prolong_until, args=(stop,), daemon=True, name="lance lease")
    prolonging.start()
    try:
        yield
    finally:
        stop.set()
        prolonging.join()
        database.still_writing = None
        lease.give_back()


class _Lease:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = f"{uuid.uuid4()} (process {os.getpid()} on {socket.gethostname()})"
        self._table: Any = None

    def take(self) -> None:
        """Take it, where it is free or has run out; raises IndexBusy."""
        now = time.time()
        if not self._put(f"target.until < {now - CLOCKS_S} OR target.holder = '{_FREE}'", now + LEASE_S):
            holder, until = self._read()
            left = max(0, round(until + CLOCKS_S - now))
            raise IndexBusy(
                f"another process is writing the index {self._database.uri!r}: {holder.partition(' ')[2]}; wait until "
                f"it is done and try again (if it was killed, in {left} s)"
            )

    def check(self) -> None:
        """Be sure that nobody has taken it since; raises IndexBusy."""
        holder, until = self._database.within("looking at the writer's lease", self._read)
        if holder != self._holder or until < time.time():
            raise IndexBusy(
                f"this process was stopped for so long that another may write the index {self._database.uri!r}; "
                "what this one wrote is not used: run it again"
            )

    def prolong_until(self, stop: threading.Event) -> None:
        """Prolong it from time to time; where that fails, `check` says so in time."""
        while not stop.wait(PROLONGED_EVERY_S):
            self._try(time.time() + LEASE_S, self._holder)

    def give_back(self) -> None:
        """Let others have it at once; where that fails, it runs out."""
        self._try(0.0, _FREE)

    def _try(self, until: float, holder: str) -> None:
        try:
            self._database.within(
                "prolonging the writer's lease",
                lambda: self._put(f"target.holder = '{self._holder}'", until, holder),
            )
        except RagError:
            return

    def _put(self, condition: str, until: float, holder: str | None = None) -> bool:
        """Replace the row where it is as the condition says; whether it was."""
        row = self._row(self._holder if holder is None else holder, until)
        asked = self._open().merge_insert("key").when_matched_update_all(where=condition)
        return int(asked.execute(row).num_updated_rows) == 1

    def _read(self) -> tuple[str, float]:
        told = self._open().search().select(["holder", "until"]).to_arrow(timeout=self._database.timeout())
        ((holder, until),) = zip(told["holder"].to_pylist(), told["until"].to_pylist(), strict=True)
        return str(holder), float(until)

    def _open(self) -> Any:
        """The table, made where there is none: free for everybody."""
        if self._table is None:
            connection = self._database.connection()
            try:
                self._table = connection.open_table(_TABLE)
            except ValueError as error:
                if "not found" not in str(error):
                    raise
                self._table = connection.create_table(_TABLE, self._row(_FREE, 0.0), exist_ok=True)
        return self._table

    def _row(self, holder: str, until: float) -> Any:
        import pyarrow as pa

        return pa.table({"key": [_KEY], "holder": [holder], "until": pa.array([until], pa.float64())})
