"""Example questions made from the documents at hand, and only those that they answer."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator

from rag.config import DecideConfig
from rag.datatypes import Document, Span
from rag.web.service import PipelineLike, report

__all__ = ["Examples", "example_questions"]

_WORD = r"[A-Z][\w’-]*[a-z]"
_VERBS = "said|says|told|wrote|warned|argued|added|stated|suggested|believes|explained|noted"
_SAYS = re.compile(rf"\b({_WORD}(?: [A-Z]\.)? {_WORD})(?:, [^.,]{{3,90}},)? (?:{_VERBS})\b")
# A name with a word beside it that says who it is: "spokesman Ann Lee", "Ann Lee, the mayor".
_IS = re.compile(
    rf"\b(?!other\b)[a-z]+(?:er|or|man|ist|ent|ary|yst|chief) ({_WORD} {_WORD})\b"
    rf"|\b({_WORD} {_WORD}), (?:an?|the|former|who) "
)
_TITLES = ("Mr ", "Mrs ", "Ms ", "Dr ", "The ")
_TRIES = 24


def example_questions(pipeline: PipelineLike, n: int = 4, decide: DecideConfig | None = None) -> list[str]:
    """Questions for an empty chat: whoever speaks in a document, then whoever it names often.

    Args:
        pipeline: asked about each, so that no example ends in "not in sources".
        n: how many are wanted; fewer where the documents give fewer.
        decide: how careful to be; None leaves it to the pipeline.
    """
    careful = decide or DecideConfig()
    kept: list[str] = []
    per_document: Counter[str] = Counter()
    candidates = list(_interleaved(pipeline.index.documents.values()))
    for question in candidates[:_TRIES]:
        answer = pipeline.ask(
            question, top_k=1, min_confidence=careful.min_confidence, max_risk=careful.max_risk
        )
        source = answer.citations[0].doc_id if answer.citations else ""
        if answer.found and answer.confidence >= 0.6 and per_document[source] < 1 + n // 3:
            per_document[source] += 1
            kept.append(question)
        if len(kept) == n:
            break
    return kept


def _interleaved(documents: object) -> Iterator[str]:
    """One question from each document in turn, without repeating a name."""
    used: set[str] = set()
    sources = [_questions(d) for d in list(documents)[:40]]  # type: ignore[call-overload]
    while sources:
        for source in list(sources):
            for name, question in source:
                if name not in used:
                    used.add(name)
                    yield question
                    break
            else:
                sources.remove(source)


def _questions(document: Document) -> Iterator[tuple[str, str]]:
    spans = document.sentences or (Span(0, len(document.text)),)
    sentences = [" ".join(span.of(document.text).split()) for span in spans[:400]]
    whole = " ".join(sentences)
    for pattern, asked in ((_SAYS, "What did {} say?"), (_IS, "Who is {}?")):
        for sentence in sentences:
            for found in pattern.finditer(sentence):
                name = found.group(1) or found.group(2)
                # "The White House" is no person; a person has no article.
                if not name.startswith(_TITLES) and f"the {name}" not in whole and f"The {name}" not in whole:
                    yield name, asked.format(name)


class Examples:
    """Examples of the index in use, found in the background: each one is really asked.

    Args:
        patience: seconds that a page waits for them, once.
        decide: as careful as the server is with other questions.
    """

    def __init__(self, patience: float = 1.5, decide: DecideConfig | None = None) -> None:
        self._patience = patience
        self._decide = decide
        self._lock = threading.Lock()
        self._of: object = None
        self._found: list[str] = []
        self._done = threading.Event()

    def prepare(self, pipeline: PipelineLike) -> None:
        """Begin to look for examples, if that isn't done for this pipeline."""
        with self._lock:
            if self._of is pipeline:
                return
            self._of, self._found, self._done = pipeline, [], threading.Event()
            done = self._done

        def look() -> None:
            try:
                found = example_questions(pipeline, decide=self._decide)
            except Exception:
                # A page without examples still asks and answers.
                report()
                found = []
            with self._lock:
                if self._of is pipeline:
                    self._found = found
            done.set()

        threading.Thread(target=look, name="insources-examples", daemon=True).start()

    def of(self, pipeline: PipelineLike) -> list[str]:
        """The examples of a pipeline, or none as long as they are being looked for."""
        self.prepare(pipeline)
        self._done.wait(self._patience)
        with self._lock:
            return list(self._found) if self._of is pipeline else []
