"""SQuAD 2.0 scores of a reader: exact match, F1, best_f1 and answerable AUROC.

Answers are compared as the official script does (Rajpurkar et al. 2018, arXiv:1806.03822).
"""

from __future__ import annotations

import collections
import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.training.data import Corpus, Question
from rag.training.windows import Recipe, Window, WindowMaker

__all__ = ["Prediction", "Scores", "auroc", "best_f1", "exact", "f1", "predict", "scores"]

Floats = NDArray[np.float32]
Forward = Callable[[Sequence[Window]], tuple[Floats, Floats, Floats]]
"""Windows -> start and end logits (n_windows, n_tokens) and answerable logits (n_windows,)."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The best span over all windows of a question's paragraph.

    Attributes:
        text: the span, verbatim.
        margin: the span's score minus the no-answer score, the best window's.
        answerable: the answerability head's logit, the best window's.
    """

    query_id: str
    text: str
    margin: float
    answerable: float


@dataclass(frozen=True, slots=True)
class Scores:
    """All in percent, but `auroc_*`, `best_f1_thresh` and the counts."""

    n: int
    n_answerable: int
    HasAns_exact: float
    HasAns_f1: float
    best_f1: float
    best_f1_thresh: float
    auroc_margin: float
    auroc_head: float
    auroc_both: float

    def to_dict(self) -> dict[str, float]:
        """Rounded, for logs."""
        return {k: round(v, 4) for k, v in asdict(self).items()}


def predict(
    forward: Forward,
    corpus: Corpus,
    questions: Sequence[Question],
    tokenizer: Tokenizer,
    *,
    max_tokens: int = 256,
    stride: int = 96,
    batch: int = 16,
    max_answer: int = 30,
    progress: Callable[[Iterable[int]], Iterable[int]] = lambda x: x,
) -> list[Prediction]:
    """Read each question against its own paragraph, in overlapping windows where it is long."""
    maker = WindowMaker(Corpus(corpus.paragraphs, []), tokenizer, Recipe.plain(max_tokens))
    windows = [w for q in questions for w in maker.cover(q, stride)]
    windows.sort(key=len)
    best: dict[str, Prediction] = {}
    for at in progress(range(0, len(windows), batch)):
        part = windows[at : at + batch]
        start, end, answerable = forward(part)
        for i, w in enumerate(part):
            a, b, score = best_span(start[i], end[i], w, max_answer)
            text = corpus.paragraphs[w.paragraph_idx].text[w.starts[a] : w.ends[b]]
            margin = score - float(start[i, 0] + end[i, 0])
            old = best.get(w.query_id)
            head = float(answerable[i])
            if old is not None:
                head = max(head, old.answerable)
            if old is None or margin > old.margin:
                best[w.query_id] = Prediction(w.query_id, text, margin, head)
            else:
                best[w.query_id] = Prediction(w.query_id, old.text, old.margin, head)
    return [best[q.query_id] for q in questions]


def best_span(start: Floats, end: Floats, window: Window, max_answer: int) -> tuple[int, int, float]:
    """Best `first, last` token within the text, at most `max_answer` tokens, and its score."""
    lo, hi = window.n_prefix, len(window) - 1
    table = start[lo:hi, None] + end[None, lo:hi]
    table = np.where(np.tri(hi - lo, k=-1, dtype=bool), -np.inf, table)
    table = np.where(np.tri(hi - lo, k=max_answer - 1, dtype=bool), table, -np.inf)
    a, b = np.unravel_index(int(table.argmax()), table.shape)
    return int(a) + lo, int(b) + lo, float(table[a, b])


def scores(corpus: Corpus, questions: Sequence[Question], predictions: Sequence[Prediction]) -> Scores:
    """All scores of the predictions, in the questions' order."""
    has = np.array([q.answerable for q in questions])
    golds = [[corpus.paragraphs[q.paragraph_idx].text[a:b] for a, b in q.answers] for q in questions]
    em = np.array(
        [max((exact(p.text, g) for g in gs), default=0.0) for p, gs in zip(predictions, golds, strict=True)]
    )
    fs = np.array(
        [max((f1(p.text, g) for g in gs), default=0.0) for p, gs in zip(predictions, golds, strict=True)]
    )
    margin = np.array([p.margin for p in predictions])
    head = np.array([p.answerable for p in predictions])
    both = margin / (margin.std() + 1e-9) + head / (head.std() + 1e-9)
    top, threshold = best_f1(margin, fs, has)
    n_has = int(has.sum())
    return Scores(
        n=len(questions),
        n_answerable=n_has,
        HasAns_exact=100 * float(em[has].mean()) if n_has else 0.0,
        HasAns_f1=100 * float(fs[has].mean()) if n_has else 0.0,
        best_f1=top,
        best_f1_thresh=threshold,
        auroc_margin=auroc(margin, has),
        auroc_head=auroc(head, has),
        auroc_both=auroc(both, has),
    )


def best_f1(
    margin: NDArray[np.floating], fs: NDArray[np.floating], has: NDArray[np.bool_]
) -> tuple[float, float]:
    """Best mean F1 over all thresholds, and the threshold: answer where margin > threshold.

    Answering gains the span's F1, refusing gains 1 on an unanswerable question.
    """
    order = np.argsort(-margin, kind="stable")
    gain = np.where(has, fs, -1.0)[order]
    total = float((~has).sum()) + np.concatenate([[0.0], np.cumsum(gain)])
    k = int(total.argmax())
    ranked = margin[order]
    threshold = float(ranked[k]) if k < len(ranked) else float(ranked[-1]) - 1.0
    return 100 * float(total[k]) / len(has), threshold


def auroc(score: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Chance that a positive scores above a negative, ties half (Mann and Whitney 1947).

    >>> auroc(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]))
    0.5
    """
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if not n_pos or not n_neg:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    rank = (last - (counts - 1) / 2)[inverse]
    return float((rank[positive].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg))


def exact(found: str, gold: str) -> float:
    """1.0 where both are the same after the official normalisation.

    >>> exact("The Moon!", "moon")
    1.0
    """
    return float(_words(found) == _words(gold))


def f1(found: str, gold: str) -> float:
    """Token F1 after the official normalisation.

    >>> f1("in March 2011", "March 2011")
    0.8
    """
    a, b = _words(found), _words(gold)
    if not a or not b:
        return float(a == b)
    same = sum((collections.Counter(a) & collections.Counter(b)).values())
    return 2 * same / (len(a) + len(b))


def _words(text: str) -> list[str]:
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()
