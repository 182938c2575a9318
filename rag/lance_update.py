"""Files to LanceDB: as `update_index`, into tables that many machines read.

What leaves is deleted, what is new or changed is added, and one row then names the new versions of all
tables together (`rag.stores.lance`). Killed at any moment, the last state that was named still answers.
One process writes at a time; others are told so at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from rag.assembly import Part, Progress
from rag.config import Config
from rag.encoder import Encoder
from rag.errors import IndexBusy
from rag.index import IndexReport
from rag.kept_index import KeptIndex
from rag.kept_update import STEP, ChunkRows, Draft, past_states, steps, update_kept
from rag.prepared import Prepare, prepare_here
from rag.stores import FLAT_BELOW
from rag.stores.base import Floats
from rag.stores.lance import TABLES, Database, State, in_list
from rag.stores.lance_writing import in_our_words, schemas, writing

__all__ = ["update_lance"]

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
    prepare: Prepare = prepare_here,
    check: bool = False,
) -> IndexReport:
    """Make an index in LanceDB mirror files and folders, as `update_index` does one in a folder.

    A file that this machine has seen and that was not written since is not read, and text that is known is neither
    cut nor encoded again. What a document that left said is found no more from then on, but stays in files of the
    tables until these are written anew and `KEEP` has passed.

    Args:
        paths: files and folders; together they are all that the index will hold.
        uri: `lance://` and a folder or URL.
        config: `chunk` and `encoder` shape the index.
        encoder: makes the vectors.
        progress: told (n_done, n_total) as `prepare` counts: chunks after each encoded batch.
        prepare: reads and encodes what is new, here or elsewhere; this process writes it.
        check: read every file, whatever its times say.

    Raises:
        SourceError: a path does not exist, or there is no index yet and no file for it that can be read.
        IndexBusy: another process is writing it.
        IndexUnavailable: the store is down.
        IndexWriteError: disk full or no permission; the index stays as it was.
        OptionalDependencyError: LanceDB is not installed.
    """
    database = Database(uri)

    @contextmanager
    def drafting(_: None, old: KeptIndex | None) -> Iterator[Draft]:
        with in_our_words(database):
            yield _Draft(database, old, encoder.dim)

    return update_kept(
        paths,
        database,
        writing(database),
        drafting,
        config=config,
        encoder=encoder,
        prepare=prepare,
        progress=progress,
        exclude=database.folder,
        check=check,
    )


class _Draft(Draft):
    """Tables of a LanceDB database on their way to a new state; arguments as for `Draft`."""

    def __init__(self, database: Database, old: KeptIndex | None, dim: int) -> None:
        super().__init__(database, old, dim)
        self.database = database
        self.tables: dict[str, Any] = {}
        if old is None:
            for name, schema in schemas(dim).items():
                self.tables[name] = database.connection().create_table(name, schema=schema, mode="overwrite")
        else:
            for name, version in old.state.tables.items():
                self.tables[name] = table = database.connection().open_table(name)
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

    def _take_out(self, doc_ids: Sequence[str]) -> list[tuple[list[str], int]]:
        condition = in_list("doc_id", doc_ids)
        told = self.tables["chunks"].search().where(condition).select(["terms", "n_terms"]).to_arrow()
        self._did("chunks", self.tables["chunks"].delete(condition))
        self._did("documents", self.tables["documents"].delete(condition))
        terms = [text.split() for text in told["terms"].to_pylist()]
        return list(zip(terms, told["n_terms"].to_pylist(), strict=True))

    def _put_chunks(self, rows: ChunkRows, vectors: Floats) -> None:
        import pyarrow as pa

        columns = {
            "doc_id": rows.doc_ids,
            "place": rows.places,
            "record": rows.records,
            "terms": [" ".join(held) for held in rows.terms],
            "n_terms": [len(held) for held in rows.terms],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), self.dim),
        }
        added = self.tables["chunks"].add(pa.table(columns, schema=schemas(self.dim)["chunks"]))
        self._did("chunks", added)

    def _put_documents(self, parts: Sequence[Part]) -> None:
        self._did("documents", self.tables["documents"].add(_document_rows(parts)))

    def _put_counts(self, changed: Mapping[str, int]) -> None:
        import pyarrow as pa

        table = self.tables["terms"]
        for terms in steps(list(changed), STEP):
            known: dict[str, int] = {}
            if self.old is not None:
                told = table.search().where(in_list("term", terms)).select(["term", "n"]).to_arrow()
                known = dict(zip(told["term"].to_pylist(), told["n"].to_pylist(), strict=True))
            counted = {term: known.get(term, 0) + changed[term] for term in terms}
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

    def _sketches(self) -> dict[str, bytes]:
        told = self.tables["documents"].search().select(["doc_id", "sketch"]).to_arrow()
        return dict(zip(told["doc_id"].to_pylist(), told["sketch"].to_pylist(), strict=True))

    def _settle(self, before: State | None) -> dict[str, Any]:
        last = self.old.state.about if self.old else {}
        untidy = int(last.get("untidy", 0)) + 1
        indexed = bool(last.get("vectors_indexed", False))
        if self.n_chunks < _TIDY_ROWS or untidy >= _TIDY_EVERY or self.old is None:
            untidy = 0
            indexed = self._tidy(indexed)
        past = past_states(before, KEEP.total_seconds())
        return {"vectors_indexed": indexed, "untidy": untidy, "past": past}

    def _versions(self) -> dict[str, int]:
        return {name: int(table.version) for name, table in self.tables.items()}

    def _tidy_up(self, state: State) -> None:
        if not state.about["untidy"]:  # cleaning up merges files too, which a state must name
            self._clean(state)

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
