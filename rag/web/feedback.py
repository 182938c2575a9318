"""What people say about answers: off unless switched on, one local file, made for `rag eval`.

A line is a question of an evaluation: `{"question", "answer", "doc_id"}`, the last two empty
where there is none, besides the verdict and what the chat had answered.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

from rag.web.session import Turn

__all__ = ["KINDS", "Feedback"]

KINDS = ("right", "wrong", "missed")


class Feedback:
    """Appends verdicts to a JSONL file.

    Args:
        path: the file; made on the first verdict, readable by its owner only.
        capacity: bytes after which nothing is added any more.
    """

    def __init__(self, path: Path, capacity: int = 20_000_000) -> None:
        self._path = path
        self._capacity = capacity
        self._lock = threading.Lock()

    def add(self, turn: Turn, kind: str) -> bool:
        """Note a verdict.

        Returns:
            Whether it was noted: not for a kind that doesn't exist or a turn without an answer.
        """
        answer = turn.answer
        if kind not in KINDS or answer is None:
            return False
        best = answer.citations[0] if answer.citations else None
        right = kind == "right" and best is not None
        line = {
            "question": turn.question,
            # Only a confirmed answer is a gold answer; a refusal called right says that
            # there is none; what the others should have been, nobody has said.
            "answer": (answer.short or answer.text) if right else "",
            "doc_id": best.doc_id if right and best else "",
            "verdict": kind,
            "found": answer.found,
            "answered": answer.short or answer.text,
            "citation": [best.doc_id, best.start, best.end, best.sha256] if best else None,
            "confidence": answer.confidence,
            "at": int(time.time()),
        }
        with self._lock:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                if file.tell() > self._capacity:
                    return False
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        return True
