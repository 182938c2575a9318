"""Waiting for an answer from elsewhere, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

__all__ = ["asked_within"]

T = TypeVar("T")


def asked_within(seconds: float, ask: Callable[[], T], name: str) -> Future[T]:
    """What becomes of `ask` within some seconds: an answer, a failure, or, not `done()`, neither.

    Args:
        seconds: to wait.
        ask: runs in a thread of its own, which is left behind where no answer comes.
        name: of the thread.

    >>> asked_within(10, lambda: 6 * 7, "sum").result()
    42
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True, name=name).start()
    wait([answer], seconds)
    return answer
