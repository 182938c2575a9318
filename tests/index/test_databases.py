"""What every database that keeps an index does alike, beside the contract of ids and scores."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder
from keepers import Keeper, every_database

import rag.index
import rag.ingest
from rag import seen
from rag.config import ChunkConfig, Config
from rag.corpus import SourceFile, read_bytes
from rag.errors import IndexMismatch, SourceError
from rag.opening import mirror, newest_state, open_index
from rag.retriever import Retriever
from rag.stores import lance, milvus


@every_database
def test_a_file_that_was_not_written_is_not_read(
    keeper: Keeper, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that runs an hour ahead: no file was written a moment ago.
    monkeypatch.setattr(seen.time, "time_ns", lambda: int((time.time() + 3600) * 1e9))
    reads: list[str] = []

    def read(source: SourceFile) -> tuple[bytes, str]:
        reads.append(source.doc_id)
        return read_bytes(source)

    for module in (rag.index, rag.ingest):
        monkeypatch.setattr(module, "read_bytes", read)
    names = ["bridge.txt", "deep/library.md", "harbour.txt"]
    keeper.mirror(folder, tmp_path, HashEncoder())
    assert sorted(reads) == names
    reads.clear()
    assert keeper.mirror(folder, tmp_path, HashEncoder()).unchanged == names
    assert reads == []
    report = mirror(
        [folder], keeper.place(tmp_path), config=keeper.config(), encoder=HashEncoder(), check=True
    )
    assert (report.unchanged, sorted(reads)) == (names, names)
    reads.clear()
    (folder / "bridge.txt").write_text("The bridge fell into the river in the flood of 1953.\n")
    assert keeper.mirror(folder, tmp_path, HashEncoder()).changed == ["bridge.txt"]
    assert set(reads) == {"bridge.txt"}
    # Another machine has written what it has under that name: here, its file is the changed one again.
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "bridge.txt").write_text("The bridge was built anew in 1960 by the council of the town.\n")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
        keeper.mirror(other, tmp_path, HashEncoder())
    reads.clear()
    assert keeper.mirror(folder, tmp_path, HashEncoder()).changed == ["bridge.txt"]
    assert set(reads) == {"bridge.txt"}
    assert keeper.open(tmp_path).documents["bridge.txt"].text.startswith("The bridge fell")


def stop(*args: object) -> None:
    raise KeyboardInterrupt


@every_database
def test_a_run_that_fails_leaves_the_index(keeper: Keeper, folder: Path, tmp_path: Path) -> None:
    keeper.mirror(folder, tmp_path, HashEncoder())
    with pytest.raises(SourceError, match="nowhere"):
        keeper.mirror(tmp_path / "nowhere", tmp_path, HashEncoder())
    assert len(keeper.open(tmp_path).documents) == 3


@every_database
def test_all_documents_leave_and_one_comes_back(keeper: Keeper, folder: Path, tmp_path: Path) -> None:
    keeper.mirror(folder, tmp_path, HashEncoder())
    bridge = (folder / "bridge.txt").read_bytes()
    for path in list(folder.rglob("*.*")):
        path.unlink()
    assert keeper.mirror(folder, tmp_path, HashEncoder()).n_documents == 0
    index = keeper.open(tmp_path)
    assert len(index.documents) == len(index.chunks) == 0
    assert Retriever(index, HashEncoder()).retrieve("When was the bridge opened?") == []
    (folder / "bridge.txt").write_bytes(bridge)
    assert keeper.mirror(folder, tmp_path, HashEncoder()).added == ["bridge.txt"]
    index = keeper.open(tmp_path)
    assert [hit.chunk.doc_id for hit in Retriever(index, HashEncoder()).retrieve("the bridge")] == [
        "bridge.txt"
    ]


@every_database
def test_what_a_stopped_writer_left_is_never_seen(
    keeper: Keeper, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.mirror(folder, tmp_path, HashEncoder())
    newest = newest_state(str(keeper.place(tmp_path)))
    (folder / "new.txt").write_text("The tower was built in 1801 by the guild of masons.\n")
    (folder / "bridge.txt").unlink()
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(lance.Database, "replace_state", stop)
            patch.setattr(milvus.MilvusDatabase, "replace_state", stop)
            with pytest.raises(KeyboardInterrupt):
                keeper.mirror(folder, tmp_path, HashEncoder())
        assert newest() == 1
        index = keeper.open(tmp_path)
        assert "bridge.txt" in index.documents
        assert "new.txt" not in index.documents
        assert len(index.words.search("guild of masons", 5)[0]) == 0
        assert len(index.words.search("bridge", 5)[0]) == 1
    keeper.mirror(folder, tmp_path, HashEncoder())
    assert newest() == 2
    index = keeper.open(tmp_path)
    assert sorted(index.documents) == ["deep/library.md", "harbour.txt", "new.txt"]
    assert len(index.words.search("guild of masons", 5)[0]) == 1
    assert len(index.vectors.search(np.ones((1, 16), np.float32), 9)[0][0]) == len(index.chunks) == 3


@every_database
def test_other_encoders_and_settings_are_refused_and_rebuilt(
    keeper: Keeper, folder: Path, tmp_path: Path
) -> None:
    keeper.mirror(folder, tmp_path, HashEncoder())
    before = keeper.open(tmp_path)
    with pytest.raises(IndexMismatch, match=r"'hash sha256:0 dim:16'.*in use is 'other'.*rag index PATH"):
        before.check_encoder("other")
    with pytest.raises(IndexMismatch, match="settings"):
        open_index(keeper.place(tmp_path), config=Config(chunk=ChunkConfig(max_tokens=77)))
    other = HashEncoder("other", dim=24)
    report = keeper.mirror(folder, tmp_path, other)
    assert report.rebuilt is not None
    assert len(other.encoded) == report.n_chunks == 3
    index = keeper.open(tmp_path)
    index.check_encoder("other")
    assert index.vectors.search(np.ones((1, 24), np.float32), 9)[0].shape == (1, 3)
