"""How often each written question is shown, so that its wording alone tells nothing about its answer.

Whoever writes a question that a text does not answer words it otherwise than one that it does, and a
reader learns the wording instead of reading (annotation artefacts: Gururangan et al. 2018, 1803.02324;
answer-free SQuAD 2.0 questions have them too). A classifier that sees the question only, fitted on the
other questions, says how likely its own label is; the likelier, the less often the question is shown
(inverse propensity weighting).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.errors import OptionalDependencyError
from rag.training.data import Corpus, Question

__all__ = ["betrayed", "repeated", "wording_odds"]

LEAST, MOST = 0.4, 2.5
FOLDS = 8


def wording_odds(questions: Sequence[Question], groups: Sequence[int]) -> list[float]:
    """Probability of each question's label by its wording alone, 0 to 1.

    Args:
        questions: answerable and not.
        groups: the article of each; none is judged by its own article's questions.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GroupKFold, cross_val_predict
    except ImportError as err:  # pragma: no cover
        raise OptionalDependencyError("scikit-learn", "train", "to balance written questions") from err
    if len(set(groups)) < FOLDS or len({q.answerable for q in questions}) < 2:
        return [0.5] * len(questions)
    labels = np.array([q.answerable for q in questions])
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, lowercase=False, token_pattern=r"(?u)\b\w+\b|\?")
    table = words.fit_transform([q.text for q in questions])
    likely = cross_val_predict(
        LogisticRegression(C=3.0, max_iter=2000, class_weight="balanced"),
        table,
        labels,
        groups=np.asarray(groups),
        cv=GroupKFold(FOLDS),
        method="predict_proba",
    )[:, 1]
    return [float(p) for p in np.where(labels, likely, 1.0 - likely)]


def betrayed(corpus: Corpus) -> dict[str, float]:
    """How well answerable questions are told from the others without reading: AUROC, 0.5 is chance.

    Returns:
        `wording`: by a classifier that sees the question only; `weighted`: the same with the weights
        that `repeated` shows them by; `overlap`: by the share of the question's longer words that stand in
        its article, whichever way round.
    """
    from sklearn.metrics import roc_auc_score

    questions = corpus.questions
    labels = np.array([q.answerable for q in questions])
    odds = np.array(wording_odds(questions, [q.paragraph_idx for q in questions]))
    likely = np.where(labels, odds, 1.0 - odds)
    shared = [_shared(q.text, corpus.paragraphs[q.paragraph_idx].text) for q in questions]
    overlap = float(roc_auc_score(labels, shared))
    return {
        "wording": float(roc_auc_score(labels, likely)),
        "weighted": float(roc_auc_score(labels, likely, sample_weight=_weights(odds))),
        "overlap": max(overlap, 1.0 - overlap),
    }


def repeated(questions: Sequence[Question], times: int, *, seed: int) -> list[Question]:
    """The questions `times` times over on average, those least betrayed by their wording most often.

    Answerable and unanswerable ones are shown equally often in all.
    """
    weights = _weights(np.array(wording_odds(questions, [q.paragraph_idx for q in questions])))
    labels = np.array([q.answerable for q in questions])
    for label in (True, False):
        if (labels == label).any():
            weights[labels == label] *= len(questions) / (2 * weights[labels == label].sum())
    rng = random.Random(f"{seed}/written")
    shown: list[Question] = []
    for question, weight in zip(questions, weights * times, strict=True):
        # A share of a time is a chance of one.
        shown += [question] * (int(weight) + (rng.random() < weight % 1))
    return shown


def _weights(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(0.5 / np.maximum(odds, 1e-6), LEAST, MOST)


def _shared(question: str, text: str) -> float:
    asked = set(re.findall(r"\w{4,}", question.lower()))
    return len(asked & set(re.findall(r"\w{4,}", text.lower()))) / max(1, len(asked))
