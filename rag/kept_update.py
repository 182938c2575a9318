"""Files to a database of many readers: as `update_index`, whatever engine keeps it.

What leaves is taken out, what is new or changed is put in, and one step then makes the new rows of all
tables together the newest state (`rag.stores.database`). Killed at any moment, the last state still
answers. One process writes at a time; others are told so.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from rag._version import __version__
from rag.assembly import Part, Progress
from rag.config import Config
from rag.corpus import find_files
from rag.encoder import Encoder
from rag.errors import IndexMismatch
from rag.index import Index, IndexReport
from rag.kept_index import KeptIndex
from rag.prepared import Prepare
from rag.seen import SeenHere
from rag.sketches import group_copies
from rag.snapshot import code_digest
from rag.stores.base import Floats
from rag.stores.database import AnyDatabase, State
from rag.stores.tokens import TermMaker, language_of

__all__ = ["ChunkRows", "Draft", "past_states", "steps", "update_kept"]

T = TypeVar("T")

# Rows written at a time, and names in one condition.
STEP = 4096
NAMES = 500


def update_kept(
    paths: Iterable[str | os.PathLike[str]],
    database: AnyDatabase,
    writing: AbstractContextManager[T],
    drafting: Callable[[T, KeptIndex | None], AbstractContextManager[Draft]],
    *,
    config: Config,
    encoder: Encoder,
    prepare: Prepare,
    progress: Progress | None = None,
    exclude: Path | None = None,
    check: bool = False,
) -> IndexReport:
    """Make an index in a database mirror files and folders, as `update_index` does one in a folder.

    A file that this machine has seen and that was not written since is not read, and text that is known is
    neither cut nor encoded again.

    Args:
        paths: files and folders; together they are all that the index will hold.
        database: which one.
        writing: keeps other writers out.
        drafting: begins a new state, given what `writing` gave and the index before, where any of it can be used.
        config: `chunk` and `encoder` shape the index.
        encoder: makes the vectors.
        prepare: reads and encodes what is new, here or elsewhere; this process writes it.
        progress: told (n_done, n_total) as `prepare` counts.
        exclude: a folder that is no source.
        check: read every file, whatever its times say.

    Raises:
        SourceError: a path does not exist, or there is no index yet and no file for it that can be read.
        IndexBusy: another process is writing it.
        IndexUnavailable: the store is down.
        IndexWriteError: it can't be written; the index stays as it was.
    """
    started = time.perf_counter()
    given = [os.fspath(path) for path in paths]
    found = find_files(given, exclude=exclude, may_be_none=database.find_state() is not None)
    report = IndexReport(failed=list(found.unreadable), left_out=list(found.left_out))
    with writing as place:
        before = database.find_state()
        old = _open_old(database, before, config, encoder, report)
        held = cast("Index | None", old)  # what a reading of files asks is the same of both
        digests = old.documents.digests() if old is not None else {}
        seen = SeenHere(database.uri, {} if check else digests)
        with prepare(found.files, held, config, encoder, report, progress, seen) as prepared:
            if old is not None and old.prepared_by == code_digest() and not _differs(report):
                state = old.state
            else:
                leaving = _leaving(prepared.doc_ids, old, report)
                with drafting(place, old) as draft:
                    draft.remove(leaving)
                    for parts, vectors in prepared.batches():
                        draft.add(parts, vectors)
                        digests.update((part.doc_id, part.sha256) for part in parts)
                    state = draft.commit(before, config, encoder, given, report)
                report.written = True
            prepared.done()
        gone = {*report.removed, *(origin for origin, _ in report.moved)}
        seen.save_as({doc_id: sha256 for doc_id, sha256 in digests.items() if doc_id not in gone})
        report.n_documents, report.n_chunks = int(state.about["n_documents"]), int(state.about["n_chunks"])
    report.seconds = time.perf_counter() - started
    return report


def _differs(report: IndexReport) -> bool:
    return bool(report.added or report.changed or report.removed or report.moved)


def _open_old(
    database: AnyDatabase, state: State | None, config: Config, encoder: Encoder, report: IndexReport
) -> KeptIndex | None:
    """The index that is there, where anything of it can be used."""
    if state is None:
        return None
    try:
        return KeptIndex.of(database, state, config=config, encoder_id=encoder.encoder_id)
    except IndexMismatch as error:
        report.rebuilt = str(error)
        return None


def _leaving(fresh: set[str], old: KeptIndex | None, report: IndexReport) -> list[str]:
    """The documents of the old index that are not in the new one as they are."""
    if old is None:
        return []
    read_again = fresh.union(report.removed, (origin for origin, _ in report.moved))
    return sorted(read_again.intersection(old.documents.listed.doc_ids))


@dataclass
class ChunkRows:
    """Chunks on their way into a table; all lists in one order.

    Attributes:
        doc_ids, places: which document a chunk is of, and its place there, from 0.
        records: its line of JSON.
        terms: every term that it holds, as often as it does.
    """

    doc_ids: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    terms: list[list[str]] = field(default_factory=list)


class Draft(ABC):
    """Tables on their way to a new state.

    Args:
        database: where they are.
        old: the index before; None where nothing of it is used.
        dim: length of a vector.
    """

    def __init__(self, database: AnyDatabase, old: KeptIndex | None, dim: int) -> None:
        self.old = old
        self.dim = dim
        self.counts: Counter[str] = Counter()
        self._keeper = database
        about = old.state.about if old else {}
        self.n_documents, self.n_chunks = int(about.get("n_documents", 0)), int(about.get("n_chunks", 0))
        self.n_tokens = int(about.get("n_tokens", 0))
        self.stop_words = {name: frozenset(words) for name, words in about.get("stop_words", {}).items()}

    def remove(self, doc_ids: Sequence[str]) -> None:
        """Take documents out, and their words out of the counts."""
        for names in steps(doc_ids, NAMES):
            for terms, n_terms in self._take_out(names):
                self.counts.subtract(set(terms))
                self.n_tokens -= n_terms
                self.n_chunks -= 1
            self.n_documents -= len(names)

    def add(self, parts: Sequence[Part], vectors: Floats) -> None:
        """Take documents in: float32 vectors, (n_chunks, dim), in the order of their chunks."""
        languages = [language_of(part.language) for part in parts]
        fresh = TermMaker.for_languages(languages)
        maker = TermMaker({**self.stop_words, **fresh.stop_words})
        first = 0
        for some in steps(list(zip(parts, languages, strict=True)), STEP // 8):
            n = sum(len(part.texts) for part, _ in some)
            self._add_chunks(some, vectors[first : first + n], maker)
            self._put_documents([part for part, _ in some])
            first += n
        self.n_documents += len(parts)
        self.n_chunks += first
        self.stop_words = maker.stop_words

    def _add_chunks(self, parts: Sequence[tuple[Part, str]], vectors: Floats, maker: TermMaker) -> None:
        rows = ChunkRows()
        for part, language in parts:
            rows.doc_ids += [part.doc_id] * len(part.texts)
            rows.places += range(len(part.texts))
            rows.records += part.chunks
            rows.terms += [maker.of_chunk(text, language) for text in part.texts]
        for held in rows.terms:
            self.counts.update(set(held))
        self.n_tokens += sum(map(len, rows.terms))
        self._put_chunks(rows, vectors)

    def commit(
        self,
        before: State | None,
        config: Config,
        encoder: Encoder,
        roots: Sequence[str],
        report: IndexReport,
    ) -> State:
        """Write the counts of words, settle what was written, then make all of it the newest state."""
        changed = {term: n for term, n in sorted(self.counts.items()) if n}
        self._put_counts(changed)
        own = self._settle(before)
        sketches = self._sketches()
        about = {
            "format": self._keeper.format,
            "made_by": f"insources {__version__}",
            "prepared_by": code_digest(),
            "settings": config.index_settings(),
            "encoder_id": encoder.encoder_id,
            "dim": self.dim,
            "n_documents": self.n_documents,
            "n_chunks": self.n_chunks,
            "n_tokens": self.n_tokens,
            "stop_words": {name: sorted(words) for name, words in sorted(self.stop_words.items())},
            "roots": list(roots),
            "copies": _copies(sketches),
            "failed": report.failed[:1000],
            **(
                {"calibration": before.about["calibration"]}
                if before and "calibration" in before.about
                else {}
            ),
            **own,
        }
        state = State((before.generation if before else 0) + 1, self._versions(), about)
        self._keeper.replace_state(before, state)
        self._tidy_up(state)
        return state

    @abstractmethod
    def _take_out(self, doc_ids: Sequence[str]) -> list[tuple[list[str], int]]:
        """Take some documents out; returns the terms and their number of each of their chunks."""

    @abstractmethod
    def _put_chunks(self, rows: ChunkRows, vectors: Floats) -> None: ...

    @abstractmethod
    def _put_documents(self, parts: Sequence[Part]) -> None: ...

    @abstractmethod
    def _put_counts(self, changed: Mapping[str, int]) -> None:
        """By how much the number of chunks that hold a term has changed; terms that no chunk holds go."""

    @abstractmethod
    def _sketches(self) -> Mapping[str, bytes]:
        """Of each document that the new state holds."""

    @abstractmethod
    def _settle(self, before: State | None) -> dict[str, Any]:
        """Put what was written in order; returns what else the state says: `vectors_indexed` at least."""

    @abstractmethod
    def _versions(self) -> dict[str, int]:
        """What finds the rows of each table."""

    @abstractmethod
    def _tidy_up(self, state: State) -> None:
        """Remove what no state that may still be read needs."""


def _copies(sketches: Mapping[str, bytes]) -> list[list[str]]:
    """Groups of documents that say nearly the same."""
    if not sketches:
        return []
    packed = [np.frombuffer(sketch, np.uint32) for sketch in sketches.values()]
    return group_copies(list(sketches), np.stack(packed))


def past_states(before: State | None, keep_s: float) -> list[dict[str, Any]]:
    """The states that were replaced in the last `keep_s` seconds, the newest first, with when."""
    if before is None:
        return []
    now = time.time()
    past = [one for one in before.about.get("past", []) if now - float(one["replaced_at"]) < keep_s]
    return [{"tables": dict(before.tables), "replaced_at": now}, *past]


def steps(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Runs of `size` items."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
