"""Time and memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["latency_by_stage", "peak_memory_mib", "percentile"]


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Value that `percent` per cent of the values do not exceed, interpolated; None for no values.

    Formula: linear interpolation between order statistics at (n - 1) * percent / 100 (Hyndman and
    Fan's type 7, numpy's default).

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 95)
    (2.5, 3.85)
    """
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def latency_by_stage(timings: Iterable[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """p50 and p95 in seconds of each stage that a question went through.

    A stage that a question skipped does not count as zero for it.

    >>> latency_by_stage([{"read": 0.1}, {"read": 0.3, "cite": 0.2}])
    {'cite': {'p50': 0.2, 'p95': 0.2}, 'read': {'p50': 0.2, 'p95': 0.29}}
    """
    stages: dict[str, list[float]] = {}
    for timing in timings:
        for stage, seconds in timing.items():
            stages.setdefault(stage, []).append(seconds)
    return {
        stage: {"p50": percentile(values, 50) or 0.0, "p95": percentile(values, 95) or 0.0}
        for stage, values in sorted(stages.items())
    }


def peak_memory_mib() -> float:
    """Largest resident size of this process so far, in MiB, models and libraries included.

    Source: `getrusage(RUSAGE_SELF).ru_maxrss`, KiB on Linux and bytes on macOS.

    >>> peak_memory_mib() > 1
    True
    """
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1024 * 1024 if sys.platform == "darwin" else 1024)
