"""Milvus as a store: attempts, readers and writers side by side, what goes wrong, and what is told of it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hash_encoder import HashEncoder
from keepers import milvus_place, needs_milvus
from many_texts import make_many, recall

import rag.milvus_update
from rag.config import Config
from rag.errors import (
    ConfigError,
    IndexBusy,
    IndexMismatch,
    IndexMissing,
    IndexUnavailable,
    OptionalDependencyError,
)
from rag.index import IndexReport
from rag.kept_index import KeptIndex
from rag.opening import mirror, newest_state, open_index
from rag.stores import milvus_collections, milvus_schema, milvus_tables, milvus_writing
from rag.stores.milvus import MilvusDatabase
from rag.stores.milvus_tables import spelled, unspelled


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(milvus_writing, "BEAT_S", 0.1)
    monkeypatch.setattr(milvus_writing, "WATCH_S", 2.0)
    return milvus_place(tmp_path)


def write(folder: Path, uri: str, encoder: HashEncoder | None = None) -> IndexReport:
    return mirror([folder], uri, config=Config(), encoder=encoder or HashEncoder())


def load(uri: str) -> KeptIndex:
    database = MilvusDatabase(uri)
    return KeptIndex.of(database, database.state())


def collections(uri: str) -> list[str]:
    database = MilvusDatabase(uri)
    names = database.call("looking", lambda client, more: client.list_collections(**more))
    return sorted(name for name in names if name.startswith(f"{database.name}_"))


def n_rows(uri: str, table: str) -> int:
    """How many rows there are, of whatever state."""
    database = MilvusDatabase(uri)
    name = database.collection(int(database.state().about["epoch"]), table)
    return sum(len(rows) for rows in database.pages("looking", name, "id >= 0", []))


def stop(*args: object, **more: object) -> None:
    raise KeyboardInterrupt


def test_without_the_extra_its_install_line_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OptionalDependencyError, match=r'pip install "insources\[milvus\]"'):
        open_index("milvus://localhost/corpus")
    with pytest.raises(OptionalDependencyError, match=r'pip install "insources\[milvus\]"'):
        mirror([folder], "milvus://localhost/corpus", config=Config(), encoder=HashEncoder())


def test_pymilvus_is_loaded_by_nobody_else() -> None:
    code = (
        "import sys, rag.cli, rag.asking, rag.doctor, rag.web.options, rag.milvus_update\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('pymilvus', 'grpc', 'pandas')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "uri",
    [
        "milvus://",
        "milvus://host",
        "milvus://host/",
        "milvus://host/with-hyphen",
        "milvus://me:pw@host/corpus",
    ],
)
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"expected milvus://HOST:PORT/COLLECTION.*MILVUS_TOKEN"):
        open_index(uri)


@pytest.mark.parametrize("term", ["bridge", "3.5", "año", "zz", "zzz1", "港口", "o'brien", "Ⅷ", "1932"])
def test_any_term_is_one_word_of_letters_and_digits(term: str) -> None:
    assert spelled(term).isascii()
    assert spelled(term).isalnum()
    assert unspelled(f"{spelled(term)} {spelled('x')}") == [term, "x"]


@needs_milvus
def test_a_place_without_an_index_is_left_alone(uri: str) -> None:
    with pytest.raises(IndexMissing, match=r"build one with: rag index PATH\.\.\. --index milvus://"):
        open_index(uri)
    with pytest.raises(IndexMissing):
        newest_state(uri)()
    assert collections(uri) == []


@needs_milvus
def test_a_second_writer_is_told_that_there_is_one(folder: Path, uri: str) -> None:
    write(folder, uri)
    with milvus_writing.writing(MilvusDatabase(uri)):
        with pytest.raises(IndexBusy, match="another process is writing"):
            write(folder, uri)
        # Readers don't mind.
        assert len(load(uri).documents) == 3
    assert not write(folder, uri).written


@needs_milvus
def test_the_rows_of_a_stopped_writer_are_cleared_away(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, uri)
    (folder / "new.txt").write_text("The tower was built in 1801 by the guild of masons.\n")
    (folder / "bridge.txt").unlink()
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(MilvusDatabase, "replace_state", stop)
            with pytest.raises(KeyboardInterrupt):
                write(folder, uri)
        assert n_rows(uri, "chunks") == 4
    assert write(folder, uri).written
    assert n_rows(uri, "chunks") == 4  # one for who still reads the state before


@needs_milvus
def test_a_run_without_changes_forgets_no_attempt_that_failed(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, uri)
    late = folder / "new.txt"
    late.write_text("The tower was built in 1801 by the guild of masons.\n")
    with monkeypatch.context() as patch:
        patch.setattr(MilvusDatabase, "replace_state", stop)
        with pytest.raises(KeyboardInterrupt):
            write(folder, uri)
    late.unlink()
    assert not write(folder, uri).written
    (folder / "harbour.txt").write_text("The harbour was closed in the winter of 1948.\n")
    write(folder, uri)
    index = load(uri)
    assert len(index.state.about["void"]) == 1
    assert len(index.words.search("guild of masons", 5)[0]) == 0
    assert n_rows(uri, "documents") == 4


@needs_milvus
def test_a_writer_that_stood_still_is_replaced_and_changes_nothing_afterwards(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, uri)
    first = load(uri)
    (folder / "bridge.txt").write_text("The bridge fell into the river in the flood of 1953.\n")
    monkeypatch.setattr(milvus_writing.Attempt, "_go_on", lambda attempt: None)  # as if it were asleep
    with milvus_writing.writing(MilvusDatabase(uri)) as sleeper:
        slow = milvus_collections.Collections(MilvusDatabase(uri), sleeper, first.state, 16)
        assert write(folder, uri).changed == ["bridge.txt"]
        with pytest.raises(IndexBusy, match="one of them run at a time"):
            slow.put("terms", [{"term": "flood", "n": 70}])
        # What it had sent already comes too late; no state shows it.
        with monkeypatch.context() as patch:
            patch.setattr(sleeper, "check", lambda: None)
            slow.put("terms", [{"term": "flood", "n": 70}])
            harbour = "doc_id == 'harbour.txt'".replace("'", '"')
            assert [len(rows) for rows in slow.take_out("chunks", harbour)] == [1]
    for _ in range(2):
        index = load(uri)
        assert index.words.weights("flood") != {}
        assert index.tables.counts(["flood"]) == {"flood": 1}
        assert len(index.vectors.search(np.ones((1, 16), np.float32), 9)[0][0]) == 3
        assert len(index.words.search("harbour", 9)[0]) == 1
        (folder / "new.txt").write_text("The tower was built in 1801 by the guild of masons.\n")
        write(folder, uri)
        (folder / "new.txt").unlink()
        write(folder, uri)


@needs_milvus
def test_rows_that_are_missing_make_no_state(folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, uri)
    (folder / "new.txt").write_text("The tower was built in 1801 by the guild of masons.\n")
    put = milvus_collections.Collections.put

    def lose(self: Any, table: str, rows: Any, records: Any = None) -> None:
        if table != "chunks":
            put(self, table, rows, records)

    monkeypatch.setattr(milvus_collections.Collections, "put", lose)
    with pytest.raises(IndexBusy, match=r"holds 3 chunks after 4 were written"):
        write(folder, uri)
    assert len(load(uri).documents) == 3


@needs_milvus
def test_collections_of_another_encoder_stay_while_they_are_read(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, uri)
    before, made = load(uri), collections(uri)
    other = HashEncoder("other", dim=24)
    assert write(folder, uri, other).rebuilt is not None
    # Who has the one before open goes on with it; once nobody should, its collections go.
    assert before.vectors.search(np.ones((1, 16), np.float32), 9)[0].shape == (1, 3)
    assert set(made) < set(collections(uri))
    monkeypatch.setattr(rag.milvus_update, "KEEP", timedelta(0))
    (folder / "new.txt").write_text("The tower was built in 1801 by the guild of masons.\n")
    write(folder, uri, other)
    (folder / "new.txt").unlink()
    write(folder, uri, other)
    assert not set(made) & set(collections(uri))
    assert len(collections(uri)) == 4


@needs_milvus
def test_old_rows_go_when_nobody_should_need_them(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = folder / "long.txt"
    long.write_text("The bell rang in the tower. " * 2000)
    write(folder, uri)
    first = load(uri)
    assert first.documents["long.txt"].text == long.read_text()
    assert n_rows(uri, "pieces") > 2
    long.unlink()
    write(folder, uri)
    assert first.documents["long.txt"].text.startswith("The bell")
    assert len(first.words.search("bell", 5)[0]) == 5
    assert "long.txt" not in load(uri).documents
    monkeypatch.setattr(rag.milvus_update, "KEEP", timedelta(0))
    for n in range(2):
        (folder / "new.txt").write_text(f"The tower was built in {1801 + n} by the guild of masons.\n")
        write(folder, uri)
    assert n_rows(uri, "pieces") == 0
    assert n_rows(uri, "chunks") <= 5
    assert n_rows(uri, "documents") <= 5
    index = load(uri)
    assert sorted(index.documents) == ["bridge.txt", "deep/library.md", "harbour.txt", "new.txt"]
    assert index.tables.counts(["bell", "tower"]) == {"tower": 1}
    with pytest.raises(IndexUnavailable, match=r"3 of 9 chunks are left.*open the index again"):
        first.vectors.search(np.ones((1, 16), np.float32), 9)


@needs_milvus
def test_a_store_that_is_slow_gives_one_clear_error(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, uri)
    index = load(uri)
    monkeypatch.setattr("rag.stores.database.PATIENCE_S", 0.05)
    monkeypatch.setattr("pymilvus.MilvusClient.search", lambda *a, **k: time.sleep(2))
    with pytest.raises(
        IndexUnavailable, match=r"milvus://.*no answer within 0.05 s \(vector search\).*try again"
    ):
        index.vectors.search(np.ones((1, 16), np.float32), 3)


@needs_milvus
def test_a_store_that_is_down_gives_one_clear_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.stores.database.PATIENCE_S", 3)
    uri = "milvus://127.0.0.1:9/corpus"
    for ask in (lambda: open_index(uri), newest_state(uri), lambda: write(folder, uri)):
        with pytest.raises(IndexUnavailable, match=r"milvus://127.0.0.1:9/corpus.*(reachable|no answer)"):
            ask()


@needs_milvus
def test_readers_see_whole_states_while_one_writes(folder: Path, uri: str) -> None:
    write(folder, uri)
    over, wrong = threading.Event(), []

    def look() -> None:
        while not over.is_set():
            index = load(uri)
            seen = {
                doc.text.rsplit(" ", 1)[-1] for name, doc in index.documents.items() if name[:-4] in "abc"
            }
            if len(seen) > 1 or len(index.vectors.search(np.ones((1, 16), np.float32), 99)[0][0]) != len(
                index.chunks
            ):
                wrong.append((index.generation, seen))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for version in range(3):
            for name in "abc":
                (folder / f"{name}.txt").write_text(f"Document {name} is of version {version}")
            write(folder, uri)
    finally:
        over.set()
        reader.join()
    assert wrong == []


@pytest.fixture
def few_lists(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As an index of many chunks, with few; milvus-lite makes 128 lists, whatever is asked for."""
    monkeypatch.setattr(rag.milvus_update, "VECTORS_INDEXED_FROM", 500)
    monkeypatch.setattr(milvus_schema, "N_LISTS", 128)
    monkeypatch.setattr(milvus_tables, "N_LISTS", 128)
    monkeypatch.setattr(milvus_tables, "N_PROBES", 100)
    return


@needs_milvus
@pytest.mark.slow
@pytest.mark.usefixtures("few_lists")
def test_an_index_over_the_vectors_finds_nearly_all(tmp_path: Path, uri: str) -> None:
    folder = tmp_path / "many"
    make_many(folder, 1500)
    write(folder, uri, HashEncoder(dim=64))
    index = load(uri)
    assert index.state.about["vectors_indexed"]
    database = MilvusDatabase(uri)
    chunks = database.collection(int(index.state.about["epoch"]), "chunks")
    # Milvus indexes rows when it has written them to disk, which it does in its own time.
    database.call("flushing", lambda client, more: client.flush(chunks, timeout=60), writes=True)
    rows = [row for page in database.pages("looking", chunks, "id >= 0", []) for row in page]
    assert recall(index, [int(row["id"]) for row in rows], HashEncoder(dim=64)) >= 0.95
    query = HashEncoder(dim=64).encode_query("The word1 and the word2")
    few = index.chunk_mask(["1?.txt"])
    assert few is not None
    assert len(index.vectors.search(query[None, :], 50, few)[0][0]) == few.n == 10


@needs_milvus
def test_what_milvus_would_not_take_is_named(folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("pymilvus.MilvusClient.get_server_version", lambda *a, **k: "v2.4.23")
        with pytest.raises(ConfigError, match=r"Milvus v2.4.23; expected 2.5 or newer"):
            write(folder, uri)
    long = folder / "long.txt"
    long.write_text(f"{'a' * 40_000} {'b' * 40_000}\n")
    with monkeypatch.context() as patch:
        patch.setattr("rag.chunking.count_tokens", lambda texts: [1] * len(texts))
        with pytest.raises(ConfigError, match=r"'long.txt': 80001 bytes.*choose smaller chunks"):
            write(folder, uri)
    long.unlink()
    write(folder, uri)
    with pytest.raises(ConfigError, match=r"Milvus finds 16384 at once"):
        load(uri).tables.nearest(np.ones(16, np.float32), 20_000, None, exact=True)
    database = MilvusDatabase(uri)
    database.put_row("now", 5, json.dumps(7))
    with pytest.raises(IndexMismatch, match="its state can't be read"):
        load(uri)
