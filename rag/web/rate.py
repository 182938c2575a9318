"""Token buckets: a burst at once, then a steady rate, for each client apart."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]


class Buckets:
    """One bucket a client; the least recent leave when there are too many.

    Args:
        rate: tokens that return each second.
        burst: tokens that a full bucket holds.
        capacity: clients remembered.
        clock: seconds, always growing.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        capacity: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._capacity, self._clock = rate, burst, capacity, clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> int:
        """Take a token.

        Returns:
            0, or the whole seconds to wait until there is one.
        """
        now = self._clock()
        level, then = self._levels.pop(client, (float(self._burst), now))
        level = min(self._burst, level + (now - then) * self._rate)
        granted = level >= 1
        self._levels[client] = (level - 1 if granted else level, now)
        if len(self._levels) > self._capacity:
            self._levels.popitem(last=False)
        return 0 if granted else max(1, math.ceil((1 - level) / self._rate))
