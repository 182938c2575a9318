"""LanceDB as a store: states, readers and writers side by side, what goes wrong, and what is told of it."""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder
from keepers import needs_lance
from many_texts import make_many, recall

import rag.lance_update
from rag.config import Config
from rag.errors import (
    ConfigError,
    IndexBusy,
    IndexMissing,
    IndexUnavailable,
    OptionalDependencyError,
)
from rag.index import IndexReport
from rag.lance_index import LanceIndex
from rag.lance_update import update_lance
from rag.opening import mirror, open_index
from rag.stores.lance import Database


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"lance://{tmp_path / 'lance'}"


def write(folder: Path, uri: str, encoder: HashEncoder | None = None) -> IndexReport:
    return update_lance([folder], uri, config=Config(), encoder=encoder or HashEncoder())


def test_without_the_extra_its_install_line_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OptionalDependencyError, match=r'pip install "insources\[lance\]"'):
        open_index("lance://somewhere")
    with pytest.raises(OptionalDependencyError, match=r'pip install "insources\[lance\]"'):
        mirror([folder], "lance://somewhere", config=Config(), encoder=HashEncoder())


def test_lancedb_is_loaded_by_nobody_else(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys, rag.cli, rag.asking, rag.doctor, rag.web.options, rag.lance_update\n"
        "from rag import Pipeline\n"
        "Pipeline.from_texts({'a.txt': 'The bridge was opened in 1932.'}).ask('When was it opened?')\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('lancedb', 'lance', 'pyarrow')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@needs_lance
def test_a_place_without_an_index_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match=r"build one with: rag index PATH\.\.\. --index lance://"):
        open_index(f"lance://{tmp_path / 'none'}")
    assert not (tmp_path / "none").exists()
    with pytest.raises(ConfigError, match=r"expected lance://FOLDER"):
        open_index("lance://")


@needs_lance
def test_a_second_writer_is_told_that_there_is_one(folder: Path, uri: str, tmp_path: Path) -> None:
    write(folder, uri)
    with (tmp_path / "lance" / "insources.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(IndexBusy, match="another process is writing"):
            write(folder, uri)
        # Readers don't mind.
        assert len(LanceIndex.load(uri).documents) == 3
    assert len(write(folder, uri).unchanged) == 3


@needs_lance
def test_of_two_writers_that_can_t_see_each_other_one_fails(folder: Path, uri: str) -> None:
    write(folder, uri)
    database = Database(uri)
    before = database.state()
    (folder / "new.txt").write_text("The tower was built in 1801 by the guild of masons.\n")
    write(folder, uri)
    with pytest.raises(IndexBusy, match="changed by another process"):
        database.replace_state(before, before)
    assert len(LanceIndex.load(uri).documents) == 4


@needs_lance
def test_a_store_that_is_slow_gives_one_clear_error(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, uri)
    index = LanceIndex.load(uri)
    monkeypatch.setattr("rag.stores.database.PATIENCE_S", 0.05)
    monkeypatch.setattr(type(index.tables["chunks"]), "search", lambda *a, **k: time.sleep(2))
    with pytest.raises(IndexUnavailable, match=r"no answer within 0.05 s \(vector search\).*try again"):
        index.vectors.search(np.ones((1, 16), np.float32), 3)


@needs_lance
def test_a_store_that_goes_and_comes_back(folder: Path, uri: str, tmp_path: Path) -> None:
    from rag.web.service import Service

    class Asking:
        """As a pipeline, with nothing but the store behind it."""

        index = None

        def ask(self, question: str, **settings: object) -> None:
            index = LanceIndex.load(uri)
            index.chunks[int(index.words.search(question, 1)[1][0])]

    write(folder, uri)
    place = tmp_path / "lance"
    service = Service(Asking())  # type: ignore[arg-type]
    shutil.move(place / "chunks.lance" / "data", tmp_path / "away")
    turn = service.turn(1, "Who designed the bridge?")
    assert turn.problem is not None
    assert turn.problem.key == "error_store"
    with pytest.raises(IndexUnavailable, match=r"rag doctor --index lance://"):
        Asking().ask("Who designed the bridge?")
    shutil.move(tmp_path / "away", place / "chunks.lance" / "data")
    Asking().ask("Who designed the bridge?")


@needs_lance
def test_old_versions_go_when_nobody_should_need_them(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(folder, uri)
    first = LanceIndex.load(uri)
    for n in range(3):
        (folder / "new.txt").write_text(f"The tower was built in {1801 + n} by the guild of masons.\n")
        write(folder, uri)
    # Within the time, every state that was named can still be read.
    assert first.documents["bridge.txt"].text.startswith("The bridge")
    assert len(first.vectors.search(np.ones((1, 16), np.float32), 9)[0][0]) == 3
    newest = Database(uri).state()
    assert len(newest.about["past"]) == 3
    monkeypatch.setattr(rag.lance_update, "KEEP", timedelta(0))
    monkeypatch.setattr(rag.lance_update, "MARGIN", timedelta(seconds=0.5))
    time.sleep(1)
    before = _size(tmp_path / "lance")
    (folder / "new.txt").unlink()
    write(folder, uri)
    assert Database(uri).state().about["past"][0]["tables"] == dict(newest.tables)
    assert _size(tmp_path / "lance") < before
    index = LanceIndex.load(uri)
    assert sorted(index.documents) == ["bridge.txt", "deep/library.md", "harbour.txt"]
    assert len(index.vectors.search(np.ones((1, 16), np.float32), 9)[0][0]) == 3


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@needs_lance
def test_an_index_over_the_vectors_finds_nearly_all(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.lance_update, "VECTORS_INDEXED_FROM", 500)
    folder = tmp_path / "many"
    make_many(folder, 1500)
    write(folder, uri, HashEncoder(dim=64))
    index = LanceIndex.load(uri)
    assert "vector" in {c for i in index.tables["chunks"].list_indices() for c in i.columns}
    (folder / "late.txt").write_text("The late arrival was noted in the book of the harbour.\n")
    write(folder, uri, HashEncoder(dim=64))
    index = LanceIndex.load(uri)
    told = index.tables["chunks"].search().with_row_id(True).select(["doc_id"]).to_arrow()
    assert recall(index, told["_rowid"].to_pylist(), HashEncoder(dim=64)) >= 0.95
    late = HashEncoder(dim=64).encode_query("The late arrival was noted in the book of the harbour.")
    assert index.chunks[int(index.vectors.search(late[None, :], 1)[1][0][0])].doc_id == "late.txt"
    few = index.chunk_mask(["1?.txt"])
    assert len(index.vectors.search(late[None, :], 50, few)[0][0]) == few.n == 10


@needs_lance
def test_a_writer_that_no_lock_keeps_out_is_noticed(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, uri)
    (folder / "bridge.txt").write_text("The bridge fell into the river in the flood of 1953.\n")
    added = rag.lance_update._Draft.add

    def meanwhile(self: object, *rest: object) -> None:
        other = Database(uri).connection().open_table("chunks")
        other.delete("doc_id = 'harbour.txt'")
        added(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(rag.lance_update._Draft, "add", meanwhile)
    with pytest.raises(IndexBusy, match="one of them run at a time"):
        write(folder, uri)
    monkeypatch.undo()
    assert LanceIndex.load(uri).documents["bridge.txt"].text.startswith("The bridge over")
    write(folder, uri)
    index = LanceIndex.load(uri)
    assert index.documents["bridge.txt"].text.startswith("The bridge fell")
    assert index.tables["chunks"].count_rows() == len(index.chunks) == 3


@needs_lance
def test_what_a_removed_document_said_is_in_no_file_after_cleaning_up(
    folder: Path, uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = b"zyzzyva"
    (folder / "secret.txt").write_text("The zyzzyva was hidden by the guild of masons in 1801.\n")
    write(folder, uri)
    assert _holding(tmp_path / "lance", said)
    (folder / "secret.txt").unlink()
    write(folder, uri)
    index = LanceIndex.load(uri)
    assert len(index.words.search("Who hid the zyzzyva?", 5)[0]) == 0
    # Readers may still have the state before open: its files stay for a while.
    assert _holding(tmp_path / "lance", said)
    monkeypatch.setattr(rag.lance_update, "KEEP", timedelta(0))
    monkeypatch.setattr(rag.lance_update, "MARGIN", timedelta(seconds=0.5))
    time.sleep(1)
    (folder / "bridge.txt").write_text("The bridge fell into the river in the flood of 1953.\n")
    write(folder, uri)
    assert _holding(tmp_path / "lance", said) == []


def _holding(place: Path, said: bytes) -> list[Path]:
    """The files that hold some bytes."""
    return [path for path in place.rglob("*") if path.is_file() and said in path.read_bytes()]
