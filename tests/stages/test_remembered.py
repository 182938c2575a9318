"""Texts met before are not encoded again, and their vectors are the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from rag.encoder import load_encoder
from rag.pipeline import Pipeline
from rag.remembered import Remembered


class Counting:
    """Vectors of two numbers, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked.append(list(texts))
        return np.array([[len(text), hash(text) % 97] for text in texts], np.float32)


def test_each_text_once_in_the_order_asked() -> None:
    plain, counted = Counting(), Counting()
    vectors = Remembered(counted, most=10)
    for texts in (["a", "bb", "a"], ["ccc", "bb"], ["a"]):
        assert np.array_equal(vectors(texts), plain(texts))
    assert counted.asked == [["a", "bb"], ["ccc"]]


def test_only_the_last_ones_are_kept() -> None:
    counted = Counting()
    vectors = Remembered(counted, most=2)
    vectors(["a", "b"])
    vectors(["a"])
    assert vectors(["c", "d", "e"]).shape == (3, 2)
    assert len(vectors._kept) == 2
    vectors(["e", "a"])
    assert counted.asked == [["a", "b"], ["c", "d", "e"], ["a"]]
    # None kept: the same vectors still.
    assert np.array_equal(Remembered(counted, most=0)(["a", "b"]), Counting()(["a", "b"]))


def test_texts_that_no_file_could_hold() -> None:
    assert Remembered(Counting(), most=2)(["\ud800", ""]).shape == (2, 2)


def test_threads_get_the_right_vectors() -> None:
    vectors = Remembered(Counting(), most=7)
    asked = [[str(n % 11), str(n % 5)] for n in range(300)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(vectors, asked))
    assert all(np.array_equal(rows, Counting()(texts)) for rows, texts in zip(found, asked, strict=True))


def test_questions_on_the_same_matter_encode_its_quotes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"bridge.txt": "The bridge was opened in 1932. It was designed by Mary Adams, who lived there.\n"}
    pipeline = Pipeline.from_texts(texts)
    encoder, asked = load_encoder(), list[str]()

    def encode(given: Sequence[str]) -> npt.NDArray[np.float32]:
        asked.extend(given)
        return encoder.encode_document(given)

    monkeypatch.setattr(pipeline.retriever._document_vectors, "_encode", encode)
    first = pipeline.consider("When was the bridge opened?")
    assert asked
    n = len(asked)
    again = pipeline.consider("When was the bridge opened?")
    assert len(asked) == n
    assert first.features == again.features
    assert [c.score for c in first.candidates] == [c.score for c in again.candidates]
    fresh = Pipeline.from_texts(texts).consider("When was the bridge opened?")
    assert fresh.features == first.features
