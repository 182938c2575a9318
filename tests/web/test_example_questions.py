"""Example questions come from the documents at hand and are answered by them."""

from __future__ import annotations

from fake import FakePipeline

from rag.config import DecideConfig
from rag.web.examples import Examples, example_questions

TEXTS = {
    "a.txt": "Ann Lee, the mayor of Aldport, said the harbour opens in May. The White House disagreed with it.\n"
    "Some other White House insiders said nothing at all about it. Then spokesman Bob Roe stated that it closes.\n",
    "b.txt": "Mr Xi said that the talks go on for a while. Cara Diaz, an engineer, warned that the bridge is old.\n",
}


def test_examples_are_answered_and_name_people() -> None:
    pipeline = FakePipeline(TEXTS)
    examples = example_questions(pipeline)
    assert examples
    assert len(set(examples)) == len(examples) <= 4
    assert all(pipeline.ask(question).found for question in examples)
    assert any("Ann Lee" in question for question in examples)
    assert not [q for q in examples if "White House" in q or "Mr" in q]


def test_a_careful_server_offers_only_what_it_would_answer() -> None:
    assert example_questions(FakePipeline(TEXTS), decide=DecideConfig(min_confidence=1.0)) == []


def test_documents_without_names_have_none() -> None:
    assert example_questions(FakePipeline({"a.txt": "nothing here but small letters, and so on.\n"})) == []


def test_examples_follow_the_index_and_survive_trouble() -> None:
    class Broken(FakePipeline):
        def ask(self, question: str, **settings: object):  # type: ignore[no-untyped-def,override]
            raise RuntimeError("broken")

    examples = Examples(patience=10)
    assert examples.of(FakePipeline(TEXTS))
    assert examples.of(Broken(TEXTS)) == []
