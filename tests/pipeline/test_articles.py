"""Asked of the five articles as they are: furniture, page breaks, two languages, several sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rag.pipeline import Pipeline

QUESTIONS = Path(__file__).resolve().parents[2] / "rag" / "evaluation" / "questions" / "seeds.jsonl"


def questions(kind: str) -> list[dict[str, Any]]:
    """The development half's questions of one kind."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [q for q in map(json.loads, lines) if q["kind"] == kind and q["split"] == "dev"]


def share(outcomes: list[bool]) -> float:
    return sum(outcomes) / len(outcomes)


def holds(quote: str, question: dict[str, Any]) -> bool:
    return any(answer["text"] in quote for answer in question["answers"])


@pytest.mark.parametrize("kind", ["furniture", "far_off"])
def test_what_is_not_in_the_articles_is_refused(pipeline: Pipeline, kind: str) -> None:
    asked = questions(kind)
    answers = [pipeline.ask(q["question"]) for q in asked]
    wrong = [answer.question for answer in answers if answer.found]
    assert len(wrong) <= len(asked) // 12, wrong


def test_no_furniture_is_ever_quoted(pipeline: Pipeline) -> None:
    furniture = (
        "Leave a Reply",
        "GT-R",
        "Polestar",
        "Your email address",
        "WhatsApp",
        "zlibrary",
        "Drum Tower",
        "SCMP Knowledge",
        "King Kohli",
        "illustrative purposes",
        "You May Also Like",
    )
    for chunk in pipeline.index.chunks:
        for phrase in furniture:
            assert phrase not in chunk.text
    for q in questions("furniture"):
        answer = pipeline.ask(q["question"], top_k=5)
        for citation in answer.citations + answer.nearest:
            assert not any(phrase in citation.quote for phrase in furniture), citation


def test_plain_facts_dates_and_numbers(pipeline: Pipeline) -> None:
    for kind, least in (("fact", 0.85), ("date", 0.85), ("number", 0.85), ("who_said", 0.75)):
        asked = questions(kind)
        outcomes = [holds(pipeline.ask(q["question"]).text, q) for q in asked]
        assert share(outcomes) >= least, (kind, share(outcomes))


def test_a_sentence_across_a_page_break_is_quoted_whole(pipeline: Pipeline) -> None:
    answer = pipeline.ask("Which two Chinese diplomats with good contacts in Washington were purged?")
    assert answer.found
    assert answer.text.startswith("The recent purge of two top Chinese\n\ndiplomats with good contacts")
    assert answer.text.endswith("has added to their worries.")


def test_the_spanish_paragraph_answers_in_its_own_words(pipeline: Pipeline) -> None:
    answer = pipeline.ask("¿Cuáles son los objetivos principales para Washington?")
    quotes = [c.quote for c in answer.citations + answer.nearest]
    assert any(quote.startswith("Para Washington, los objetivos principales") for quote in quotes)


def test_quotes_are_short_and_whole(pipeline: Pipeline) -> None:
    lengths = []
    for kind in ("fact", "reason"):
        for q in questions(kind):
            answer = pipeline.ask(q["question"])
            if not answer.found:
                continue
            lengths.append(len(answer.text.split()))
            citation = answer.citations[0]
            starts = {s.start for s in pipeline.index.documents[citation.doc_id].sentences}
            ends = {s.end for s in pipeline.index.documents[citation.doc_id].sentences}
            assert citation.start in starts
            assert citation.end in ends
    assert sorted(lengths)[len(lengths) // 2] <= 40


def test_the_same_words_in_two_documents_are_one_answer_with_two_citations() -> None:
    said = "The bridge over the Arda was opened in 1932 by Mayor Lena Adams."
    pipeline = Pipeline.from_texts(
        {
            "a.txt": f"A short history of the town. {said} It was repaired twice.",
            "b.txt": f"Of bridges and men. Nobody was hurt in the storm. {said}",
            "c.txt": "Bread is made of flour, water and salt. It is baked for an hour.",
        }
    )
    answer = pipeline.ask("Who opened the bridge over the Arda?")
    assert answer.found
    assert [c.quote for c in answer.citations][:2] == [said, said]
    assert {c.doc_id for c in answer.citations[:2]} == {"a.txt", "b.txt"}
