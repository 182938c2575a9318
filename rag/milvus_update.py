"""Files to Milvus: as `update_index`, into collections that many machines read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rag.assembly import Part, Progress
from rag.config import Config
from rag.encoder import Encoder
from rag.errors import ConfigError, IndexBusy
from rag.index import IndexReport
from rag.kept_index import KeptIndex
from rag.kept_update import STEP, ChunkRows, Draft, past_states, steps, update_kept
from rag.prepared import Prepare, prepare_here
from rag.stores import FLAT_BELOW
from rag.stores.base import Floats
from rag.stores.database import TABLES, State
from rag.stores.milvus import MilvusDatabase, any_of
from rag.stores.milvus_collections import Collections
from rag.stores.milvus_schema import TEXT_BYTES
from rag.stores.milvus_tables import spelled, unspelled
from rag.stores.milvus_writing import Attempt, writing

__all__ = ["update_milvus"]

# From this number of chunks on, only some lists of vectors are looked into; below, all are.
VECTORS_INDEXED_FROM = FLAT_BELOW

# Rows of a state stay this long after another took its place, for readers that have it open.
KEEP = timedelta(hours=2)


def update_milvus(
    paths: Iterable[str | os.PathLike[str]],
    uri: str,
    *,
    config: Config,
    encoder: Encoder,
    progress: Progress | None = None,
    prepare: Prepare = prepare_here,
    check: bool = False,
) -> IndexReport:
    """Make an index in Milvus mirror files and folders, as `update_index` does one in a folder.

    A file that this machine has seen and that was not written since is not read, and text that is known is
    neither cut nor encoded again. What a document that left said is found no more from then on, but stays in
    the collections until `KEEP` has passed and something is written again.

    Args:
        paths: files and folders; together they are all that the index will hold.
        uri: `milvus://HOST:PORT/COLLECTION`.
        config: `chunk` and `encoder` shape the index.
        encoder: makes the vectors.
        progress: told (n_done, n_total) as `prepare` counts: chunks after each encoded batch.
        prepare: reads and encodes what is new, here or elsewhere; this process writes it.
        check: read every file, whatever its times say.

    Raises:
        SourceError: a path does not exist, or there is no index yet and no file for it that can be read.
        IndexBusy: another process is writing it.
        IndexUnavailable: the server is down or slow.
        ConfigError: a server without full text search, or a chunk that is too long for it.
        OptionalDependencyError: pymilvus is not installed.
    """
    database = MilvusDatabase(uri)

    @contextmanager
    def drafting(attempt: Attempt, old: KeptIndex | None) -> Iterator[Draft]:
        yield _Draft(database, attempt, old, encoder.dim)

    return update_kept(
        paths,
        database,
        writing(database),
        drafting,
        config=config,
        encoder=encoder,
        prepare=prepare,
        progress=progress,
        check=check,
    )


class _Draft(Draft):
    """Collections of a Milvus server on their way to a new state; arguments as for `Draft`."""

    def __init__(self, database: MilvusDatabase, attempt: Attempt, old: KeptIndex | None, dim: int) -> None:
        super().__init__(database, old, dim)
        self._attempt = attempt
        self._tables = Collections(database, attempt, old.state if old else None, dim)

    def _take_out(self, doc_ids: Sequence[str]) -> list[tuple[list[str], int]]:
        condition = any_of("doc_id", doc_ids)
        for _ in self._tables.take_out("documents", condition):
            pass
        pages = self._tables.take_out("chunks", condition)
        return [(unspelled(row["terms"]), int(row["n_terms"])) for rows in pages for row in rows]

    def _put_chunks(self, rows: ChunkRows, vectors: Floats) -> None:
        made = [
            {
                "doc_id": doc_id,
                "place": place,
                "terms": _fitting(" ".join(map(spelled, terms)), doc_id),
                "n_terms": len(terms),
                "vector": vectors[at],
            }
            for at, (doc_id, place, terms) in enumerate(
                zip(rows.doc_ids, rows.places, rows.terms, strict=True)
            )
        ]
        self._tables.put("chunks", made, [record.decode() for record in rows.records])

    def _put_documents(self, parts: Sequence[Part]) -> None:
        made = [
            {
                "doc_id": part.doc_id,
                "sha256": part.sha256,
                "n_chunks": len(part.chunks),
                "facts": _fitting(part.facts.decode(), part.doc_id),
                "sketch": part.sketch.astype("<u4").tobytes().hex(),
            }
            for part in parts
        ]
        self._tables.put("documents", made, [part.document.decode() for part in parts])

    def _put_counts(self, changed: Mapping[str, int]) -> None:
        for terms in steps(list(changed), STEP):
            pages = self._tables.take_out("terms", any_of("term", list(map(spelled, terms))))
            known = {row["term"]: int(row["n"]) for rows in pages for row in rows}
            counted = {name: known.get(name, 0) + changed[term] for term, name in _names(terms)}
            self._tables.put("terms", [{"term": name, "n": n} for name, n in counted.items() if n > 0])

    def _sketches(self) -> dict[str, bytes]:
        pages = self._tables.new_rows("documents", ["doc_id", "sketch"])
        return {row["doc_id"]: bytes.fromhex(row["sketch"]) for rows in pages for row in rows}

    def _settle(self, before: State | None) -> dict[str, Any]:
        for table, n in (("documents", self.n_documents), ("chunks", self.n_chunks)):
            found = self._tables.count(table)
            if found != n:
                raise IndexBusy(
                    f"index {self._keeper.uri!r} holds {found} {table} after {n} were written: another process has "
                    "changed it; what this one wrote is not used: run it again"
                )
        past = past_states(before, KEEP.total_seconds())
        if before is not None:
            past[0]["epoch"] = before.about.get("epoch")
        # One that began before all states that are kept writes no more.
        oldest = min((int(one["tables"]["chunks"]) for one in past), default=0)
        return {
            "vectors_indexed": self.n_chunks >= VECTORS_INDEXED_FROM,
            "epoch": self._tables.epoch,
            "void": [number for number in self._tables.void if number > oldest],
            "past": past,
        }

    def _versions(self) -> dict[str, int]:
        self._attempt.check()
        return dict.fromkeys(TABLES, self._attempt.number)

    def _tidy_up(self, state: State) -> None:
        self._attempt.committed = True
        needed = {self._tables.epoch: state.tables["chunks"]}
        for one in state.about["past"]:
            epoch, number = one["epoch"], int(one["tables"]["chunks"])
            if epoch is not None:
                needed[epoch] = min(number, needed.get(epoch, number))
        self._tables.forget(needed)


def _names(terms: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((term, spelled(term)) for term in terms)


def _fitting(text: str, doc_id: str) -> str:
    """A text that Milvus takes.

    Raises:
        ConfigError: one that is too long.
    """
    if len(text.encode()) > TEXT_BYTES:
        raise ConfigError(
            f"{doc_id!r}: {len(text.encode())} bytes of one chunk's words, or of what the file says of itself; Milvus "
            f"takes {TEXT_BYTES}: leave the file out, or choose smaller chunks, or lance://"
        )
    return text
