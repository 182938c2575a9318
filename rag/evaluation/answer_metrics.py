"""How well a short answer matches the gold ones: SQuAD's exact match and F1, with refusals.

Definitions and constants are those of the official SQuAD 2.0 script (Rajpurkar, Jia and Liang,
"Know What You Don't Know", ACL 2018; `evaluate-v2.0.py`). An empty string is a refusal.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

__all__ = ["SquadScores", "best_threshold", "exact_match", "f1_score", "holds_answer", "normalize_answer"]

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_WORD = re.compile(r"[^\W_]+")
_PUNCTUATION = frozenset(string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, no ASCII punctuation, no English articles, single spaces.

    Source: `normalize_answer` of the official script, in the same order.

    >>> normalize_answer("The  U.S., a country")
    'us country'
    """
    bare = "".join(char for char in text.lower() if char not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def _golds(golds: Sequence[str]) -> list[str]:
    # The official script drops gold answers that normalise to nothing; none left means unanswerable.
    return [gold for gold in golds if normalize_answer(gold)] or [""]


def exact_match(predicted: str, golds: Sequence[str]) -> float:
    """1 if the normalised prediction equals any normalised gold answer, else 0.

    Formula: max over g of [norm(p) = norm(g)]. No gold answers: 1 for the empty prediction.

    >>> exact_match("the Kushner channel", ["Kushner Channel"]), exact_match("Kushner", ["Kushner channel"])
    (1.0, 0.0)
    >>> exact_match("", []), exact_match("Kushner", [])
    (1.0, 0.0)
    """
    said = normalize_answer(predicted)
    return float(any(said == normalize_answer(gold) for gold in _golds(golds)))


def f1_score(predicted: str, golds: Sequence[str]) -> float:
    """Overlap in words with the closest gold answer, 0 to 1.

    Formula: F1 = 2PR / (P + R) over bags of normalised words, the largest over the gold answers.
    Where prediction or gold is empty: 1 if both are, else 0.

    >>> round(f1_score("in late October 2025", ["October 2025"]), 4)  # P = 2/4, R = 2/2
    0.6667
    >>> f1_score("", ["October 2025"]), f1_score("", [])
    (0.0, 1.0)
    """
    said = normalize_answer(predicted).split()
    best = 0.0
    for gold in _golds(golds):
        wanted = normalize_answer(gold).split()
        if not said or not wanted:
            best = max(best, float(said == wanted))
            continue
        shared = sum((Counter(said) & Counter(wanted)).values())
        if shared:
            precision, recall = shared / len(said), shared / len(wanted)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def holds_answer(quote: str, golds: Sequence[str]) -> bool:
    """Whether a gold answer's words stand in a row in the quote, case and articles aside.

    Formula: exists g with words(g) a contiguous run of words(quote); words either by SQuAD's
    normalisation ("U.S." is "us") or cut at everything that is no letter or digit ("deal—which" is
    two words). Chen et al. (DrQA, ACL 2017) say in the same way that a passage holds an answer.

    >>> holds_answer("Talks are due in Malaysia, around October 25th—for now.", ["the october 25th"])
    True
    >>> holds_answer("It cost 125 dollars.", ["25"]), holds_answer("anything", [])
    (False, False)
    """
    for cut in (normalize_answer, _bare_words):
        words = f" {cut(quote)} "
        if any(f" {cut(gold)} " in words for gold in golds if cut(gold)):
            return True
    return False


def _bare_words(text: str) -> str:
    return " ".join(word for word in _WORD.findall(text.lower()) if word not in ("a", "an", "the"))


def best_threshold(
    scores: Sequence[float],
    predictions: Sequence[str],
    answerable: Sequence[bool],
    no_answer: Sequence[float],
) -> tuple[float, float]:
    """The best mean score that any no-answer threshold reaches, and that threshold.

    A question counts as answered where its no-answer probability is at most the threshold.
    Formula (official `find_best_thresh`): start from all refused, which is right for the
    unanswerable; take the questions in rising order of no-answer probability and add the score of an
    answerable one, subtract 1 for an unanswerable one that has a prediction; keep the largest sum.
    Unlike the official script, questions with equal probability are taken together, because no
    threshold can tell them apart; without ties both give the same figures.

    Args:
        scores: EM or F1 of each raw prediction, 0 to 1.
        predictions: the best candidate's text, whatever the decision; empty where there is none.
        answerable: whether the question has gold answers.
        no_answer: probability that it has no answer, for example 1 - confidence.

    Returns:
        The best score in percent and the threshold on `no_answer`.

    >>> best_threshold([1.0, 0.5, 0.0], ["a", "b", "c"], [True, True, False], [0.1, 0.3, 0.6])
    (83.33333333333333, 0.3)
    """
    n = len(scores)
    if n == 0:
        return 0.0, 0.0
    current = float(sum(not has for has in answerable))
    best, threshold = current, 0.0
    order = sorted(range(n), key=lambda i: no_answer[i])
    for place, i in enumerate(order):
        if answerable[i]:
            current += scores[i]
        elif predictions[i]:
            current -= 1.0
        tied = place + 1 < n and no_answer[order[place + 1]] == no_answer[i]
        if not tied and current > best:
            best, threshold = current, no_answer[i]
    return 100.0 * best / n, threshold


class SquadScores:
    """SQuAD 2.0's summary of a set of predictions, in percent like the official script's.

    Args:
        golds: gold answers of each question; empty for an unanswerable one.
        decided: what the system said; empty where it refused.
        candidates: its best candidate whatever it decided, for `best_f1`; `decided` if left out.
        no_answer: probability of no answer for each question; left out, `best_*` are too.
    """

    def __init__(
        self,
        golds: Sequence[Sequence[str]],
        decided: Sequence[str],
        candidates: Sequence[str] | None = None,
        no_answer: Sequence[float] | None = None,
    ) -> None:
        self._golds = golds
        self._decided = decided
        self._candidates = candidates if candidates is not None else decided
        self._no_answer = no_answer
        self._answerable = [_golds(gold) != [""] for gold in golds]

    def to_dict(self) -> dict[str, float | int | None]:
        """All figures; None where no question of that kind was asked.

        >>> scores = SquadScores([["Beijing"], []], ["Beijing", "Paris"], no_answer=[0.1, 0.4]).to_dict()
        >>> scores["exact"], scores["HasAns_f1"], scores["NoAns_accuracy"], scores["best_f1"]
        (50.0, 100.0, 0.0, 100.0)
        """
        exact = [exact_match(p, g) for p, g in zip(self._decided, self._golds, strict=True)]
        f1 = [f1_score(p, g) for p, g in zip(self._decided, self._golds, strict=True)]
        has = [i for i, yes in enumerate(self._answerable) if yes]
        none = [i for i, yes in enumerate(self._answerable) if not yes]
        out: dict[str, float | int | None] = {
            "exact": _percent(exact),
            "f1": _percent(f1),
            "HasAns_total": len(has),
            "HasAns_exact": _percent([exact[i] for i in has]),
            "HasAns_f1": _percent([f1[i] for i in has]),
            "NoAns_total": len(none),
            "NoAns_accuracy": _percent([exact[i] for i in none]),
        }
        if self._no_answer is None:
            return out
        for name, score in (("exact", exact_match), ("f1", f1_score)):
            raw = [score(p, g) for p, g in zip(self._candidates, self._golds, strict=True)]
            best, threshold = best_threshold(raw, self._candidates, self._answerable, self._no_answer)
            out[f"best_{name}"] = best if raw else None
            out[f"best_{name}_thresh"] = threshold if raw else None
            # Answerable questions alone, never refused: the reader's own strength.
            out[f"answerable_only_{name}"] = _percent([raw[i] for i in has])
        return out


def _percent(values: Sequence[float]) -> float | None:
    return 100.0 * sum(values) / len(values) if values else None
