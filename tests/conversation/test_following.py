"""Follow-up questions asked to the pipeline: understood, said so, and a new topic left alone."""

from __future__ import annotations

import json

import pytest

from rag.abstention import Decision
from rag.conversation import Understood, means_more
from rag.errors import QuestionError
from rag.pipeline import Considered, Pipeline


@pytest.fixture
def confident(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The real pipeline's follow with readings that are as confident as this says; default 0.5."""
    confidence: dict[str, float] = {}

    def consider(question: str, *, documents: object = None) -> Considered:
        decision = Decision(False, confidence.get(question, 0.5), 0.5, "because")
        return Considered(question, (), (), None, decision, {"read": 1.0})

    monkeypatch.setattr(pipeline, "consider", consider)
    return confidence


def test_what_was_understood_is_said(pipeline: Pipeline) -> None:
    first = pipeline.ask("Which company does Jensen Huang run?")
    answer = pipeline.ask("How often has he been to China since January?", history=[(first.question, first)])
    assert answer.question == "How often has he been to China since January?"
    assert answer.understood == "How often has Jensen Huang been to China since January?"
    assert json.loads(json.dumps(answer.to_dict()))["understood"] == answer.understood


def test_it_is_the_answer_to_the_question_as_understood(pipeline: Pipeline) -> None:
    history = [("Which company does Jensen Huang run?", "Nvidia")]
    answer = pipeline.ask("Where is he from?", history=history)
    plain = pipeline.ask("Where is Jensen Huang from?")
    assert (answer.text, answer.confidence, answer.citations) == (
        plain.text,
        plain.confidence,
        plain.citations,
    )
    assert plain.understood is None


def test_a_new_topic_is_answered_as_without_history(pipeline: Pipeline) -> None:
    question = "In which month did Trump publicly reprimand Zelenskyy?"
    plain = pipeline.ask(question)
    answer = pipeline.ask(question, history=[("Which company does Jensen Huang run?", "Nvidia")])
    assert answer.understood is None
    assert (answer.text, answer.short, answer.confidence) == (plain.text, plain.short, plain.confidence)


def test_bad_questions_and_histories_are_refused(pipeline: Pipeline) -> None:
    with pytest.raises(QuestionError):
        pipeline.ask("  ", history=[("Who?", "x")])
    with pytest.raises(QuestionError):
        pipeline.ask("Who?", history=["Who?"])  # type: ignore[list-item]


def test_without_need_only_one_reading_is_tried(pipeline: Pipeline, confident: dict[str, float]) -> None:
    taken = pipeline.follow("When did he retire?", [("What did Wang Qishan do?", None)])
    assert taken.question == "When did Wang Qishan retire?"
    assert taken.timings == {"read": 1.0}


@pytest.mark.parametrize(("meant", "taken"), [(0.9, True), (0.55, False), (0.1, False)])
def test_an_unsure_meaning_has_to_be_better(
    pipeline: Pipeline, confident: dict[str, float], meant: float, taken: bool
) -> None:
    confident["What are the main causes of the trade war?"] = meant
    considered = pipeline.follow("What are the main causes?", [("What is the trade war?", None)])
    assert (considered.question != "What are the main causes?") is taken
    assert considered.timings == {"read": 2.0}


def test_a_sure_meaning_has_only_to_be_near() -> None:
    sure = Understood("q", True, ("x",), sure=True)
    assert means_more(sure, bare=0.6, meant=0.5)
    assert not means_more(sure, bare=0.9, meant=0.1)
