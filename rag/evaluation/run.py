"""Asks every question of a set through the same pipeline that `ask()` uses, and judges the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from rag.config import Config
from rag.datatypes import Answer, Document
from rag.errors import DatasetError
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.records import Record, make_record
from rag.retriever import Hit, Mode

__all__ = ["DEPTH", "QUOTES", "AskedPipeline", "Setting", "ask_all"]

Setting = Literal["reader", "open"]
DEPTH = 50  # passages looked through to say at which rank the answer stood
QUOTES = 5  # quotes asked for, so that evidence@5 can be counted


class _Retriever(Protocol):
    def retrieve(self, question: str, k: int | None = None, *, mode: Mode = "hybrid") -> Sequence[Hit]: ...


class _Index(Protocol):
    @property
    def documents(self) -> Mapping[str, Document]: ...


class AskedPipeline(Protocol):
    """What is used of `rag.pipeline.Pipeline`; tests put a small fake in its place."""

    @property
    def index(self) -> _Index: ...

    @property
    def retriever(self) -> _Retriever: ...

    @property
    def config(self) -> Config: ...

    def ask(self, question: str, *, top_k: int = 3) -> Answer: ...

    def read(self, question: str, texts: Mapping[str, str], *, top_k: int = 3) -> Answer: ...


def ask_all(
    pipeline: AskedPipeline,
    questions: QuestionSet,
    setting: Setting = "open",
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """One record a question, in the set's order.

    Args:
        pipeline: over the corpus (`open`), or any (`reader`).
        questions: `reader` needs those that bring their own texts.
        setting: `reader` gives each question its own paragraph, as SQuAD does; `open` retrieves first.
        progress: told (n_done, n_total).

    Raises:
        DatasetError: the reader setting for questions without texts.
    """
    if setting == "reader" and questions.texts is None:
        raise DatasetError(
            f"{questions.path}: --setting reader needs a paragraph for each question, which only a SQuAD file "
            "brings; use --setting open"
        )
    if setting == "open":
        texts = {doc_id: document.text for doc_id, document in pipeline.index.documents.items()}
        questions.check_places(texts)
    else:
        texts = dict(questions.texts or {})
    records: list[Record] = []
    for question in questions.questions:
        one = _read if setting == "reader" else _ask
        records.append(one(pipeline, question, texts))
        if progress is not None:
            progress(len(records), len(questions.questions))
    return records


def _ask(pipeline: AskedPipeline, question: Question, texts: Mapping[str, str]) -> Record:
    answer = pipeline.ask(question.text, top_k=QUOTES)
    # Asked for again and deeper than the reader reads, so that a miss can be told from a low rank.
    chunks = [hit.chunk for hit in pipeline.retriever.retrieve(question.text, DEPTH)]
    return make_record(question, answer, texts, chunks=chunks, n_read=pipeline.config.retrieve.k)


def _read(pipeline: AskedPipeline, question: Question, texts: Mapping[str, str]) -> Record:
    doc_id = str(question.doc_id)
    answer = pipeline.read(question.text, {doc_id: texts[doc_id]}, top_k=QUOTES)
    return make_record(question, answer, texts)
