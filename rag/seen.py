"""Which files are still as they were when they were last read, told by a look at the folder alone.

Size, times and inode of each indexed file lie in `seen.json` beside the index. A file for which all of
them are as noted is not read again. It belongs to one generation: where it is missing, damaged or of
another generation, every file is read, as with `rag index --check`.

A file that was written within the last two seconds before it was read could be written once more
without its times showing it (git calls such entries racy): it is not noted, and so read once more.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Seen", "SeenHere", "Stamp", "stamp_of"]

_NAME = "seen.json"
_FORMAT = 1

# FAT keeps times to two seconds, everything else finer.
_RACY_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file was not written since.

    Attributes:
        size: bytes.
        mtime_ns, ctime_ns: when its contents, and anything about it, changed.
        inode: its number in the file system.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file now; None where there is none, or where it may change unnoticed."""
    now = time.time_ns()
    try:
        found = path.lstat()
    except OSError:
        return None
    if max(found.st_mtime_ns, found.st_ctime_ns) + _RACY_NS > now:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


class Seen:
    """The stamps of the files that an index holds.

    Args:
        root: folder of the index.
        stamps: by doc_id.
    """

    def __init__(self, root: Path, stamps: dict[str, Stamp] | None = None) -> None:
        self._root = root
        self._before = stamps or {}
        self._now: dict[str, Stamp] = {}

    @classmethod
    def load(cls, root: Path) -> Seen:
        """Those of the current generation; none where they can't be had."""
        try:
            told = json.loads((root / _NAME).read_bytes())
            if (told["format"], told["current"]) != (_FORMAT, _current(root)):
                return cls(root)
            return cls(root, {doc_id: Stamp(*map(int, stamp)) for doc_id, stamp in told["files"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls(root)

    def same(self, doc_id: str, stamp: Stamp | None) -> bool:
        """Whether a file has the stamp it had when it was indexed."""
        return stamp is not None and self._before.get(doc_id) == stamp

    def note(self, doc_id: str, stamp: Stamp | None) -> None:
        """The index holds this file as it was when it had this stamp."""
        if stamp is not None:
            self._now[doc_id] = stamp

    def save(self, held: set[str]) -> None:
        """Write down the stamps of the documents that the index holds.

        It saves work and nothing else: an index where it can't be written is whole.
        """
        files = {doc_id: stamp for doc_id, stamp in sorted(self._now.items()) if doc_id in held}
        current = _current(self._root)
        told = {
            "format": _FORMAT,
            "current": current,
            "files": {n: [s.size, s.mtime_ns, s.ctime_ns, s.inode] for n, s in files.items()},
        }
        _write(self._root / _NAME, told)


class SeenHere(Seen):
    """As `Seen`, of an index that other machines may write too: each keeps its own, in its user's cache.

    With the stamp of each file lies its sha256. So it says of a file that was not written since which contents it
    has, whatever the index has become meanwhile.

    Args:
        index: its name.
        held: the sha256 of each document that the index holds now, by doc_id; none to have every file read.
    """

    def __init__(self, index: str, held: Mapping[str, str]) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._path = cache / "insources" / f"seen-{hashlib.sha256(index.encode()).hexdigest()[:32]}.json"
        known = self._load_known()
        same = {doc_id: stamp for doc_id, (stamp, sha256) in known.items() if held.get(doc_id) == sha256}
        super().__init__(self._path.parent, same)

    def save_as(self, digests: Mapping[str, str]) -> None:
        """Write down the stamps of the documents that the index holds, with their sha256; as `save`."""
        files = {
            doc_id: [stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, digests[doc_id]]
            for doc_id, stamp in sorted(self._now.items())
            if doc_id in digests
        }
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        _write(self._path, {"format": _FORMAT, "files": files})

    def _load_known(self) -> dict[str, tuple[Stamp, str]]:
        try:
            told = json.loads(self._path.read_bytes())
            if told["format"] != _FORMAT:
                return {}
            return {
                doc_id: (Stamp(*map(int, stamp)), str(sha256))
                for doc_id, (*stamp, sha256) in told["files"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}


def _write(path: Path, told: Mapping[str, object]) -> None:
    """Replace a file, where it changes and can be written."""
    data = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    with suppress(OSError):
        if path.exists() and path.read_bytes() == data:
            return
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(data)
        os.replace(temporary, path)


def _current(root: Path) -> str:
    try:
        return (root / "CURRENT").read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
