"""Conversations, held by the server.

A browser holds only an unguessable key in an HttpOnly cookie; what was asked and answered
never comes back from it, so that nobody can put words into a document's mouth.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.datatypes import Answer, Citation
from rag.web.options import LIMITS, Limits

__all__ = ["Conversation", "Conversations", "Problem", "Turn"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A question that could not be answered.

    Attributes:
        key: which message of the string table says so.
        values: what the message names.
        error_id: to find the traceback in the log; None where there is none.
    """

    key: str
    values: dict[str, Any] = field(default_factory=dict)
    error_id: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what came of it.

    Attributes:
        number: 1, 2, 3 ... within its conversation, never used twice.
        question: as asked.
        answer: None where there was a problem.
        problem: None where there is an answer.
        lines: 1-based line of each citation and nearest passage, by (doc_id, start).
        seconds: from the question's arrival to the answer.
        asked_at: Unix time.
        understood: the question as completed from the conversation, if it was.
    """

    number: int
    question: str
    answer: Answer | None
    problem: Problem | None = None
    lines: dict[tuple[str, int], int] = field(default_factory=dict)
    seconds: float = 0.0
    asked_at: float = 0.0
    understood: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "number": self.number,
            "question": self.question,
            "answer": self.answer.to_dict() if self.answer else None,
            "problem": (
                {"key": self.problem.key, "values": self.problem.values, "error_id": self.problem.error_id}
                if self.problem
                else None
            ),
            "lines": [[doc_id, start, line] for (doc_id, start), line in self.lines.items()],
            "seconds": self.seconds,
            "asked_at": self.asked_at,
            "understood": self.understood,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Turn:
        """The inverse of `to_dict`."""
        answer, problem = data["answer"], data["problem"]
        return cls(
            number=data["number"],
            question=data["question"],
            answer=_answer(answer) if answer else None,
            problem=Problem(problem["key"], problem["values"], problem["error_id"]) if problem else None,
            lines={(doc_id, start): line for doc_id, start, line in data["lines"]},
            seconds=data["seconds"],
            asked_at=data["asked_at"],
            understood=data["understood"],
        )


def _answer(data: dict[str, Any]) -> Answer:
    def citations(name: str) -> tuple[Citation, ...]:
        return tuple(
            Citation(**{**c, "highlight": tuple(c["highlight"]) if c["highlight"] else None})
            for c in data[name]
        )

    known = {name: data[name] for name in Answer.__dataclass_fields__ if name in data}
    return Answer(**{**known, "citations": citations("citations"), "nearest": citations("nearest")})


@dataclass
class Conversation:
    """The turns of one browser, and the language it reads."""

    language: str | None = None
    turns: list[Turn] = field(default_factory=list)
    last_number: int = 0
    offered: frozenset[str] = frozenset()
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_number(self) -> int:
        """A number for the next turn."""
        self.last_number += 1
        return self.last_number

    def add(self, turn: Turn) -> None:
        """Append a turn; the oldest leaves when there are too many."""
        self.turns = [*self.turns, turn][-LIMITS.turns :]

    def turn(self, number: int) -> Turn | None:
        """The turn with this number, if it is still held."""
        return next((t for t in self.turns if t.number == number), None)


class Conversations:
    """All conversations, by key; the least recent leave memory when there are too many.

    Args:
        folder: where they are kept across restarts; None keeps them in memory only.
        limits: how many are held in memory, and for how long.
        clock: seconds, always growing.
    """

    def __init__(
        self,
        folder: Path | None = None,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._clock = clock
        # Least recent first, each with the time when it was last asked for.
        self._held: OrderedDict[str, tuple[float, Conversation]] = OrderedDict()
        self._lock = threading.Lock()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def get(self, key: str) -> Conversation:
        """The conversation of a key, a new one where there is none yet."""
        now = self._clock()
        with self._lock:
            self._forget(now)
            conversation = self._held.pop(key)[1] if key in self._held else self._load(key)
            self._held[key] = (now, conversation)
            if len(self._held) > self._limits.conversations:
                self._held.popitem(last=False)
            return conversation

    def _forget(self, now: float) -> None:
        """Let go of those that nobody has gone on with for long."""
        while self._held:
            key, (last, _) = next(iter(self._held.items()))
            if now - last < self._limits.idle_seconds:
                return
            del self._held[key]

    def save(self, key: str, conversation: Conversation) -> None:
        """Write a conversation down where that is switched on."""
        path = self._path(key)
        if path is None:
            return
        if not conversation.turns:
            path.unlink(missing_ok=True)
            return
        data = {
            "language": conversation.language,
            "last_number": conversation.last_number,
            "saved_at": time.time(),
            "turns": [turn.to_dict() for turn in conversation.turns],
        }
        temporary = path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file, ensure_ascii=False)
        os.replace(temporary, path)

    def _path(self, key: str) -> Path | None:
        if self._folder is None or not re.fullmatch(r"[0-9a-f]{32}", key):
            return None
        return self._folder / f"{key}.json"

    def _load(self, key: str) -> Conversation:
        path = self._path(key)
        if path is None or not path.exists():
            return Conversation()
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            turns = [Turn.from_dict(turn) for turn in data["turns"]]
            return Conversation(data["language"], turns, data["last_number"])
        except (OSError, ValueError, KeyError, TypeError):
            # A conversation that can't be read must not keep anyone from a new one; the
            # file is set aside, not overwritten.
            os.replace(path, path.with_suffix(".damaged"))
            return Conversation()
