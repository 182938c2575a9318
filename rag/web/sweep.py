"""Gradio keeps a little of every session for good; this takes it away when nobody wants it.

A program's request is a session of its own there: thousands of questions would add up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["Sweeper"]


class Sweeper:
    """Forgets finished sessions of a Gradio queue.

    Args:
        queue: Gradio's.
        keep: seconds that an answer waits for whoever asked.
        clock: seconds, always growing.
    """

    def __init__(self, queue: Any, keep: float = 600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue, self._keep, self._clock = queue, keep, clock
        self._since: dict[str, float] = {}

    def sweep(self) -> int:
        """Forget sessions that have been idle since long; returns how many."""
        now, queue = self._clock(), self._queue
        active = {event.session_hash for event in list(queue.event_ids_to_events.values())}
        idle = [session for session in list(queue.pending_messages_per_session) if session not in active]
        self._since = {session: self._since.get(session, now) for session in idle}
        gone = 0
        for session, since in list(self._since.items()):
            delivered = not queue.pending_event_ids_session.get(session)
            if now - since >= (min(60.0, self._keep) if delivered else self._keep):
                queue.pending_messages_per_session.pop(session, None)
                queue.pending_event_ids_session.pop(session, None)
                del self._since[session]
                gone += 1
        return gone

    def start(self, closed: threading.Event, every: float = 30.0) -> None:
        """Sweep now and then, in the background, until `closed` is set."""

        def run() -> None:
            while not closed.wait(every):
                self.sweep()

        threading.Thread(target=run, name="insources-sweep", daemon=True).start()
