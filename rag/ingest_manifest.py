"""The shards that are finished, kept until the index holds them: a run that is killed is gone on with.

    manifest.jsonl      a line a finished shard: key, sha256 and length of its file, how much it holds
    KEY.shard           `rag.ingest_records`
    ingest.lock         held by the process that indexes

A shard's file is whole on disk before its line is written; a line that a crash left half written ends the
list. Committing the index removes the folder: until then it holds texts of the documents.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

from rag.errors import IndexBusy, IndexDamaged, IndexWriteError
from rag.ingest import Shard
from rag.ingest_records import unpack_shard

__all__ = ["Finished", "Manifest"]

_NAME = "manifest.jsonl"
_LOCK = "ingest.lock"
_SUFFIX = ".shard"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finished:
    """A line of the manifest.

    Attributes:
        key: the shard's.
        sha256: of its file.
        size: of its file, in bytes.
        n_documents, n_chunks: in it.
    """

    key: str
    sha256: str
    size: int
    n_documents: int
    n_chunks: int


class Manifest:
    """The finished shards of one index, in a folder that this process has for itself.

    Args:
        folder: made where it does not exist.
        wanted: the keys of the shards that this run needs; others are left where they are.

    Raises:
        IndexBusy: another process has it.
        IndexWriteError: it can't be written.
    """

    def __init__(self, folder: Path, wanted: Iterable[str]) -> None:
        self._folder = folder
        self._lines: BinaryIO | None = None
        self._lock = self._written(self._take_lock)
        try:
            self.finished = self._written(lambda: self._read(set(wanted)))
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave what is there for a later run."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def add(self, key: str, data: bytes) -> Finished:
        """Keep a finished shard; one that is there already stays as it is.

        Args:
            key: the shard's.
            data: as `pack_shard` makes it.

        Raises:
            IndexDamaged: the bytes are no shard.
            IndexWriteError: disk full or no permission; what was kept before stays.
        """
        if key in self.finished:
            return self.finished[key]
        parts = unpack_shard(data).texts.parts
        n_chunks = sum(len(part.chunks) for part in parts)
        one = Finished(key, hashlib.sha256(data).hexdigest(), len(data), len(parts), n_chunks)
        self._written(lambda: self._keep(one, data))
        self.finished[key] = one
        return one

    def read(self, key: str) -> Shard:
        """A finished shard.

        Raises:
            IndexDamaged: its file was removed or altered meanwhile.
        """
        data = self._data(self.finished[key])
        if data is None:
            raise IndexDamaged(
                f"the finished shard {self._path(key).name} in {str(self._folder)!r} is missing or damaged; "
                "index again: it is done anew, the others are gone on from"
            )
        return unpack_shard(data)

    def remove(self) -> None:
        """The index holds it all: no text of a document stays here."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, wanted: set[str]) -> dict[str, Finished]:
        """The shards whose lines and files are whole; the file of lines is open for more afterwards."""
        path = self._folder / _NAME
        found: dict[str, Finished] = {}
        end = 0
        with suppress(FileNotFoundError), path.open("rb") as file:
            for line in file:
                one = _parsed(line)
                if one is None:
                    break
                end += len(line)
                if one.key in wanted and self._data(one) is not None:
                    found[one.key] = one
        for file_path in self._folder.glob("*.tmp"):
            file_path.unlink()
        self._lines = path.open("r+b" if end else "wb")
        self._lines.truncate(end)
        self._lines.seek(end)
        return found

    def _data(self, one: Finished) -> bytes | None:
        """A shard's bytes; None where they are not what was written."""
        try:
            data = self._path(one.key).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == one.sha256 else None

    def _keep(self, one: Finished, data: bytes) -> None:
        if self._lines is None:
            raise OSError("the manifest is closed")
        path = self._path(one.key)
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        self._lines.write(json.dumps(asdict(one)).encode() + b"\n")
        self._lines.flush()
        os.fsync(self._lines.fileno())

    def _path(self, key: str) -> Path:
        return self._folder / f"{key[:40]}{_SUFFIX}"

    def _take_lock(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise IndexBusy(
                f"another process is indexing with the shards in {str(self._folder)!r}; wait until it is done "
                "and try again"
            ) from error
        return lock

    def _written(self, write: Callable[[], T]) -> T:
        try:
            return write()
        except OSError as error:
            raise IndexWriteError(
                f"can't write {str(self._folder)!r}: {error.strerror or error}; free some space or choose another "
                "place with --staging, and index again: it goes on from the shards that are finished"
            ) from error


def _parsed(line: bytes) -> Finished | None:
    try:
        told: dict[str, Any] = json.loads(line)
        if not line.endswith(b"\n"):
            return None
        return Finished(
            str(told["key"]),
            str(told["sha256"]),
            int(told["size"]),
            int(told["n_documents"]),
            int(told["n_chunks"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
