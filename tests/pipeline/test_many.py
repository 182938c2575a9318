"""Many questions side by side get the answers that they get one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.datatypes import Answer
from rag.errors import QuestionError
from rag.pipeline import Pipeline

TEXTS = {
    "bridge.txt": "The bridge over the river was opened in 1932. It was designed by Mary Adams, who lived there.\n",
    "harbour.txt": "The harbour froze in the winter of 1947. Ships waited outside for nine weeks.\n",
    "library.txt": "The library holds forty thousand books. Its reading room closes at eight in summer.\n",
}
QUESTIONS = [
    "When was the bridge opened?",
    "Who designed the bridge?",
    "How long did ships wait outside the harbour?",
    "How many books does the library hold?",
    "What did the president say about the moon?",
    "When was the bridge opened?",
    "When does the reading room close?",
]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.from_texts(TEXTS)


def bare(answer: Answer) -> Answer:
    return replace(answer, timings={})


def test_the_same_answers(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    import rag.inference

    one_by_one = [bare(pipeline.ask(question, top_k=2)) for question in QUESTIONS]
    assert sum(answer.found for answer in one_by_one) >= 4
    seen: list[tuple[int, int]] = []
    for n in (1, 2, 5):
        monkeypatch.setattr(rag.inference, "n_threads", lambda n=n: n)
        seen.clear()
        many = pipeline.ask_many(QUESTIONS, top_k=2, progress=lambda *done: seen.append(done))
        assert [bare(answer) for answer in many] == one_by_one
        assert seen == [(n, len(QUESTIONS)) for n in range(1, len(QUESTIONS) + 1)]
    features = [pipeline.consider(question).features for question in QUESTIONS]
    assert [considered.features for considered in pipeline.consider_many(QUESTIONS)] == features


def test_in_some_documents(pipeline: Pipeline) -> None:
    many = pipeline.ask_many(QUESTIONS[:2], documents=["harbour.txt"])
    assert [bare(a) for a in many] == [
        bare(pipeline.ask(q, documents=["harbour.txt"])) for q in QUESTIONS[:2]
    ]


def test_none_is_asked_where_one_is_no_question(pipeline: Pipeline) -> None:
    assert pipeline.ask_many([]) == []
    seen: list[tuple[int, int]] = []
    with pytest.raises(QuestionError):
        pipeline.ask_many(["When was the bridge opened?", " "], progress=lambda *done: seen.append(done))
    assert seen == []
