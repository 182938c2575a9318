"""Whether a difference between two systems on the same questions is more than luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Difference", "paired_difference"]

_BLOCK = 500  # resamples held in memory at a time


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of second minus first over the same questions.

    Attributes:
        mean: mean difference.
        low, high: 95 % interval of a paired bootstrap.
        p: two-sided p-value of a paired randomisation test.
        n: questions compared.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int

    @property
    def significant(self) -> bool:
        """Whether p is under 0.05."""
        return self.p < 0.05


def paired_difference(
    first: Sequence[float], second: Sequence[float], n_resamples: int = 10_000, seed: int = 13
) -> Difference:
    """Compares two systems question by question.

    Formulas: the interval holds the middle 95 % of mean(d*) over resamples with replacement of the
    differences d (Efron and Tibshirani, 1993). The test flips the sign of each difference at random,
    as if the two systems' names were swapped, p = (1 + #{|mean(d*)| >= |mean(d)|}) / (1 + resamples)
    (Fisher's randomisation test; Smucker, Allan and Carterette, CIKM 2007).

    Args:
        first: score of each question by the first system.
        second: by the second, same order.
        n_resamples: of both the bootstrap and the test.
        seed: same seed, same figures.

    Raises:
        ValueError: the two have different lengths or nothing in them.

    >>> better = paired_difference([0, 0, 1, 0] * 25, [1, 0, 1, 1] * 25)
    >>> better.mean, better.p < 0.001, better.significant
    (0.5, True, True)
    >>> paired_difference([0, 1], [1, 0]).p
    1.0
    """
    if len(first) != len(second) or not len(first):
        raise ValueError(
            f"compared {len(first)} scores with {len(second)}; expected one score a question in both, "
            "of the same questions in the same order"
        )
    difference = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    n = len(difference)
    observed = float(difference.mean())
    rng = np.random.default_rng(seed)
    means: list[np.ndarray] = []
    as_large = 0
    # Rounding in the sums must not make an equal mean look smaller than the observed one.
    bar = abs(observed) - 1e-12
    for start in range(0, n_resamples, _BLOCK):
        rows = min(_BLOCK, n_resamples - start)
        means.append(difference[rng.integers(0, n, size=(rows, n))].mean(axis=1))
        signs = rng.integers(0, 2, size=(rows, n)) * 2 - 1
        as_large += int((np.abs((signs * difference).mean(axis=1)) >= bar).sum())
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return Difference(observed, float(low), float(high), (1 + as_large) / (1 + n_resamples), n)
