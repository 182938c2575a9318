"""Learning rate: warm up, stay, then fall to zero by a given step or a given time.

Warmup-stable-decay needs no total known beforehand: a run that shares its machine with others
can be told when to end, and always ends decayed (Hu et al. 2024, arXiv:2404.06395).
"""

from __future__ import annotations

from dataclasses import dataclass

from rag.errors import ConfigError

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Factor of the peak learning rate.

    Attributes:
        warmup: steps of linear warm-up.
        decay_from, stop_at: where the fall begins and ends: steps, or seconds since the epoch
            where `by_clock`.
        by_clock: whether they are times.
    """

    warmup: int
    decay_from: float
    stop_at: float
    by_clock: bool = False

    def __post_init__(self) -> None:
        if self.stop_at <= self.decay_from:
            raise ConfigError(
                f"the learning rate's fall must begin before the run stops; it begins at "
                f"{self.decay_from} and the run stops at {self.stop_at}"
            )

    def factor(self, step: int, now: float) -> float:
        """Factor for the step to come.

        >>> s = Schedule(warmup=2, decay_from=10, stop_at=20)
        >>> [s.factor(i, 0) for i in (0, 1, 5, 15, 20)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
        """
        x = now if self.by_clock else step
        fall = (self.stop_at - x) / (self.stop_at - self.decay_from)
        return max(0.0, min(1.0, (step + 1) / max(1, self.warmup), fall))

    def done(self, step: int, now: float) -> bool:
        """Whether the run is over."""
        return (now if self.by_clock else step) >= self.stop_at
