"""Questions to turns: checks what was sent, asks the pipeline, and never raises.

The pipeline in use is one attribute. Rebuilding assigns a new one; whoever took the old
one a moment before finishes with it, so that an answer never mixes two indexes.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Protocol

from rag.config import DecideConfig
from rag.conversation import History
from rag.datatypes import Answer, Document
from rag.errors import ConfigError, IndexUnavailable, QuestionError
from rag.web.options import LIMITS
from rag.web.session import Problem, Turn

__all__ = ["Archive", "PipelineLike", "Service", "clean_question"]

log = logging.getLogger("rag.web")

_C0 = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


class IndexLike(Protocol):
    """What the chat needs of an index."""

    @property
    def documents(self) -> Mapping[str, Document]:
        """Every document by its doc_id."""


class PipelineLike(Protocol):
    """What the chat needs of a pipeline."""

    @property
    def index(self) -> IndexLike:
        """The index it answers from."""

    def ask(
        self,
        question: str,
        *,
        top_k: int = 3,
        documents: Sequence[str] | None = None,
        history: History | None = None,
        since: str | None = None,
        until: str | None = None,
        language: str | None = None,
        author: str | None = None,
        source: str | None = None,
        min_confidence: float | None = None,
        max_risk: float | None = None,
    ) -> Answer:
        """Answer a question."""


class _Refused(Exception):
    """A question that is not asked; carries what to tell."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.key)
        self.problem = problem


def clean_question(raw: object) -> str:
    """The question as text that every stage can take.

    Control characters go and lone surrogates become "?": neither can be searched for.

    Raises:
        QuestionError: empty, too long or not text.
    """
    if not isinstance(raw, str):
        raise QuestionError(f"the question is a {type(raw).__name__}; expected text")
    # Before any work that grows with its length.
    if len(raw) > LIMITS.question:
        raise QuestionError(f"the question has {len(raw)} characters; expected at most {LIMITS.question}")
    text = _C0.sub("", raw.encode("utf-8", "replace").decode("utf-8")).strip()
    if not text:
        raise QuestionError("the question is empty; expected some words")
    return text


class Archive:
    """Documents that answers cited, as they were then, so that old citations still open.

    Args:
        capacity: characters of text held in all.
    """

    def __init__(self, capacity: int = 20_000_000) -> None:
        self._capacity = capacity
        self._held: OrderedDict[tuple[str, str], Document] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def keep(self, document: Document) -> None:
        """Hold a document; the least recently cited leave when there is no room."""
        key = (document.doc_id, document.sha256)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return
            self._held[key] = document
            self._size += len(document.text)
            while self._size > self._capacity and len(self._held) > 1:
                _, old = self._held.popitem(last=False)
                self._size -= len(old.text)

    def get(self, doc_id: str, sha256: str) -> Document | None:
        """The document as it was with this hash."""
        with self._lock:
            return self._held.get((doc_id, sha256))


class Service:
    """Asks the pipeline on behalf of the chat and the API.

    Args:
        pipeline: the one to begin with.
        top_k: citations wanted.
        decide: how careful to be, whatever pipeline is in use; None leaves it to the pipeline.
    """

    def __init__(self, pipeline: PipelineLike, top_k: int = 3, decide: DecideConfig | None = None) -> None:
        self.pipeline = pipeline
        self.archive = Archive()
        self._top_k = top_k
        self.decide = decide or DecideConfig()

    def answer(
        self,
        raw: object,
        documents: Sequence[str] | None = None,
        history: History | None = None,
        narrow: Mapping[str, str] | None = None,
        decide: DecideConfig | None = None,
    ) -> tuple[Answer, dict[tuple[str, int], int]]:
        """Answer a question.

        Args:
            raw: whatever was sent as the question.
            documents: ids to search; None is all of them.
            history: earlier questions with their answers, oldest first.
            narrow: `since`, `until`, `language`, `author`, `source`, those that are given.
            decide: how careful to be with this question; None is as careful as the server.

        Returns:
            The answer, and the 1-based line of each passage it shows.

        Raises:
            QuestionError: the question can't be asked.
            ConfigError: a filter that can't be used, or a risk that no threshold reaches.
        """
        question = clean_question(raw)
        pipeline, careful = self.pipeline, decide or self.decide
        answer = pipeline.ask(
            question,
            top_k=self._top_k,
            documents=list(documents) if documents is not None else None,
            history=list(history) if history else None,
            min_confidence=careful.min_confidence,
            max_risk=careful.max_risk,
            **(narrow or {}),
        )
        lines: dict[tuple[str, int], int] = {}
        held = pipeline.index.documents
        for citation in (*answer.citations, *answer.nearest):
            document = held.get(citation.doc_id)
            if document is not None:
                lines[citation.doc_id, citation.start] = document.text.count("\n", 0, citation.start) + 1
                self.archive.keep(document)
        return answer, lines

    def turn(
        self,
        number: int,
        raw: object,
        documents: Sequence[str] | None = None,
        history: History | None = None,
        narrow: Mapping[str, str] | None = None,
    ) -> Turn:
        """Like `answer`, but whatever goes wrong becomes part of the conversation."""
        started, now = time.perf_counter(), time.time()
        shown = _shown(raw)
        try:
            if documents is not None and not documents:
                raise _Refused(Problem("error_documents"))
            answer, lines = self.answer(raw, documents, history, narrow)
        except _Refused as refusal:
            return Turn(number, shown, None, refusal.problem, asked_at=now)
        except ConfigError:
            return Turn(number, shown, None, Problem("error_filter"), asked_at=now)
        except QuestionError:
            return Turn(number, shown, None, _question_problem(raw), asked_at=now)
        except IndexUnavailable:
            return Turn(number, shown, None, Problem("error_store", error_id=report()), asked_at=now)
        except Exception:
            # The page shows a number and the log what it stands for; a message could
            # hold paths or text that aren't the asker's to see.
            return Turn(number, shown, None, Problem("error_internal", error_id=report()), asked_at=now)
        return Turn(
            number,
            answer.question,
            answer,
            lines=lines,
            seconds=time.perf_counter() - started,
            asked_at=now,
            understood=getattr(answer, "understood", None),
        )


def report() -> str:
    """Log the exception at hand and return the number that finds it."""
    error_id = secrets.token_hex(4)
    log.exception("error %s", error_id)
    return error_id


def _shown(raw: object) -> str:
    text = raw if isinstance(raw, str) else ""
    text = _C0.sub("", text[:301].encode("utf-8", "replace").decode("utf-8")).strip()
    return text if len(text) <= 300 else text[:299] + "…"


def _question_problem(raw: object) -> Problem:
    if not isinstance(raw, str):
        return Problem("error_text")
    if len(raw) > LIMITS.question:
        return Problem("error_long", {"n": len(raw), "limit": LIMITS.question})
    return Problem("error_empty") if not _shown(raw) else Problem("error_text")
