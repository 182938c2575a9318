"""Which files are still as they were when they were last read, told by a look at the folder alone.

Size, times and inode of each indexed file lie in `seen.json` beside the index. A file for which all of
them are as noted is not read again. It belongs to one generation: where it is missing, damaged or of
another generation, every file is read, as with `rag index --check`.

A file that was written within the last two seconds before it was read could be written once more
without its times showing it (git calls such entries racy): it is not noted, and so read once more.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Seen", "Stamp", "stamp_of"]

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
        data = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        path = self._root / _NAME
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
