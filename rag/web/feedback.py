"""What people say about answers: off unless switched on, kept on this machine.

Two files of JSON lines. `feedback.jsonl` holds what was called right, as questions that
`rag eval --questions` reads: `question`, `answer` or empty, `doc_id` or empty. What was called
wrong or missed goes to `feedback-open.jsonl`: only a person can say what the answer would have
been, and an empty one would claim that there is none.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from rag.web.session import Turn

__all__ = ["KINDS", "Feedback"]

KINDS = ("right", "wrong", "missed")


class Feedback:
    """Keeps the last verdict on each question.

    Args:
        folder: where the two files are; made on the first verdict, readable by their owner only.
        capacity: questions kept in each; further ones are not noted.
    """

    def __init__(self, folder: Path, capacity: int = 10_000) -> None:
        self._confirmed = folder / "feedback.jsonl"
        self._open = folder / "feedback-open.jsonl"
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
        short = answer.short or (best.quote if best else "")
        # A follow-up makes sense alone only as it was understood.
        line: dict[str, Any] = {"question": turn.understood or turn.question}
        if kind == "right":
            line |= {"answer": short, "doc_id": best.doc_id if best else ""}
        else:
            line |= {"verdict": kind, "answered": short}
            line["citation"] = [best.doc_id, best.start, best.end, best.sha256] if best else None
        line |= {"confidence": round(answer.confidence, 4), "at": int(time.time())}
        with self._lock:
            for path, mine in ((self._confirmed, kind == "right"), (self._open, kind != "right")):
                lines = _read(path)
                known = lines.pop(line["question"], None) is not None
                if mine:
                    if len(lines) >= self._capacity:
                        return False
                    lines[line["question"]] = line
                if mine or known:
                    _write(path, lines)
        return True


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as file:
        return {line["question"]: line for line in map(json.loads, file)}


def _write(path: Path, lines: dict[str, dict[str, Any]]) -> None:
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines.values())
    os.replace(temporary, path)
