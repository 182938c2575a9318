"""One process writes an index in Milvus at a time, and what it writes has a number of its own.

Milvus has neither locks nor a step that compares before it replaces. Who writes keeps a row "writer" whose
beat goes on rising. A second writer that sees it rise gives way at once; where it stands still, the first one
is dead, and its number becomes void: what it may still write is shown by no state.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rag.errors import IndexBusy, IndexUnavailable
from rag.stores.milvus import MilvusDatabase
from rag.stores.milvus_schema import ensure_states

__all__ = ["Attempt", "writing"]

# Seconds between two beats of a writer, and for how long a beat that stands still is watched.
BEAT_S = 2.0
WATCH_S = 10.0

_WRITER = "writer"


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
    ensure_states(database)
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
