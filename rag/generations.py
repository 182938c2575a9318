"""Index folders that a crash can't harm: each state is a generation, and one small file names it.

    index/
    ├── CURRENT              "gen-000002 <sha256 of its manifest>", replaced in one step
    ├── gen-000001/          the previous generation, for readers that have just opened it; only where the
    │                        current one holds everything that it holds
    ├── gen-000002/          manifest.json and the files whose lengths and checksums it lists
    ├── insources.lock       held by the process that writes; tells an index from other folders
    └── tmp-000003/          being written; left by a killed process, it is removed by the next

A generation is written under `tmp-`, forced to disk, renamed, and only then named by CURRENT, so
that killed at any moment the last good one still answers. Files that stay the same are hard links.
Every byte's checksum is compared before it is used: of small files when the index is opened, of large
ones block by block (`rag.blobs`), whose checksums lie beside them in `NAME.sums`. Locks don't work
reliably on network file systems: not supported.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.blobs import BLOCK, Blob, Buffer, block_sums
from rag.checkpoint import CHECKPOINT_NAME
from rag.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing, IndexWriteError

__all__ = ["FORMAT", "Generation", "Kept", "read_generation", "rebuild_command", "writing"]

# Raised whenever older versions of this package can't read what this one writes.
FORMAT = "insources index 3"

_CURRENT = "CURRENT"
_LOCK = "insources.lock"
_MANIFEST = "manifest.json"
_POINTER = re.compile(r"(gen-\d{6,}) ([0-9a-f]{64})\n")
_OURS = re.compile(r"(?:gen|tmp)-\d{6,}")
# Files of this size on are mapped and compared in blocks. The checksums of the blocks of a file of 1 GiB
# are 2 MiB, read whole.
MAPPED_FROM = 4 << 20
_SUMS = ".sums"

# Beside an index that has no lock and no CURRENT yet, only these may stand.
_HARMLESS = {"README.md", ".gitignore", ".gitkeep", CHECKPOINT_NAME}


@dataclass(frozen=True, slots=True)
class Generation:
    """One complete state of an index, every file checked.

    Attributes:
        name: such as `gen-000002`.
        about: what the writer said of it: settings, encoder, counts.
        files: contents by file name: bytes where they were compared whole.
        kept: by file name, what makes a new generation take the file over.
    """

    name: str
    about: Mapping[str, Any]
    files: Mapping[str, bytes | Blob]
    kept: Mapping[str, Kept]


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that a new generation takes over as it is.

    Attributes:
        generation: which holds it; the current one.
        sums: whether the checksums of its blocks lie beside it.
        entry: its line in the manifest.
    """

    generation: str
    sums: bool
    entry: tuple[Any, ...]


class Writer:
    """Holds the lock of one index folder; made by `writing`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def commit(
        self,
        files: Mapping[str, Buffer | Sequence[Buffer] | Kept],
        about: Mapping[str, Any],
        *,
        forget: bool = False,
    ) -> str:
        """Write a new generation and make it the current one.

        The one before stays for readers that are just opening it; older ones are removed.

        Args:
            files: by name; bytes, bytes in parts, or what is taken over from the current generation.
            about: what the manifest says besides.
            forget: keep no other generation, because something is to be gone. Who has one open goes on with
                it; who was just opening it opens the new one.

        Returns:
            The new generation's name.

        Raises:
            IndexWriteError: disk full, no permission; the index is as it was before.
        """
        with _write_errors(self._root):
            previous, before = _pointer_name(self._root), set(_folders(self._root))
            number = max(map(_number, before), default=0) + 1
            name = f"gen-{number:06d}"
            try:
                digest = self._write(f"tmp-{number:06d}", files, about)
                os.rename(self._root / f"tmp-{number:06d}", self._root / name)
                _sync_folder(self._root)
                _replace(self._root / _CURRENT, f"{name} {digest}\n".encode())
            except BaseException:
                self.clean(keep=before)
                raise
            self.clean(keep={name} if previous is None or forget else {previous, name})
            return name

    def _write(
        self, folder: str, files: Mapping[str, Buffer | Sequence[Buffer] | Kept], about: Mapping[str, Any]
    ) -> str:
        """All files and the manifest, forced to disk; returns the manifest's sha256."""
        place = self._root / folder
        place.mkdir()
        listed: dict[str, Sequence[Any]] = {}
        for name, data in files.items():
            if isinstance(data, Kept):
                self._take_over(place, name, data)
                listed[name] = data.entry
                continue
            parts = [data] if isinstance(data, bytes | bytearray | memoryview) else list(data)
            size = sum(memoryview(part).nbytes for part in parts)
            _write_new(place / name, *parts)
            if size < MAPPED_FROM or not size:
                digest = hashlib.sha256()
                for part in parts:
                    digest.update(part)
                listed[name] = [size, digest.hexdigest()]
            else:
                sums = block_sums(parts)
                _write_new(place / f"{name}{_SUMS}", sums)
                listed[name] = [size, hashlib.sha256(sums).hexdigest(), BLOCK]
        manifest = json.dumps(
            {"format": FORMAT, **about, "files": listed}, ensure_ascii=False, indent=1, sort_keys=True
        ).encode()
        _write_new(place / _MANIFEST, manifest)
        _sync_folder(place)
        return hashlib.sha256(manifest).hexdigest()

    def _take_over(self, place: Path, name: str, kept: Kept) -> None:
        for file in (name, f"{name}{_SUMS}") if kept.sums else (name,):
            source = self._root / kept.generation / file
            try:
                os.link(source, place / file)
            except OSError as error:
                # File systems without hard links, and those that have too many.
                if error.errno not in (
                    errno.EPERM,
                    errno.EMLINK,
                    errno.ENOTSUP,
                    errno.EOPNOTSUPP,
                    errno.ENOSYS,
                ):
                    raise
                _write_new(place / file, source.read_bytes())

    def clean(self, keep: set[str]) -> None:
        """Remove generations that no reader should still need, and what killed writers left."""
        # What CURRENT names stays in any case: a failure may have come after the replacement.
        current = _pointer_name(self._root)
        for name in _folders(self._root):
            if name not in keep and name != current:
                shutil.rmtree(self._root / name, ignore_errors=True)
        with suppress(OSError):
            (self._root / f"{_CURRENT}.tmp").unlink(missing_ok=True)


@contextmanager
def writing(root: Path) -> Iterator[Writer]:
    """Lock an index folder for writing; made where it does not exist.

    Raises:
        IndexBusy: another process is writing it.
        IndexMismatch: a folder that holds other things; it is left alone.
        IndexWriteError: the folder can't be made or written.
    """
    with _write_errors(root):
        _refuse_foreign(root)
        made = not root.exists()
        root.mkdir(parents=True, exist_ok=True)
        lock = _locked(root)
    try:
        writer = Writer(root)
        with _write_errors(root):
            writer.clean(keep={name for name in _folders(root) if name.startswith("gen-")})
        yield writer
    finally:
        # A first run that came to nothing leaves nothing; the lock is still held here.
        with suppress(OSError):
            if (
                not (root / _CURRENT).exists()
                and not _folders(root)
                and not (root / CHECKPOINT_NAME).exists()
            ):
                (root / _LOCK).unlink()
                if made:
                    root.rmdir()
        os.close(lock)


def read_generation(root: Path) -> Generation:
    """The current generation, every file compared with its checksum before it is returned.

    Raises:
        IndexMissing: no index there.
        IndexMismatch: a folder of something else, or another format of index.
        IndexDamaged: a file is missing, truncated or altered.
    """
    while True:
        pointer = _read_pointer(root)
        try:
            return _read(root, *pointer)
        except _Vanished as error:
            # Writers keep one generation back, so only a reader that slept gets here; look again.
            if _read_pointer(root) == pointer:
                raise IndexDamaged(
                    f"index {str(root)!r}: {error.args[0]} is missing; expected every file that CURRENT and the "
                    f"manifest name; {rebuild_command(root)}"
                ) from error


def rebuild_command(root: Path | None, paths: tuple[str, ...] = ()) -> str:
    """The end of a message: how to build the index again.

    >>> rebuild_command(Path("index"), ("my notes",))
    "rebuild it with: rag index 'my notes' --index index"
    """
    import shlex

    sources = shlex.join(paths) if paths else "PATH..."
    return f"rebuild it with: rag index {sources} --index {shlex.quote(str(root or 'DIR'))}"


class _Vanished(Exception):
    """A file that should be there is not."""


def _read_pointer(root: Path) -> tuple[str, str]:
    """The current generation's name and its manifest's sha256."""
    try:
        data = (root / _CURRENT).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if _is_foreign(root):
            raise IndexMismatch(f"{str(root)!r} is not an index of insources; {_use_other(root)}") from error
        raise IndexMissing(
            f"no index at {str(root)!r}; build one with: rag index PATH... --index {root}"
        ) from error
    except OSError as error:
        raise IndexDamaged(f"index {str(root)!r}: CURRENT can't be read: {error.strerror}") from error
    match = _POINTER.fullmatch(data.decode("ascii", "replace"))
    if match is None:
        raise IndexDamaged(
            f"index {str(root)!r}: CURRENT holds {data[:40]!r}; expected a generation and a sha256; "
            f"{rebuild_command(root)}"
        )
    return match[1], match[2]


def _read(root: Path, name: str, digest: str) -> Generation:
    place = root / name
    again = rebuild_command(root)
    manifest = _checked(place / _MANIFEST, None, digest, again)
    try:
        about = json.loads(manifest)
        found = about["format"]
        listed = {
            str(file): (int(size), str(sha), *more) for file, (size, sha, *more) in about["files"].items()
        }
        if any(os.path.basename(file) != file for file in listed):
            raise ValueError("a file outside of the generation")
        if any(len(entry) > 2 and entry[2:] != (BLOCK,) for entry in listed.values()):
            raise ValueError("blocks of another size")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise IndexDamaged(f"index {str(root)!r}: {name}/{_MANIFEST} is not a manifest; {again}") from error
    again = rebuild_command(root, tuple(map(str, about.get("roots", ()))))
    if found != FORMAT:
        raise IndexMismatch(
            f"index {str(root)!r} has the format {found!r}, this version reads {FORMAT!r}; {again}"
        )
    # Read only what the manifest lists: anything else in the folder is not ours and not looked at.
    files = {file: _opened(place / file, entry, again) for file, entry in listed.items()}
    kept = {file: Kept(name, len(entry) > 2, entry) for file, entry in listed.items()}
    return Generation(name, about, files, kept)


def _opened(path: Path, entry: tuple[Any, ...], again: str) -> bytes | Blob:
    """A file compared whole, or mapped with the checksums of its blocks."""
    size, digest = entry[:2]
    if len(entry) == 2:
        return _checked(path, size, digest, again)
    sums = _checked(path.with_name(f"{path.name}{_SUMS}"), None, digest, again)
    where = f"index {str(path.parent.parent)!r}: {path.parent.name}/{path.name}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _Vanished(f"{path.parent.name}/{path.name}") from error
    except OSError as error:
        raise IndexDamaged(f"{where} can't be read: {error.strerror}; {again}") from error
    found = os.fstat(descriptor).st_size
    if found != size:
        os.close(descriptor)
        raise IndexDamaged(f"{where} has {found} bytes, expected {size}; {again}")
    return Blob.mapped(descriptor, sums, where, again)


def _checked(path: Path, size: int | None, digest: str, again: str) -> bytes:
    where = f"index {str(path.parent.parent)!r}: {path.parent.name}/{path.name}"
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _Vanished(f"{path.parent.name}/{path.name}") from error
    except OSError as error:
        raise IndexDamaged(f"{where} can't be read: {error.strerror}; {again}") from error
    if size is not None and len(data) != size:
        raise IndexDamaged(f"{where} has {len(data)} bytes, expected {size}; {again}")
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise IndexDamaged(f"{where} has sha256 {found}, expected {digest}; {again}")
    return data


def _is_foreign(root: Path) -> bool:
    """Whether a folder (or file) holds something that is not an index of ours."""
    if not root.exists():
        return False
    if not root.is_dir():
        return True
    names = {entry.name for entry in root.iterdir()}
    if not names or _LOCK in names:
        return False
    if _CURRENT in names:
        # An index copied without its lock: the pointer's own form tells.
        return _pointer_name(root) is None
    return not names <= _HARMLESS


def _refuse_foreign(root: Path) -> None:
    if _is_foreign(root):
        raise IndexMismatch(
            f"{str(root)!r} holds other things than an index of insources, so nothing is written there; "
            f"{_use_other(root)}"
        )


def _use_other(root: Path) -> str:
    return f"expected an index, an empty or a new folder, such as: --index {root}/index"


def _pointer_name(root: Path) -> str | None:
    """The generation that CURRENT names; None where there is none or it is damaged."""
    try:
        match = _POINTER.fullmatch((root / _CURRENT).read_bytes().decode("ascii", "replace"))
    except OSError:
        return None
    return match[1] if match else None


def _folders(root: Path) -> list[str]:
    """Generations and unfinished ones, by name."""
    return [entry.name for entry in os.scandir(root) if _OURS.fullmatch(entry.name) and entry.is_dir()]


def _number(name: str) -> int:
    return int(name.partition("-")[2])


def _locked(root: Path) -> int:
    """The descriptor that holds the lock, with our process id written in it."""
    path = root / _LOCK
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between open and lock a finishing process may have removed the file: take the new one.
            if os.path.exists(path) and os.path.samestat(os.fstat(lock), os.stat(path)):
                # On a full disk the lock holds just as well without its owner's name in it.
                with suppress(OSError):
                    os.ftruncate(lock, os.pwrite(lock, f"{os.getpid()}\n".encode(), 0))
                return lock
        except OSError as error:
            holder = os.pread(lock, 32, 0).decode("ascii", "replace").partition("\n")[0] or "unknown"
            os.close(lock)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise IndexBusy(
                    f"another process (pid {holder}) is indexing into {str(root)!r}; expected one at a time: "
                    "wait until it has finished and try again"
                ) from error
            raise
        os.close(lock)


def _write_new(path: Path, *parts: Buffer) -> None:
    """A file that did not exist, forced to disk; short writes go on until an error tells why."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        for part in parts:
            rest = memoryview(part).cast("B")
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    _write_new(temporary, data)
    os.replace(temporary, path)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _write_errors(root: Path) -> Iterator[None]:
    """Failures of the file system as one line that says what to do."""
    try:
        yield
    except OSError as error:
        do = {
            errno.ENOSPC: "free some space and index again",
            errno.EDQUOT: "free some space and index again",
            errno.EFBIG: "raise the limit on file sizes (ulimit -f) and index again",
        }.get(
            error.errno or 0,
            "expected a folder that can be written; mend it or choose another with --index DIR",
        )
        raise IndexWriteError(
            f"can't write the index {str(root)!r}: {error.strerror or error}; the index that was there is "
            f"untouched; {do}"
        ) from error
