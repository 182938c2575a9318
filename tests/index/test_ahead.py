"""Encoding that begins while files are still read: the same index, whatever was done when."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder

from rag.ahead import Ahead, ahead
from rag.config import Config
from rag.encoder import Vectors
from rag.errors import ModelError
from rag.index import Index, update_index


class Side(HashEncoder):
    """Notes which thread encoded what, and can be held up."""

    concurrent = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Sequence[str]]] = []
        self.open = threading.Event()
        self.open.set()
        self.broken = False

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        self.open.wait(60)
        self.asked.append((threading.current_thread().name, tuple(texts)))
        if self.broken:
            raise ModelError("the encoder is broken; reinstall it")
        return super().encode_document(texts, progress)


def test_vectors_are_those_of_the_encoder_in_the_order_asked_for() -> None:
    texts = [f"Sentence number {n}." for n in range(100)]
    side = Side()
    working = Ahead(side)
    working.begin(texts[:50])
    told: list[int] = []
    try:
        made = working.encode_document(texts[::-1], told.append)
        again = working.encode_document(texts[10:20])
    finally:
        working.close()
    expected = HashEncoder().encode_document(texts)
    assert np.array_equal(made, expected[::-1])
    assert np.array_equal(again, expected[10:20])
    assert sum(told) == len(texts)


def test_what_was_not_begun_in_time_is_encoded_when_asked_for() -> None:
    side = Side()
    side.open.clear()
    working = Ahead(side)
    working.begin([f"Sentence number {n}." for n in range(500)])
    threading.Timer(0.2, side.open.set).start()
    try:
        made = working.encode_document(["Sentence number 499.", "Another."])
    finally:
        working.close()
    assert np.array_equal(made, HashEncoder().encode_document(["Sentence number 499.", "Another."]))
    assert sum(len(texts) for _, texts in side.asked) < 500, "what waited was called off"


def test_an_error_in_the_background_is_raised() -> None:
    side = Side()
    side.broken = True
    working = Ahead(side)
    working.begin(["One.", "Two."])
    with pytest.raises(ModelError, match="broken"):
        working.encode_document(["One.", "Two."])
    working.close()


def test_only_encoders_that_can_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, side = HashEncoder(), Side()
    monkeypatch.setattr("rag.ahead.n_threads", lambda: 2)
    with ahead(plain) as working:
        assert working is plain
    with ahead(side) as working:
        assert isinstance(working, Ahead)
        assert (working.encoder_id, working.dim) == (side.encoder_id, side.dim)
    monkeypatch.setattr("rag.ahead.n_threads", lambda: 1)
    with ahead(side) as working:
        assert working is side


def test_threads_take_turns_as_before_once_the_last_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.ahead.n_threads", lambda: 2)
    before = sys.getswitchinterval()
    first, second = ahead(Side()), ahead(Side())
    first.__enter__()
    second.__enter__()
    assert sys.getswitchinterval() < before
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() < before
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == before


def test_the_index_is_the_same(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.ahead.n_threads", lambda: 2)
    side = Side()
    told: list[tuple[int, int]] = []
    update_index([folder], tmp_path / "a", config=Config(), encoder=HashEncoder())
    report = update_index(
        [folder], tmp_path / "b", config=Config(), encoder=side, progress=lambda n, of: told.append((n, of))
    )
    one, other = Index.load(tmp_path / "a"), Index.load(tmp_path / "b")
    rows = np.arange(len(one.chunks))
    assert [chunk.text for chunk in one.chunks] == [chunk.text for chunk in other.chunks]
    assert np.array_equal(one.vectors.vectors(rows), other.vectors.vectors(rows))
    assert report.n_encoded == len(one.chunks)
    assert told[-1] == (len(one.chunks), len(one.chunks))
    assert any(name != threading.main_thread().name for name, _ in side.asked)
