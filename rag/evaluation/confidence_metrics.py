"""Whether `confidence` can be trusted: separation, risk against coverage, calibration.

`confidence` is a probability and `right` says whether the answer that it belongs to was right; an
answer to a question that has none is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

__all__ = ["Bin", "RiskPoint", "aurc", "auroc", "calibration_bins", "calibration_error", "risk_coverage"]


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """Answering every question of at least `threshold` confidence: share answered, share of those wrong."""

    threshold: float
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of the reliability diagram.

    Attributes:
        low, high: confidences it spans.
        n: questions in it.
        confidence: their mean confidence.
        accuracy: share of them that were right.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """Chance that a positive scores above a negative, ties counting half.

    Formula: (sum of the positives' mid-ranks - P(P + 1) / 2) / (P N), the Mann-Whitney U statistic
    (Hanley and McNeil, Radiology 1982). None where either kind is missing.

    >>> auroc([0.9, 0.5, 0.5, 0.1], [True, True, False, False])  # pairs won: 1, 1, 0.5, 1 of 4
    0.875
    """
    n_positive = sum(positive)
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return None
    ranks, seen = 0.0, 0
    for _, group in groupby(sorted(zip(scores, positive, strict=True)), key=lambda pair: pair[0]):
        tied = [yes for _, yes in group]
        ranks += sum(tied) * (seen + (len(tied) + 1) / 2)
        seen += len(tied)
    return (ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def risk_coverage(confidence: Sequence[float], right: Sequence[float]) -> list[RiskPoint]:
    """Risk at each coverage that a threshold can reach, from the most confident question on.

    Formula: coverage(t) = |A_t| / n, risk(t) = mean over A_t of (1 - right), A_t the questions of
    confidence >= t (El-Yaniv and Wiener, JMLR 2010; Geifman and El-Yaniv, NeurIPS 2017).

    >>> for point in risk_coverage([0.9, 0.6, 0.6], [1, 0, 1]):
    ...     print(point.threshold, round(point.coverage, 3), round(point.risk, 3))
    0.9 0.333 0.0
    0.6 1.0 0.333
    """
    points, wrong, seen = [], 0.0, 0
    for threshold, losses in _ties(confidence, right):
        wrong += sum(losses)
        seen += len(losses)
        points.append(RiskPoint(threshold, seen / len(confidence), wrong / seen))
    return points


def aurc(confidence: Sequence[float], right: Sequence[float]) -> float | None:
    """Area under the risk-coverage curve: the mean risk over all coverages. Lower is better.

    Formula: 1/n sum over i of (wrong among the i most confident) / i (Geifman, Uziel and El-Yaniv,
    ICLR 2019). Wrong ones are spread evenly over questions of equal confidence, which is the expected
    value over their orders. None for no questions.

    >>> round(aurc([0.9, 0.8, 0.7], [1, 0, 1]), 4)  # (0/1 + 1/2 + 1/3) / 3
    0.2778
    """
    if not confidence:
        return None
    total, wrong, seen = 0.0, 0.0, 0
    for _, losses in _ties(confidence, right):
        each = sum(losses) / len(losses)
        for _ in losses:
            wrong += each
            seen += 1
            total += wrong / seen
    return total / len(confidence)


def _ties(confidence: Sequence[float], right: Sequence[float]) -> list[tuple[float, list[float]]]:
    falling = sorted(zip(confidence, right, strict=True), key=lambda pair: -pair[0])
    return [(value, [1.0 - r for _, r in group]) for value, group in groupby(falling, lambda pair: pair[0])]


def calibration_bins(
    confidence: Sequence[float], right: Sequence[float], n_bins: int = 10, equal_mass: bool = False
) -> list[Bin]:
    """The bars of a reliability diagram, empty ones left out.

    Args:
        confidence: probabilities, 0 to 1.
        right: 1 or 0 (or a share) for each.
        n_bins: how many bins.
        equal_mass: bins of equally many questions instead of equal width.

    >>> [(b.n, b.accuracy) for b in calibration_bins([0.05, 0.95, 1.0], [0, 1, 1])]
    [(1, 0.0), (2, 1.0)]
    """
    pairs = sorted(zip(confidence, right, strict=True), key=lambda pair: pair[0])
    if equal_mass:
        edges = [len(pairs) * i // n_bins for i in range(n_bins + 1)]
        parts = [pairs[low:high] for low, high in pairwise(edges)]
        spans = [(part[0][0], part[-1][0]) if part else (0.0, 0.0) for part in parts]
    else:
        parts = [[] for _ in range(n_bins)]
        for pair in pairs:
            parts[min(int(pair[0] * n_bins), n_bins - 1)].append(pair)
        spans = [(i / n_bins, (i + 1) / n_bins) for i in range(n_bins)]
    return [
        Bin(low, high, len(part), sum(c for c, _ in part) / len(part), sum(r for _, r in part) / len(part))
        for (low, high), part in zip(spans, parts, strict=True)
        if part
    ]


def calibration_error(
    confidence: Sequence[float], right: Sequence[float], n_bins: int = 10, equal_mass: bool = False
) -> float | None:
    """Expected calibration error, 0 to 1; 0 is perfect. None for no questions.

    Formula: sum over bins B of |B| / n * |accuracy(B) - confidence(B)| (Naeini et al., AAAI 2015; Guo
    et al., ICML 2017, equal width). Equal mass: Nguyen and O'Connor, EMNLP 2015.

    >>> round(calibration_error([0.9, 0.9, 0.2], [1, 0, 0]), 4)  # 2/3 * |0.5 - 0.9| + 1/3 * |0 - 0.2|
    0.3333
    """
    if not confidence:
        return None
    bins = calibration_bins(confidence, right, n_bins, equal_mass)
    return sum(b.n * abs(b.accuracy - b.confidence) for b in bins) / len(confidence)
