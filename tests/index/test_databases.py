"""What every database that keeps an index does alike, beside the contract of ids and scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder
from keepers import Keeper, every_database

from rag.config import ChunkConfig, Config
from rag.errors import IndexMismatch, SourceError
from rag.opening import newest_state, open_index
from rag.stores import lance, milvus


def stop(*args: object) -> None:
    raise KeyboardInterrupt


@every_database
def test_a_run_that_fails_leaves_the_index(keeper: Keeper, folder: Path, tmp_path: Path) -> None:
    keeper.mirror(folder, tmp_path, HashEncoder())
    for path in list(folder.rglob("*.*")):
        path.unlink()
    with pytest.raises(SourceError):
        keeper.mirror(folder, tmp_path, HashEncoder())
    assert len(keeper.open(tmp_path).documents) == 3


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
