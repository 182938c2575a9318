"""How often each written question is shown, so that its wording alone tells nothing about its answer.

Whoever writes a question that a text does not answer words it otherwise than one that it does, and a
reader learns the wording instead of reading (annotation artefacts: Gururangan et al. 2018, 1803.02324;
answer-free SQuAD 2.0 questions have them too). A classifier that sees the question only, fitted on the
other questions, says how likely its own label is; the likelier, the less often the question is shown
(inverse propensity weighting).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from rag.errors import OptionalDependencyError
from rag.training.data import Question

__all__ = ["repeated", "wording_odds"]

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


def repeated(questions: Sequence[Question], times: int, *, seed: int) -> list[Question]:
    """The questions `times` times over on average, those least betrayed by their wording most often.

    Answerable and unanswerable ones are shown equally often in all.
    """
    odds = wording_odds(questions, [q.paragraph_idx for q in questions])
    weights = np.clip(0.5 / np.maximum(odds, 1e-6), LEAST, MOST)
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
