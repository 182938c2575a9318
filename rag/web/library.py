"""Documents that people add through the page: a folder and an index of their own.

The index that the server was started with is never written to. The first added document
makes a copy beside it, which holds the same documents under the same names and the added
ones under `added/`; each change builds the next generation and then swaps it in whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.errors import FileError, IndexMismatch, IndexMissing, RagError
from rag.formats import SUFFIXES, ParseOptions
from rag.seen import Stamp, stamp_of
from rag.snapshot import CALIBRATION_NAME
from rag.web.markup import plain
from rag.web.options import LIMITS
from rag.web.service import PipelineLike, Service, report
from rag.web.source import locate

__all__ = ["ADDED", "Library", "Rebuild", "Result", "safe_name"]

ADDED = "added/"

Progress = Callable[[int, int], None]
# Folder of documents, folder of the index, progress -> the new pipeline and (doc_id, message) of
# files that could not be read.
Rebuild = Callable[[Path, Path, Progress], tuple[PipelineLike, list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file.

    Attributes:
        name: as the person knows it.
        key: which message of the string table says so.
        values: what the message names.
        notes: what of the file is not in its text, or may be missing.
    """

    name: str
    key: str
    values: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether it went as wished."""
        return self.key in ("result_ok", "result_replaced", "result_same", "result_removed")


def safe_name(name: str) -> str:
    """A file name without folders, hidden marks, controls or anything that turns text round.

    >>> safe_name("../../.etc/pass\\u202ewd.txt")
    'passwd.txt'
    """
    base = "".join(c for c in re.split(r"[/\\]", name)[-1] if plain(c) == c)
    stem, dot, suffix = base.strip().lstrip(".").rpartition(".")
    stem = stem if dot else suffix
    stem = stem.encode("utf-8", "replace")[:120].decode("utf-8", "ignore").strip() or "document"
    return f"{stem}.{suffix[:10].lower()}" if dot else stem


def rebuild(documents: Path, index: Path, progress: Progress) -> tuple[PipelineLike, list[tuple[str, str]]]:
    """Mirror a folder into an index and open it: what `rag index` does."""
    from rag.config import Config
    from rag.encoder import load_encoder
    from rag.index import Index, update_index
    from rag.pipeline import Pipeline

    try:
        config = Index.load(index).config  # as the index that was copied: its column of text, its furniture
    except (IndexMissing, IndexMismatch):
        config = Config()
    encoder = load_encoder(config.encoder)
    done = update_index([documents], index, config=config, encoder=encoder, progress=progress)
    return Pipeline.load(index, config=config), done.failed


class Library:
    """Adds documents to what is asked, and removes them again.

    Args:
        folder: where documents and index are kept.
        service: whose pipeline is swapped.
        temporary: the only folder that uploads may come from.
        suffixes: kinds of files that can be read.
        make: builds and opens the index.
    """

    def __init__(
        self,
        folder: Path,
        service: Service,
        temporary: Path,
        suffixes: Iterable[str],
        make: Rebuild = rebuild,
    ) -> None:
        self._folder, self._documents, self._index = folder, folder / "documents", folder / "index"
        self._service, self._temporary = service, temporary.resolve()
        self._base = service.pipeline
        self._make = make
        self._digest = _Digests()
        self._busy = threading.Lock()
        self.suffixes = sorted(suffixes)
        if self.added():
            self._swap(lambda done, total: None)

    @property
    def base(self) -> PipelineLike:
        """What people's documents are added to."""
        return self._base

    def rebase(self, pipeline: PipelineLike) -> bool:
        """Add people's documents to another state of the index; False where they are being changed just now."""
        if not self._busy.acquire(blocking=False):
            return False
        try:
            before, self._base = self._base, pipeline
            try:
                if self.added():
                    self._swap(lambda done, total: None)
                else:
                    self._service.pipeline = pipeline
            except BaseException:
                self._base = before
                raise
            return True
        finally:
            self._busy.release()

    def added(self) -> list[str]:
        """doc_ids of the added documents."""
        held = self._documents / ADDED
        return sorted(f"{ADDED}{p.name}" for p in held.iterdir() if p.is_file()) if held.is_dir() else []

    def add(self, uploads: Iterable[str], progress: Progress) -> list[Result]:
        """Add files and swap the index; one bad file never stops the others.

        Args:
            uploads: paths of uploaded files; they are removed afterwards.
            progress: told (n_done, n_total) chunks.
        """
        paths = [Path(path) for path in uploads]
        if not self._busy.acquire(blocking=False):
            return [Result("", "result_busy")]
        try:
            results, used = [], set[str]()
            for path in paths:
                results.append(self._take(path, used))
            if any(r.key in ("result_ok", "result_replaced") for r in results):
                failed = dict(self._swap(progress))
                results = [self._checked(result, failed) for result in results]
            return results
        except (RagError, OSError) as error:
            return [self._went_wrong(error)]
        finally:
            self._busy.release()
            for path in paths:
                if self._is_upload(path):
                    path.unlink(missing_ok=True)

    def remove(self, doc_ids: Iterable[str], progress: Progress) -> list[Result]:
        """Remove added documents and swap the index."""
        if not self._busy.acquire(blocking=False):
            return [Result("", "result_busy")]
        try:
            wanted = [doc_id for doc_id in self.added() if doc_id in set(doc_ids)]
            for doc_id in wanted:
                (self._documents / doc_id).unlink(missing_ok=True)
            if wanted:
                self._swap(progress)
            return [Result(doc_id.removeprefix(ADDED), "result_removed") for doc_id in wanted]
        except (RagError, OSError) as error:
            return [self._went_wrong(error)]
        finally:
            self._busy.release()

    def _is_upload(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._temporary) and path.is_file() and not path.is_symlink()

    def _take(self, path: Path, used: set[str]) -> Result:
        """Copy an upload into the library, if it can be read."""
        from rag.corpus import SourceFile, parse_file, read_bytes

        shown = plain(path.name)[:200]
        name = safe_name(path.name)
        if not self._is_upload(path):
            return Result(shown, "result_failed", {"reason": "?"})
        if Path(name).suffix not in self.suffixes:
            return Result(shown, "wrong_type", {"kinds": ", ".join(self.suffixes)})
        if path.stat().st_size > LIMITS.file:
            return Result(shown, "too_large", {"mb": LIMITS.file // 1_000_000})
        added = self.added()
        if ADDED + name not in added and len(added) >= LIMITS.files:
            return Result(shown, "too_many", {"n": LIMITS.files})
        source = SourceFile(name, path)
        try:
            parsed = parse_file(source, *read_bytes(source), self._options())
        except FileError as error:
            reason = plain(str(error)).removeprefix(f"{name}: ")
            return Result(shown, "result_failed", {"reason": reason})
        notes = tuple(map(plain, parsed.notes))
        # Folders come without their structure: two files of one name are two documents.
        stem, suffix, number = Path(name).stem, Path(name).suffix, 1
        while name in used:
            number += 1
            name = f"{stem} ({number}){suffix}"
        used.add(name)
        target = self._documents / ADDED / name
        known = target.exists()
        if known and self._digest(target) == self._digest(path):
            return Result(name, "result_same", notes=notes)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self._folder / f".{name}.tmp"
        shutil.copyfile(path, temporary)
        os.replace(temporary, target)
        return Result(name, "result_replaced" if known else "result_ok", notes=notes)

    def _options(self) -> ParseOptions | None:
        """How the index that the server was started with reads files."""
        config = getattr(self._base.index, "config", None)
        if config is None:
            return None
        return ParseOptions(config.formats.text_column, keep_furniture=not config.chunk.remove_furniture)

    def _checked(self, result: Result, failed: dict[str, str]) -> Result:
        """A result after indexing; what could not be indexed isn't kept."""
        doc_id = ADDED + result.name
        if not result.good or doc_id not in failed:
            return result
        (self._documents / doc_id).unlink(missing_ok=True)
        return Result(result.name, "result_failed", {"reason": plain(failed[doc_id])})

    def _swap(self, progress: Progress) -> list[tuple[str, str]]:
        """Build the next index and let the service answer from it."""
        self._mirror_base()
        if not self._index.exists() and (path := getattr(self._base.index, "path", None)):
            # Vectors of the documents that are there already needn't be made again.
            shutil.copytree(path, self._index)
        self._mirror_calibration()
        pipeline, failed = self._make(self._documents, self._index, progress)
        self._service.pipeline = pipeline
        return failed

    def _mirror_base(self) -> None:
        """The documents that the server was started with, under the names they have.

        Where a file that isn't text has gone or changed since, its text is what is left of it: it stays
        under the file's name with `.txt` added.
        """
        index = self._base.index
        sources = {
            doc_id: self._unchanged(doc_id, index.documents[doc_id].sha256) for doc_id in index.documents
        }
        names = {
            doc_id: doc_id if source or _is_text(doc_id) else f"{doc_id}.txt"
            for doc_id, source in sources.items()
        }
        wanted = set(names.values())
        for path in list(self._documents.rglob("*")):
            doc_id = path.relative_to(self._documents).as_posix()
            if path.is_file() and not doc_id.startswith(ADDED) and doc_id not in wanted:
                path.unlink()
        for doc_id, document in index.documents.items():
            target = self._documents / names[doc_id]
            if doc_id.startswith(ADDED) or (target.exists() and self._digest(target) == document.sha256):
                continue
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.unlink(missing_ok=True)
            source = sources[doc_id]
            if source is not None:
                shutil.copyfile(source, target)
            else:
                target.write_bytes(document.text.encode("utf-8"))

    def _mirror_calibration(self) -> None:
        """What `rag calibrate` fitted to the index that the server was started with holds for this one too."""
        base, own = getattr(self._base.index, "path", None), self._index / CALIBRATION_NAME
        if base is None:
            return
        draft = self._folder / f".{CALIBRATION_NAME}.tmp"
        try:
            shutil.copyfile(base / CALIBRATION_NAME, draft)
        except FileNotFoundError:
            own.unlink(missing_ok=True)
        else:
            os.replace(draft, own)

    def _unchanged(self, doc_id: str, sha256: str) -> Path | None:
        """A document's file, if it is still what was indexed."""
        for path in (self._documents / doc_id, locate(self._base.index, doc_id)):
            if path is not None and path.is_file() and self._digest(path) == sha256:
                return path
        return None

    def _went_wrong(self, error: Exception) -> Result:
        with suppress(OSError):
            for path in self._folder.glob(".*.tmp"):
                path.unlink()
        return Result("", "result_failed", {"reason": f"{type(error).__name__} {report()}"})


def _is_text(doc_id: str) -> bool:
    kind = SUFFIXES.get(Path(doc_id).suffix.lower())
    return kind is None or kind.module is None


class _Digests:
    """sha256 of files; one that was not written since is not read again."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, str]] = {}

    def __call__(self, path: Path) -> str:
        # A link's stamp says nothing about what it leads to.
        stamp = None if path.is_symlink() else stamp_of(path)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if stamp is not None:
            self._known[path] = (stamp, digest)
        return digest
