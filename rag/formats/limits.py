"""What parsing one file may cost, and how a process is held to it."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass

__all__ = ["Limits", "allow_cpu", "limit_process"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the process that parses.

    Attributes:
        memory: address space, bytes.
        cpu_s: processor time a file, seconds.
        wall_s: time a file, seconds.
        per_mb_s: so much more of both for each megabyte of the file: a large book is no attack.
    """

    memory: int = 2**30
    cpu_s: float = 30.0
    wall_s: float = 60.0
    per_mb_s: float = 5.0

    def cpu(self, n_bytes: int) -> float:
        """Processor seconds for a file of that size."""
        return self.cpu_s + self.per_mb_s * n_bytes / 2**20

    def wall(self, n_bytes: int) -> float:
        """Seconds for a file of that size."""
        return self.wall_s + 2 * self.per_mb_s * n_bytes / 2**20


def limit_process(memory: int) -> None:
    """Bound this process: its memory, files and core dumps. Where the system has no such limits, nothing."""
    try:
        import resource
    except ImportError:  # Windows: the time limit, which the parent keeps, is all there is
        return
    wanted = {
        "RLIMIT_AS": memory,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 0,  # nothing here writes a file
        "RLIMIT_NOFILE": 64,
    }
    for name, value in wanted.items():
        which = getattr(resource, name, None)
        if which is None:  # not every system has each
            continue
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(which, (value, value))
        except (ValueError, OSError):  # macOS knows RLIMIT_AS and refuses it
            continue
    if sys.platform == "darwin":
        threading.Thread(target=watch_memory, args=(memory,), daemon=True).start()


def watch_memory(memory: int, every_s: float = 0.05) -> None:
    """End this process when it has used more memory, for systems that don't do so themselves."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # what getrusage counts in
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit <= memory:
        time.sleep(every_s)
    os._exit(EXIT_MEMORY)


EXIT_MEMORY = 86


def allow_cpu(seconds: float) -> None:
    """Let this process use so much more processor time; beyond it the system ends it."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
