"""A run that was stopped while encoding is gone on with by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder

from rag import assembly, checkpoint
from rag.checkpoint import CHECKPOINT_NAME, Checkpoint
from rag.config import Config
from rag.index import Index, IndexReport, update_index

HERE = Path(__file__).resolve().parent


class StoppingEncoder(HashEncoder):
    """Stops, as a person with Ctrl-C does, after so many texts."""

    def __init__(self, after: int, encoder_id: str = "hash sha256:0 dim:16") -> None:
        super().__init__(encoder_id)
        self.after = after

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None):  # type: ignore[no-untyped-def]
        if len(self.encoded) + len(texts) > self.after:
            raise KeyboardInterrupt
        return super().encode_document(texts, progress)


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of forty documents, steps of four texts, a checkpoint for any run."""
    monkeypatch.setattr(checkpoint, "LEAST", 1)
    monkeypatch.setattr(assembly, "_STEP", 4)
    folder = tmp_path / "texts"
    folder.mkdir()
    for n in range(40):
        (folder / f"{n:02}.txt").write_text(
            f"Document number {n} tells of the year {1900 + n} at some length.\n"
        )
    return folder


def index(folder: Path, place: Path, encoder: HashEncoder) -> IndexReport:
    return update_index([folder], place, config=Config(), encoder=encoder)


def stop(folder: Path, place: Path, after: int, encoder_id: str = "hash sha256:0 dim:16") -> int:
    """How many texts were encoded before the run was stopped."""
    encoder = StoppingEncoder(after, encoder_id)
    with pytest.raises(KeyboardInterrupt):
        index(folder, place, encoder)
    return len(encoder.encoded)


def vectors(place: Path) -> list[list[float]]:
    found: list[list[float]] = Index.load(place).vectors.vectors().tolist()
    return found


def test_the_next_run_goes_on(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    assert stop(many, place, 21) == 20
    assert (place / CHECKPOINT_NAME).exists()
    encoder = HashEncoder()
    seen: list[tuple[int, int]] = []
    report = update_index(
        [many], place, config=Config(), encoder=encoder, progress=lambda *done: seen.append(done)
    )
    assert (report.n_resumed, report.n_encoded, len(encoder.encoded)) == (20, 20, 20)
    assert seen[0] == (24, 40)
    assert seen[-1] == (40, 40)
    assert not (place / CHECKPOINT_NAME).exists()
    index(many, tmp_path / "other", HashEncoder())
    assert vectors(place) == vectors(tmp_path / "other")


def test_stopped_again_and_again(many: Path, tmp_path: Path) -> None:
    place, n = tmp_path / "index", 0
    for _ in range(3):
        n += stop(many, place, 9)
    (many / "00.txt").write_text("This document was written again in between.\n")
    (many / "01.txt").unlink()
    report = index(many, place, HashEncoder())
    assert n == 24
    assert (report.n_resumed, report.n_encoded) == (22, 17)


def test_a_damaged_end_is_cut_off(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    stop(many, place, 21)
    path = place / CHECKPOINT_NAME
    whole = path.read_bytes()
    batch = 4 + 32 + 4 * (32 + 16 * 4)
    for data, n in (
        (whole[:-1], 16),
        (whole[:-batch] + b"\xff" * 200, 16),
        (whole[: -batch - 9] + bytes([whole[-batch - 9] ^ 1]) + whole[-batch - 8 :], 12),
        (b"", 0),
        (b"\0" * 5000, 0),
    ):
        path.write_bytes(data)
        held = Checkpoint(place, "hash sha256:0 dim:16", 16)
        texts = [f"Document number {n} tells of the year {1900 + n} at some length." for n in range(40)]
        found = held.vectors(texts)
        held.close()
        assert len(found) == n
        for at, vector in found.items():
            np.testing.assert_array_equal(vector, HashEncoder().encode_query(texts[at]))
    path.write_bytes(whole[:-1])
    assert stop(many, place, 5) == 4
    assert index(many, place, HashEncoder()).n_resumed == 20


def test_what_another_encoder_made_is_not_used(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    stop(many, place, 21, "another dim:16")
    report = index(many, place, HashEncoder())
    assert (report.n_resumed, report.n_encoded) == (0, 40)


def test_the_old_index_answers_meanwhile(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    index(many, place, HashEncoder())
    (many / "new.txt").write_text("A new lighthouse was lit in 1951 by the mayor's daughter.\n")
    stop(many, place, 0)
    assert len(Index.load(place).documents) == 40
    assert index(many, place, HashEncoder()).n_encoded == 1


def test_short_runs_have_none(many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LEAST", 41)
    stop(many, tmp_path / "index", 21)
    assert not (tmp_path / "index").exists()


KILLED = """
import os, signal, sys
sys.path[:0] = [sys.argv[3], sys.argv[4]]
from pathlib import Path
from hash_encoder import HashEncoder
from rag import assembly, checkpoint
from rag.config import Config
from rag.index import update_index
checkpoint.LEAST, assembly._STEP = 1, 4
class Killed(HashEncoder):
    def encode_document(self, texts, progress=None):
        if len(self.encoded) >= 12:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_document(texts, progress)
update_index([sys.argv[1]], Path(sys.argv[2]), config=Config(), encoder=Killed())
"""


def test_killed(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    for _ in range(2):
        arguments = [sys.executable, "-c", KILLED, many, place, HERE, HERE.parents[1]]
        done = subprocess.run(list(map(os.fspath, arguments)), check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
    report = index(many, place, HashEncoder())
    assert (report.n_resumed, report.n_encoded) == (24, 16)
