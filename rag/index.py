"""Files to index: the index on disk is made to mirror them, and only what changed is encoded."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag.ahead import ahead
from rag.assembly import Part, Progress, encode_parts
from rag.checkpoint import Checkpoint
from rag.config import Config
from rag.corpus import SourceFile, find_files, read_bytes
from rag.encoder import Encoder
from rag.errors import FileError, IndexMismatch, IndexMissing, SourceError
from rag.failures import save_failures
from rag.generations import writing
from rag.ingest import ShardTexts, read_shard, told
from rag.moving import Origins, moved_part
from rag.seen import Seen, stamp_of
from rag.segments import Segment, build_segment, count_words, next_name, settle, without
from rag.snapshot import Index, code_digest, describe, pack

__all__ = [
    "Changes",
    "Index",
    "IndexReport",
    "conclude",
    "find_changes",
    "known_texts",
    "note_texts",
    "update_index",
]


@dataclass(slots=True)
class IndexReport:
    """What `update_index` did.

    Attributes:
        added, changed, unchanged, removed: doc_ids.
        moved: (doc_id before, doc_id now) of files that were only moved or renamed.
        failed: (file, what was wrong) of those that could not be read and are not in the index.
        left_out: (file, reason) of what is not indexed by design.
        notes: (file, what of it is not in its text) of files read in this run.
        rebuilt: why nothing of the index that was there could be used; None where it could.
        written: whether there is a new generation.
        n_documents, n_chunks: in the index now.
        n_encoded: chunks that were encoded in this run.
        n_resumed: chunks that a run which was stopped had encoded.
        seconds: how long it took.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    rebuilt: str | None = None
    written: bool = False
    n_documents: int = 0
    n_chunks: int = 0
    n_encoded: int = 0
    n_resumed: int = 0
    seconds: float = 0.0


def update_index(
    paths: Iterable[str | os.PathLike[str]],
    index_path: str | os.PathLike[str],
    *,
    config: Config,
    encoder: Encoder,
    progress: Progress | None = None,
    check: bool = False,
) -> IndexReport:
    """Make an index mirror files and folders: new ones enter, changed ones are read again, others leave.

    Files are told apart by the sha256 of their bytes; those whose size, times and inode are as they were
    are not read for it. A file that moved or was renamed, or a copy of one, is taken from the index as it
    is. What a document that leaves or changes said is in no file of the index afterwards. Where all have
    left, the index holds no document; an index is not begun with none.

    After an update of this package that cuts text in another way, all files are read again. Vectors of
    chunks whose text stays the same are kept, also where their file changed or was renamed. Where nothing
    changed, nothing is written. An index of other settings or another encoder, and a damaged one, is
    built anew.

    Args:
        paths: files and folders; together they are all that the index will hold.
        index_path: folder of the index, made where it does not exist.
        config: `chunk` and `encoder` shape the index.
        encoder: makes the vectors.
        progress: told (n_done, n_total) chunks after each encoded batch.
        check: read every file, whatever its times say.

    Raises:
        SourceError: a path does not exist, or there is no index yet and no file for it that can be read.
        IndexBusy: another process is indexing.
        IndexMismatch: the folder holds something else than an index; it is left alone.
        IndexWriteError: disk full or no permission; the index stays as it was.
    """
    started = time.perf_counter()
    given = [os.fspath(path) for path in paths]
    root = Path(index_path)
    found = find_files(given, exclude=root, may_be_none=(root / "CURRENT").exists())
    report = IndexReport(failed=list(found.unreadable), left_out=list(found.left_out))
    with writing(root) as writer, ahead(encoder) as encoder:
        old = _open_old(root, config, encoder, report)
        seen = Seen(root) if check or old is None else Seen.load(root)
        fresh = _read_files(found.files, old, config, encoder, report, seen)
        segments = list(old.segments) if old else []
        if (
            old is None
            or old.prepared_by != code_digest()
            or report.added
            or report.changed
            or report.removed
            or report.moved
        ):
            checkpoint = Checkpoint(root, encoder.encoder_id, encoder.dim)
            try:
                segments = _revise(segments, fresh, old, encoder, config, report, progress, checkpoint)
                gone = bool(report.removed or report.changed or report.rebuilt)
                about = describe(segments, config, encoder.encoder_id, given)
                writer.commit(pack(segments), about, forget=gone)
                checkpoint.remove()
                report.written = True
            finally:
                checkpoint.close()
        else:
            writer.clean(keep=set())  # what a killed run may have left of documents that are gone
        report.n_documents = sum(len(segment.live_documents()) for segment in segments)
        report.n_chunks = sum(segment.n_live() for segment in segments)
        seen.save(set(report.unchanged).union(part.doc_id for part in fresh))
        save_failures(root, report.failed)
    report.seconds = time.perf_counter() - started
    return report


def _open_old(root: Path, config: Config, encoder: Encoder, report: IndexReport) -> Index | None:
    """The index that is there, where anything of it can be used."""
    try:
        return Index.load(root, config=config, encoder_id=encoder.encoder_id)
    except IndexMissing:
        return None
    except IndexMismatch as error:
        report.rebuilt = str(error)
        return None


def _revise(
    segments: list[Segment],
    fresh: list[Part],
    old: Index | None,
    encoder: Encoder,
    config: Config,
    report: IndexReport,
    progress: Progress | None,
    checkpoint: Checkpoint,
) -> list[Segment]:
    """The segments without what left or was read again, and with what was."""
    read_again = {part.doc_id for part in fresh}.union(report.removed, (before for before, _ in report.moved))
    leaving = read_again.intersection(old.documents) if old is not None else set()
    stay = [without(segment, _places(segment, leaving)) for segment in segments]
    if fresh:
        postings = count_words(fresh)  # on one processor, while the others encode what was begun ahead
        vectors = encode_parts(fresh, encoder, old.vectors if old else None, progress, checkpoint)
        stay.append(build_segment(next_name(stay), fresh, vectors, config.index.kind, postings))
        report.n_resumed = checkpoint.n_found
        report.n_encoded = sum(row < 0 for part in fresh for row in part.rows) - report.n_resumed
    return settle(stay, config.index.kind)


def _places(segment: Segment, doc_ids: set[str]) -> npt.NDArray[np.int64]:
    """Where some documents are in a segment, those that are left of it."""
    found = {segment.doc_ids.find(doc_id) for doc_id in doc_ids} - {-1}
    return np.array(sorted(found.difference(segment.left.tolist())), dtype=np.int64)


def _read_files(
    files: list[SourceFile],
    old: Index | None,
    config: Config,
    encoder: Encoder,
    report: IndexReport,
    seen: Seen,
) -> list[Part]:
    """A part for each readable file that the old index does not hold as it is, sorted."""
    changes = find_changes(files, old, report, seen)
    texts = read_shard(changes.files, config, encoder, known_texts(old, changes, report))
    note_texts(report, texts, old, old.documents.digests() if old is not None else {})
    parts = sorted([*changes.moved, *texts.parts], key=lambda part: part.doc_id)
    conclude(report, {part.doc_id for part in parts}, old)
    return parts


@dataclass(frozen=True, slots=True)
class Changes:
    """What an old index does not hold as it is.

    Attributes:
        moved: parts of files that it holds under another name.
        files: to be read.
    """

    moved: list[Part]
    files: list[SourceFile]


def find_changes(files: Iterable[SourceFile], old: Index | None, report: IndexReport, seen: Seen) -> Changes:
    """Tell the files that the old index does not hold as they are from the others, which are noted.

    Where nothing is known of what they were, no file is opened.
    """
    held = old.documents.digests() if old is not None else {}
    # What other code has cut is cut again.
    current = held if old is not None and old.prepared_by == code_digest() else {}
    files = list(files)
    origins = Origins(current, {source.doc_id for source in files})
    changes = Changes([], [])
    for source in files:
        doc_id = source.doc_id
        stamp = stamp_of(source.path)
        try:
            if doc_id in current and seen.same(doc_id, stamp):
                report.unchanged.append(doc_id)
            elif old is None or not current:
                changes.files.append(source)
            else:
                _, sha256 = read_bytes(source)
                origin = origins.find(doc_id, sha256) if current.get(doc_id) != sha256 else None
                if current.get(doc_id) == sha256:
                    report.unchanged.append(doc_id)
                elif origin is not None:
                    rows = old.documents.rows(origin[0])
                    changes.moved.append(moved_part(old.documents, origin[0], doc_id, rows))
                    _note_origin(report, doc_id, *origin, known=doc_id in held)
                else:
                    changes.files.append(source)
            seen.note(doc_id, stamp)
        except FileError as error:
            report.failed.append(told(doc_id, error))
    return changes


def known_texts(old: Index | None, changes: Changes, report: IndexReport) -> dict[str, int]:
    """The texts of the old index's chunks whose documents don't stay as they are, with their places.

    What leaves or changes may come back under another name or for the greater part.
    """
    if old is None or not changes.files:
        return {}
    stay = set(report.unchanged)
    gone = [doc_id for doc_id in old.documents if doc_id not in stay]
    return {old.chunks[row].text: row for doc_id in gone for row in old.documents.rows(doc_id)}


def note_texts(report: IndexReport, texts: ShardTexts, old: Index | None, held: Container[str]) -> None:
    """What became of files that were read, where the old index holds some doc_ids."""
    report.failed.extend(texts.failed)
    report.notes.extend(texts.notes)
    for part in texts.parts:
        if old is None or part.doc_id not in held:
            report.added.append(part.doc_id)
        elif (part.document, b"".join(part.chunks)) == old.documents.records(part.doc_id):
            report.unchanged.append(part.doc_id)
        else:
            report.changed.append(part.doc_id)


def conclude(report: IndexReport, fresh: set[str], old: Index | None) -> None:
    """Note what the old index holds and the new one won't; called when all else is noted.

    Args:
        report: of this run.
        fresh: the doc_ids of the parts that will be written.
        old: the index before.

    Raises:
        SourceError: there was no index, and nothing could be read for one.
    """
    report.failed.sort()  # some are met while changes are looked for, some while files are parsed
    if report.failed and not fresh and old is None and report.rebuilt is None:
        name, message = report.failed[0]
        more = f" (and {len(report.failed) - 1} more)" if len(report.failed) > 1 else ""
        raise SourceError(f"no file could be indexed: {name}: {message}{more}; no index was made")
    held = old.documents.digests() if old is not None else {}
    stay = fresh.union(report.unchanged, (before for before, _ in report.moved))
    report.removed = [doc_id for doc_id in held if doc_id not in stay]


def _note_origin(report: IndexReport, doc_id: str, origin: str, moved: bool, *, known: bool) -> None:
    """What became of a file whose contents the index has under another name."""
    if known:
        report.changed.append(doc_id)
    elif moved:
        report.moved.append((origin, doc_id))
    else:
        report.added.append(doc_id)
