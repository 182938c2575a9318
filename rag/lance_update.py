"""Files to LanceDB: as `update_index`, into tables that many machines read.

What leaves is deleted, what is new or changed is added, and one row then names the new versions of all
tables together (`rag.stores.lance`). Killed at any moment, the last state that was named still answers.
One process writes at a time; others are told so at once.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np

from rag._version import __version__
from rag.assembly import Part, Progress, encode_parts
from rag.config import Config
from rag.corpus import find_files
from rag.encoder import Encoder
from rag.errors import IndexBusy, IndexMismatch
from rag.index import Index, IndexReport, read_files
from rag.lance_index import LanceIndex
from rag.seen import Seen
from rag.sketches import group_copies
from rag.snapshot import code_digest
from rag.stores import FLAT_BELOW
from rag.stores.base import Floats
from rag.stores.lance import FORMAT, TABLES, Database, State, in_list
from rag.stores.lance_writing import in_our_words, schemas, writing
from rag.stores.tokens import TermMaker, language_of

__all__ = ["update_lance"]

# Rows written at a time, and names in one condition.
_STEP = 4096
_NAMES = 500

# From this number of chunks on, an index over the vectors is built; below, all are compared.
VECTORS_INDEXED_FROM = FLAT_BELOW

# Versions that a state has named stay this long after another took its place, for readers that have them open.
KEEP = timedelta(hours=2)
# Clocks differ between machines, and Lance's times have no zone: versions older by this much than any needed one go.
MARGIN = timedelta(hours=2)

# Tables of many rows are not put in order at each small change: new rows are searched one by one until then.
_TIDY_ROWS = 100_000
_TIDY_EVERY = 16


def update_lance(
    paths: Iterable[str | os.PathLike[str]],
    uri: str,
    *,
    config: Config,
    encoder: Encoder,
    progress: Progress | None = None,
) -> IndexReport:
    """Make an index in LanceDB mirror files and folders, as `update_index` does one in a folder.

    Every file's bytes are read, to see whether it changed; text that is known is neither cut nor encoded
    again. What a document that left said is found no more from then on, but stays in files of the tables
    until these are written anew and `KEEP` has passed.

    Args:
        paths: files and folders; together they are all that the index will hold.
        uri: `lance://` and a folder or URL.
        config: `chunk` and `encoder` shape the index.
        encoder: makes the vectors.
        progress: told (n_done, n_total) chunks after each encoded batch.

    Raises:
        SourceError: a path does not exist, or no file in them could be read; the index stays as it was.
        IndexBusy: another process is writing it.
        IndexUnavailable: the store is down.
        IndexWriteError: disk full or no permission; the index stays as it was.
        OptionalDependencyError: LanceDB is not installed.
    """
    started = time.perf_counter()
    database = Database(uri)
    given = [os.fspath(path) for path in paths]
    folder = database.folder
    found = find_files(given, exclude=folder)
    report = IndexReport(failed=list(found.unreadable), left_out=list(found.left_out))
    with writing(database):
        before = database.find_state()
        old = _open_old(database, before, config, encoder, report)
        held = cast("Index | None", old)  # what a reading of files asks is the same of both
        fresh = read_files(found.files, held, config, encoder, report, Seen(Path()))
        if old is not None and old.prepared_by == code_digest() and not _differs(report):
            state = old.state
        else:
            vectors = (
                encode_parts(fresh, encoder, held.vectors if held else None, progress) if fresh else None
            )
            report.n_encoded = sum(row < 0 for part in fresh for row in part.rows)
            leaving = _leaving(fresh, old, report)
            with in_our_words(database):
                draft = _Draft(database, old, encoder.dim)
                draft.remove(leaving)
                if vectors is not None:
                    draft.add(fresh, vectors)
                state = draft.commit(before, config, encoder, given, report)
            report.written = True
        report.n_documents, report.n_chunks = int(state.about["n_documents"]), int(state.about["n_chunks"])
    report.seconds = time.perf_counter() - started
    return report


def _differs(report: IndexReport) -> bool:
    return bool(report.added or report.changed or report.removed or report.moved)


def _open_old(
    database: Database, state: State | None, config: Config, encoder: Encoder, report: IndexReport
) -> LanceIndex | None:
    """The index that is there, where anything of it can be used."""
    if state is None:
        return None
    try:
        return LanceIndex.of(database, state, config=config, encoder_id=encoder.encoder_id)
    except IndexMismatch as error:
        report.rebuilt = str(error)
        return None


def _leaving(fresh: Sequence[Part], old: LanceIndex | None, report: IndexReport) -> list[str]:
    """The documents of the old index that are not in the new one as they are."""
    if old is None:
        return []
    read_again = {part.doc_id for part in fresh}.union(report.removed, (origin for origin, _ in report.moved))
    return sorted(read_again.intersection(old.documents.listed.doc_ids))


@dataclass
class _Draft:
    """Tables on their way to a new state.

    Attributes:
        database: where they are.
        old: the index before; None where nothing of it is used.
        dim: length of a vector.
    """

    database: Database
    old: LanceIndex | None
    dim: int
    n_documents: int = 0
    n_chunks: int = 0
    n_tokens: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    tables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.old is None:
            self.stop_words: dict[str, frozenset[str]] = {}
            for name, schema in schemas(self.dim).items():
                self.tables[name] = self.database.connection().create_table(
                    name, schema=schema, mode="overwrite"
                )
            self.versions = {name: int(table.version) for name, table in self.tables.items()}
            return
        about = self.old.state.about
        self.n_documents, self.n_chunks = int(about["n_documents"]), int(about["n_chunks"])
        self.n_tokens = int(about["n_tokens"])
        self.stop_words = {name: frozenset(words) for name, words in about["stop_words"].items()}
        for name, version in self.old.state.tables.items():
            self.tables[name] = table = self.database.connection().open_table(name)
            if table.version != version:  # what a writer that was stopped has left
                table.checkout(version)
                table.restore()
        self.versions = {name: int(table.version) for name, table in self.tables.items()}

    def _did(self, name: str, result: Any) -> None:
        """Note the version that a change made; one that is not the next was made after somebody else's.

        Raises:
            IndexBusy: another process writes the same tables, which no lock could keep out.
        """
        if int(result.version) > self.versions[name] + 1:
            raise IndexBusy(
                f"another process is writing the index {self.database.uri!r}; what this one wrote is not used: "
                "let one of them run at a time"
            )
        self.versions[name] = int(result.version)

    def remove(self, doc_ids: Sequence[str]) -> None:
        """Take documents out, and their words out of the counts."""
        for names in _steps(doc_ids, _NAMES):
            condition = in_list("doc_id", names)
            told = self.tables["chunks"].search().where(condition).select(["terms", "n_terms"]).to_arrow()
            for terms in told["terms"].to_pylist():
                self.counts.subtract(set(terms.split()))
            self.n_tokens -= sum(told["n_terms"].to_pylist())
            self.n_chunks -= told.num_rows
            self.n_documents -= len(names)
            self._did("chunks", self.tables["chunks"].delete(condition))
            self._did("documents", self.tables["documents"].delete(condition))

    def add(self, parts: Sequence[Part], vectors: Floats) -> None:
        """Take documents in: float32 vectors, (n_chunks, dim), in the order of their chunks."""
        languages = [language_of(part.language) for part in parts]
        fresh = TermMaker.for_languages(languages)
        maker = TermMaker({**self.stop_words, **fresh.stop_words})
        first = 0
        for some in _steps(list(zip(parts, languages, strict=True)), _STEP // 8):
            n = sum(len(part.texts) for part, _ in some)
            self._add_chunks(some, vectors[first : first + n], maker)
            added = self.tables["documents"].add(_document_rows([part for part, _ in some]))
            self._did("documents", added)
            first += n
        self.n_documents += len(parts)
        self.n_chunks += first
        self.stop_words = maker.stop_words

    def _add_chunks(self, parts: Sequence[tuple[Part, str]], vectors: Floats, maker: TermMaker) -> None:
        import pyarrow as pa

        doc_ids: list[str] = []
        places: list[int] = []
        records: list[bytes] = []
        terms: list[list[str]] = []
        for part, language in parts:
            doc_ids += [part.doc_id] * len(part.texts)
            places += range(len(part.texts))
            records += part.chunks
            terms += [maker.of_chunk(text, language) for text in part.texts]
        for held in terms:
            self.counts.update(set(held))
        self.n_tokens += sum(map(len, terms))
        columns = {
            "doc_id": doc_ids,
            "place": places,
            "record": records,
            "terms": [" ".join(held) for held in terms],
            "n_terms": [len(held) for held in terms],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), self.dim),
        }
        added = self.tables["chunks"].add(pa.table(columns, schema=schemas(self.dim)["chunks"]))
        self._did("chunks", added)

    def commit(
        self,
        before: State | None,
        config: Config,
        encoder: Encoder,
        roots: Sequence[str],
        report: IndexReport,
    ) -> State:
        """Index what was written, then name the new versions together."""
        self._count_terms()
        last = self.old.state.about if self.old else {}
        untidy = int(last.get("untidy", 0)) + 1
        indexed = bool(last.get("vectors_indexed", False))
        if self.n_chunks < _TIDY_ROWS or untidy >= _TIDY_EVERY or self.old is None:
            untidy = 0
            indexed = self._tidy(indexed)
        about = {
            "format": FORMAT,
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
            "copies": self._copies(),
            "failed": report.failed[:1000],
            "vectors_indexed": indexed,
            "untidy": untidy,
            "past": _past(before),
        }
        versions = {name: int(table.version) for name, table in self.tables.items()}
        state = State((before.generation if before else 0) + 1, versions, about)
        self.database.replace_state(before, state)
        if not untidy:  # cleaning up merges files too, which a state must name
            self._clean(state)
        return state

    def _count_terms(self) -> None:
        """Write the counts that changed; terms that no chunk holds go."""
        import pyarrow as pa

        table = self.tables["terms"]
        changed = sorted(term for term, n in self.counts.items() if n)
        for terms in _steps(changed, _STEP):
            known: dict[str, int] = {}
            if self.old is not None:
                told = table.search().where(in_list("term", terms)).select(["term", "n"]).to_arrow()
                known = dict(zip(told["term"].to_pylist(), told["n"].to_pylist(), strict=True))
            counted = {term: known.get(term, 0) + self.counts[term] for term in terms}
            rows = pa.table(
                {"term": list(counted), "n": list(counted.values())}, schema=schemas(self.dim)["terms"]
            )
            if not known:
                self._did("terms", table.add(rows))
                continue
            asked = table.merge_insert("term").when_matched_update_all().when_not_matched_insert_all()
            self._did("terms", asked.execute(rows))
        if self.old is not None and changed:
            self._did("terms", table.delete("n <= 0"))

    def _copies(self) -> list[list[str]]:
        told = self.tables["documents"].search().select(["doc_id", "sketch"]).to_arrow()
        names = told["doc_id"].to_pylist()
        if not names:
            return []
        packed = [np.frombuffer(sketch, np.uint32) for sketch in told["sketch"].to_pylist()]
        return group_copies(names, np.stack(packed))

    def _tidy(self, indexed: bool) -> bool:
        """Merge small files and take new rows into the indexes, made where they are missing.

        Returns:
            Whether there is an index over the vectors.
        """
        from lancedb.index import FTS, BTree, IvfRq

        words = FTS(
            base_tokenizer="whitespace",
            max_token_length=None,
            lower_case=False,
            stem=False,
            remove_stop_words=False,
            ascii_folding=False,
        )
        wanted: list[tuple[str, str, Any]] = [
            ("chunks", "terms", words),
            ("chunks", "doc_id", BTree()),
            ("documents", "doc_id", BTree()),
            ("terms", "term", BTree()),
        ]
        if self.n_chunks >= VECTORS_INDEXED_FROM:
            wanted.append(("chunks", "vector", IvfRq(distance_type="cosine", num_bits=1)))
            indexed = True
        there = {name: {c for i in self.tables[name].list_indices() for c in i.columns} for name in TABLES}
        for name in TABLES:
            # Nothing is cleaned up here: the versions of the state that is read now must stay.
            self.tables[name].optimize(cleanup_older_than=timedelta(days=36_500))
        for name, column, made in wanted:
            if column not in there[name] and self.tables[name].count_rows():
                self.tables[name].create_index(column, config=made)
        return indexed

    def _clean(self, state: State) -> None:
        """Remove versions that nobody should have open any more: of states replaced longer ago than `KEEP`."""
        now = datetime.now()
        needed = [state.tables] + [
            one["tables"]
            for one in state.about["past"]
            if now.timestamp() - float(one["replaced_at"]) < KEEP.total_seconds()
        ]
        for name, table in self.tables.items():
            since = {int(one["version"]): one["timestamp"] for one in table.list_versions()}
            oldest = [since[tables[name]] for tables in needed if tables[name] in since]
            if oldest and min(since) < min(tables[name] for tables in needed):
                table.optimize(cleanup_older_than=now - min(oldest) + MARGIN)


def _past(before: State | None) -> list[dict[str, Any]]:
    """The states that were replaced lately, the newest first, with when."""
    if before is None:
        return []
    now = time.time()
    past = [
        one for one in before.about.get("past", []) if now - float(one["replaced_at"]) < KEEP.total_seconds()
    ]
    return [{"tables": dict(before.tables), "replaced_at": now}, *past]


def _document_rows(parts: Sequence[Part]) -> Any:
    import pyarrow as pa

    columns = {
        "doc_id": [part.doc_id for part in parts],
        "sha256": [part.sha256 for part in parts],
        "n_chunks": [len(part.chunks) for part in parts],
        "facts": [part.facts for part in parts],
        "sketch": [part.sketch.astype("<u4").tobytes() for part in parts],
        "record": [part.document for part in parts],
    }
    return pa.table(columns, schema=schemas(1)["documents"])


def _steps(items: Sequence[Any], size: int) -> Iterator[Any]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
