"""`rag index --watch`: the index follows its folders while they change."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from rag.errors import OptionalDependencyError, RagError

__all__ = ["follow"]

# A change is acted on when nothing more has changed for the shorter time, at the latest after the longer one.
QUIET_MS = 500
PATIENCE_MS = 5_000

TICK_MS = 1_000

# When an update that failed, for example because another process is indexing, is tried again.
RETRY_S = 10.0


def follow(
    paths: Iterable[str | os.PathLike[str]],
    index: str | os.PathLike[str],
    update: Callable[[], None],
    *,
    failed: Callable[[RagError], None],
    stop: threading.Event | None = None,
) -> None:
    """Update at once and after every change, until stopped or interrupted.

    What changes while an update runs is seen by the next one. An update looks at everything anew, so that
    it does not matter which change was noticed.

    Args:
        paths: files and folders to follow.
        index: the index's own folder; what happens in it is no change.
        update: makes the index mirror the paths.
        failed: told of each update but the first that failed; the next change, or some seconds, try again.
        stop: ends it.

    Raises:
        OptionalDependencyError: `watchfiles` is not installed.
        RagError: the first update failed.
        KeyboardInterrupt: Ctrl-C.
    """
    try:
        from watchfiles import watch
    except ImportError as error:
        raise OptionalDependencyError("watchfiles", "watch", "to follow folders") from error
    own = Path(index).resolve()
    given = [Path(path).resolve() for path in paths]
    files = {path for path in given if not path.is_dir()}
    # A file is often replaced by another of its name, which only its folder notices.
    folders = sorted({path if path.is_dir() else path.parent for path in given if path.exists()})

    def counts(_: object, changed: str) -> bool:
        path = Path(changed)
        if path.is_relative_to(own):
            return False
        return path in files or any(path.is_relative_to(f) for f in given if f not in files)

    update()
    # What changed before the watch began is found by one more look, at its first tick.
    due = 0.0
    for changes in watch(
        *folders,
        watch_filter=counts,
        debounce=PATIENCE_MS,
        step=QUIET_MS,
        rust_timeout=TICK_MS,
        yield_on_timeout=True,
        stop_event=stop,
        recursive=len(files) < len(given),
        raise_interrupt=True,
    ):
        if not changes and time.monotonic() < due:
            continue
        try:
            update()
            due = math.inf
        except RagError as error:
            failed(error)
            due = time.monotonic() + RETRY_S
