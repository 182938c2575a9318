"""Scores equal arithmetic done by hand and slower, obviously right references."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tokenizers import Tokenizer

from rag.training.data import Corpus
from rag.training.score import Prediction, auroc, best_f1, best_span, exact, f1, predict, scores
from rag.training.windows import Recipe, Window, WindowMaker


@pytest.mark.parametrize(
    ("found", "gold", "em", "overlap"),
    [
        ("the Eiffel Tower", "Eiffel Tower", 1.0, 1.0),
        ("in May 1945", "May 1945", 0.0, 2 * 2 / (3 + 2)),
        ("A.B.C. Ltd", "abc ltd", 1.0, 1.0),
        ("New York New York", "New York", 0.0, 2 * 2 / (4 + 2)),
        ("salt", "timber", 0.0, 0.0),
        ("", "", 1.0, 1.0),
        ("the", "", 1.0, 1.0),
        ("salt", "", 0.0, 0.0),
    ],
)
def test_answers_compare_as_the_official_script_does(
    found: str, gold: str, em: float, overlap: float
) -> None:
    assert exact(found, gold) == em
    assert f1(found, gold) == pytest.approx(overlap)


def test_best_f1_equals_trying_every_threshold() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        margin, fs = rng.normal(size=20), rng.random(20)
        has = rng.random(20) < 0.5
        top, threshold = best_f1(margin, fs, has)

        def at(t: float, margin=margin, fs=fs, has=has) -> float:  # type: ignore[no-untyped-def]
            answered = margin > t
            return 100 * float(np.where(answered, np.where(has, fs, 0), ~has).mean())

        assert top == pytest.approx(max(at(t) for t in [*margin, margin.min() - 1]))
        assert at(threshold) == pytest.approx(top)


def test_auroc_equals_counting_pairs() -> None:
    rng = np.random.default_rng(6)
    for _ in range(30):
        score = rng.integers(0, 6, 15).astype(float)
        positive = rng.random(15) < 0.5
        pairs = [(a > b) + (a == b) / 2 for a in score[positive] for b in score[~positive]]
        if pairs:
            assert auroc(score, positive) == pytest.approx(sum(pairs) / len(pairs))


def test_best_span_equals_trying_every_span(corpus: Corpus, tokenizer: Tokenizer) -> None:
    maker = WindowMaker(corpus, tokenizer, Recipe.plain(60))
    rng = np.random.default_rng(7)
    for question in corpus.questions:
        window = maker.cut(question, random.Random(1))
        assert window is not None
        start, end = (rng.normal(size=len(window) + 5).astype(np.float32) for _ in range(2))
        n = range(window.n_prefix, len(window) - 1)
        slow = max((float(start[a] + end[b]), a, b) for a in n for b in n if a <= b < a + 6)
        first, last, score = best_span(start, end, window, 6)
        assert (score, first, last) == pytest.approx(slow)


def test_a_reader_that_knows_scores_full_marks(corpus: Corpus, tokenizer: Tokenizer) -> None:
    """Long paragraphs are read in windows; the one with the answer decides."""
    golds = {q.query_id: q.answers[0] if q.answerable else None for q in corpus.questions}

    def oracle(windows: list[Window]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        width = max(map(len, windows))
        start, end = np.zeros((2, len(windows), width), np.float32)
        has = np.zeros(len(windows), np.float32)
        for i, w in enumerate(windows):
            start[i, 0] = end[i, 0] = 1.0
            gold = golds[w.query_id]
            if gold is not None:
                start[i][: len(w)][w.starts == gold[0]] = 5.0
                end[i][: len(w)][w.ends == gold[1]] = 5.0
            has[i] = start[i].max() + end[i].max() == 10.0
        return start, end, has

    found = predict(oracle, corpus, corpus.questions, tokenizer, max_tokens=40, stride=12, batch=3)
    result = scores(corpus, corpus.questions, found)
    assert (result.n, result.n_answerable) == (12, 9)
    assert result.HasAns_exact == result.HasAns_f1 == result.best_f1 == 100.0
    assert result.auroc_margin == result.auroc_head == result.auroc_both == 1.0


def test_a_reader_that_refuses_everything_gains_the_unanswerable_ones(corpus: Corpus) -> None:
    found = [Prediction(q.query_id, "wrong", 0.0, 0.0) for q in corpus.questions]
    result = scores(corpus, corpus.questions, found)
    assert result.best_f1 == pytest.approx(100 * 3 / 12)
    assert result.auroc_margin == 0.5
