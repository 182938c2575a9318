"""Files in: which files a path stands for, each one's bytes, and its canonical text."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.errors import FileError, SourceError
from rag.formats import SUFFIXES, Parsed, ParseOptions
from rag.formats.plain import decode_text

__all__ = ["MAX_BYTES", "Found", "SourceFile", "find_files", "parse_file", "read_bytes", "read_file"]

MAX_BYTES = 50 * 2**20

IGNORE_FILE = ".ragignore"


@dataclass(frozen=True, order=True, slots=True)
class SourceFile:
    """A file to index.

    Attributes:
        doc_id: its path relative to the indexed folder, with `/`.
        path: where it is.
    """

    doc_id: str
    path: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What paths hold.

    Attributes:
        files: to index, ordered by doc_id.
        left_out: (name, reason) of what is not indexed by design: other formats, links, ignored.
        unreadable: (name, message) of folders that could not be listed.
    """

    files: list[SourceFile] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def find_files(
    paths: Iterable[str | os.PathLike[str]], *, exclude: Path | None = None, may_be_none: bool = False
) -> Found:
    """The files that paths stand for. Nothing is read yet.

    Folders are searched to any depth. Hidden files and folders are passed over; links, anything
    that is no regular file, other formats and what a `.ragignore` names (gitignore's syntax, in
    any folder, for what lies under it) are listed as left out.

    A doc_id is relative to the folder given; of several paths, to the folder they share; of a
    single file it is the file's name.

    Args:
        paths: files and folders. One that is itself a link is followed.
        exclude: a folder never searched: the index's own.
        may_be_none: whether paths that hold nothing to index are a finding like any other.

    Raises:
        SourceError: no path given, one that does not exist, or nothing in any of them to index.
    """
    given = [Path(path) for path in paths]
    if not given:
        raise SourceError("no path to index; expected files or folders: rag index PATH...")
    roots = sorted({_existing(path) for path in given})
    folders = [root if root.is_dir() else root.parent for root in roots]
    base = Path(os.path.commonpath(folders))
    excluded = exclude.resolve() if exclude is not None else None
    found = Found()
    seen: set[Path] = set()
    for root in roots:
        walk = _walk(root, base, excluded, found) if root.is_dir() else iter([root])
        for path in walk:
            if path not in seen:
                seen.add(path)
                _sort_in(path, path.relative_to(base).as_posix(), found)
    found.files.sort()
    if not found.files and not may_be_none:
        raise SourceError(_nothing(given, found))
    return found


def read_file(source: SourceFile, options: ParseOptions | None = None) -> tuple[str, str]:
    """The canonical text of a file and the sha256 of its bytes.

    Raises:
        FileError: as `read_bytes` and `parse_file`.
    """
    data, sha256 = read_bytes(source)
    return parse_file(source, data, sha256, options).text, sha256


def parse_file(source: SourceFile, data: bytes, sha256: str, options: ParseOptions | None = None) -> Parsed:
    """The canonical text of a file's bytes, and what the file says of itself.

    Text files are their own text, see `rag.formats.plain`; everything else is parsed in a limited
    process, see `rag.formats.confined`.

    Raises:
        FileError: the file is not what its suffix says, damaged, encrypted, without text, in an
            encoding that is not read (with the offset of the byte), broke a limit, or needs a
            package that is not installed.
    """
    suffix = source.path.suffix.lower()
    try:
        if SUFFIXES[suffix].module is None:
            return Parsed(decode_text(data))
        from rag.formats.confined import parse_confined

        return parse_confined(data, sha256, suffix, options or ParseOptions())
    except FileError as error:
        raise FileError(f"{source.doc_id}: {error}") from error


def _existing(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(
            f"can't index {_shown(path)}: {reason}; expected an existing file or folder"
        ) from error


def _sort_in(path: Path, doc_id: str, found: Found) -> None:
    """Put a file where it belongs: to index, or left out with the reason."""
    name = _shown(doc_id)
    try:
        doc_id.encode()
    except UnicodeEncodeError:
        found.left_out.append((name, "its name is not UTF-8; rename it to have it indexed"))
        return
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        found.unreadable.append((name, error.strerror or str(error)))
        return
    if not stat.S_ISREG(mode):
        found.left_out.append((name, "not a regular file"))
    elif path.suffix.lower() not in SUFFIXES:
        found.left_out.append((name, f"format {path.suffix or 'without a suffix'} not supported"))
    else:
        found.files.append(SourceFile(doc_id, path))


def _walk(root: Path, base: Path, excluded: Path | None, found: Found) -> Iterator[Path]:
    """Every file below a folder, without hidden, linked and ignored ones."""
    # Each folder comes with the ignore rules above it, the nearest last, as git applies them.
    pending: list[tuple[Path, tuple[tuple[Path, Any], ...]]] = [(root, ())]
    while pending:
        folder, rules = pending.pop()
        if folder == excluded:
            continue
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            if any(entry.name == IGNORE_FILE and entry.is_file(follow_symlinks=False) for entry in entries):
                rules = (*rules, (folder, _read_rules(folder / IGNORE_FILE)))
        except OSError as error:
            name = _shown(folder.relative_to(base).as_posix()) + "/"
            found.unreadable.append((name, f"folder can't be read: {error.strerror or error}"))
            continue
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith("."):
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            name = _shown(path.relative_to(base).as_posix()) + ("/" if is_folder else "")
            if entry.is_symlink():
                found.left_out.append((name, "a link"))
            elif _ignored(path, is_folder, rules):
                found.left_out.append((name, f"named in {IGNORE_FILE}"))
            elif is_folder:
                pending.append((path, rules))
            else:
                yield path


def _read_rules(path: Path) -> Any:
    import pathspec

    try:
        return pathspec.GitIgnoreSpec.from_lines(path.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{_shown(path)}: byte at offset {error.start} is not UTF-8; save it as UTF-8"
        ) from error
    except ValueError as error:
        raise SourceError(f"{_shown(path)}: {error}; expected the syntax of a .gitignore file") from error


def _ignored(path: Path, is_folder: bool, rules: tuple[tuple[Path, Any], ...]) -> bool:
    for folder, spec in reversed(rules):
        decision = spec.check_file(path.relative_to(folder).as_posix() + ("/" if is_folder else "")).include
        if decision is not None:
            return bool(decision)
    return False


def read_bytes(source: SourceFile) -> tuple[bytes, str]:
    """A file's bytes and their sha256.

    Raises:
        FileError: the file can't be read, is no regular file, is empty, too large, or changed meanwhile.
    """
    name = source.doc_id
    try:
        # No waiting for a pipe's other end, no following of a link put there meanwhile.
        descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise FileError(f"{name}: not a regular file; expected a file with text")
            if before.st_size > MAX_BYTES:
                raise FileError(
                    f"{name}: {before.st_size:,} bytes; expected at most {MAX_BYTES // 2**20} MB "
                    f"({MAX_BYTES:,} bytes); split the file"
                )
            data = file.read(MAX_BYTES + 1)
            after = os.fstat(descriptor)
    except OSError as error:
        raise FileError(f"{name}: can't be read: {error.strerror or error}") from error
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if not same or len(data) != before.st_size:
        raise FileError(f"{name}: changed while it was read; index again when it is complete")
    if not data:
        raise FileError(f"{name}: empty (0 bytes); expected text")
    return data, hashlib.sha256(data).hexdigest()


def _nothing(given: list[Path], found: Found) -> str:
    """The one line that says why there is nothing to index."""
    where = ", ".join(_shown(path) for path in given[:3]) + (" ..." if len(given) > 3 else "")
    skipped = found.left_out + found.unreadable
    held = "no file"
    if skipped:
        name, reason = skipped[0]
        more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
        held = f"nothing to index, only {name} ({reason}){more}"
    return f"{where}: {held}; expected at least one file of {', '.join(sorted(SUFFIXES))}"


def _shown(path: str | Path) -> str:
    """A path for a message: on one line, bytes that are no text escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else ascii(text)[1:-1]
