"""What writing to LanceDB needs: the tables' columns, the lock of a folder, and errors in our words."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rag.errors import IndexBusy, IndexUnavailable, IndexWriteError
from rag.stores.lance import Database, State
from rag.stores.lance_lease import leased

__all__ = ["in_our_words", "say", "schemas", "writing"]

_LOCK = "insources.lock"


def schemas(dim: int) -> Mapping[str, Any]:
    """The columns of each table, for vectors of some length."""
    import pyarrow as pa

    return {
        "documents": pa.schema(
            [
                ("doc_id", pa.string()),
                ("sha256", pa.string()),
                ("n_chunks", pa.int32()),
                ("facts", pa.binary()),
                ("sketch", pa.binary()),
                ("record", pa.large_binary()),
            ]
        ),
        "chunks": pa.schema(
            [
                ("doc_id", pa.string()),
                ("place", pa.int32()),
                ("record", pa.binary()),
                ("terms", pa.string()),
                ("n_terms", pa.int32()),
                ("vector", pa.list_(pa.float32(), dim)),
            ]
        ),
        "terms": pa.schema([("term", pa.string()), ("n", pa.int64())]),
    }


@contextmanager
def in_our_words(database: Database) -> Iterator[None]:
    """LanceDB's errors while writing, in our words."""
    try:
        yield
    except (RuntimeError, OSError, ValueError) as error:
        if any(word in str(error) for word in ("No space left", "Permission denied", "Read-only")):
            raise IndexWriteError(
                f"index {database.uri!r} can't be written ({str(error).splitlines()[0][:200]}); the last state "
                "is untouched: free some space or mend the permissions, and index again"
            ) from error
        raise database.told("writing", error) from error


@contextmanager
def writing(database: Database) -> Iterator[None]:
    """Be the only process that writes.

    In a folder a lock is held, which a killed process loses at once. On an object store there is none, but a
    lease (`rag.stores.lance_lease`), which a killed process holds for some minutes.

    Raises:
        IndexBusy: another process is writing.
        IndexUnavailable: the store is down or slow.
        IndexWriteError: the folder can't be written.
    """
    folder = database.folder
    if folder is None:
        with leased(database):
            yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise IndexWriteError(
            f"index {database.uri!r} can't be written: {error.strerror}; choose another with --index {database.uri}"
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK):
                raise IndexUnavailable(
                    f"index {database.uri!r} can't be locked: {error.strerror}; a shared folder must support flock"
                ) from error
            raise IndexBusy(
                f"another process is writing the index {database.uri!r}; wait until it is done and try again"
            ) from error
        yield
    finally:
        os.close(lock)


def say(database: Database, name: str, value: Any) -> None:
    """Say something more of the newest state: a state of its own over the same versions, for all readers.

    Raises:
        IndexBusy: another process is writing.
        IndexMissing: there is no index.
        IndexUnavailable: the store is down or slow.
    """
    with writing(database), in_our_words(database):
        before = database.state()
        after = State(before.generation + 1, before.tables, {**before.about, name: value})
        database.replace_state(before, after)
