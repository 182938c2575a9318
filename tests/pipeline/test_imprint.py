"""Questions about a document itself: who wrote it, its title, its date."""

from __future__ import annotations

import pytest

from rag.imprint import asked_fields, imprint
from rag.pipeline import Pipeline

TIDE = """Low tide empties the harbour for a week

By Jane Doe
Published on 3 May 2021

The harbour of Ellmouth fell dry on Monday, and forty boats lay on the mud until the wind turned.
"It was the moon and the north wind together," said the harbour master, Tom Reed. Fishermen lost a week's catch.
"""
SCHOOL = """School kitchens turn to beans

The county's school kitchens will serve beans twice a week from September, the council said.
Parents were asked in a survey, and most agreed. Meat will cost the county less, by a tenth.
"""


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.from_texts({"tide.txt": TIDE, "school.txt": SCHOOL})


@pytest.mark.parametrize(
    ("question", "short", "text"),
    [
        ("Who wrote the article on the harbour that fell dry?", "Jane Doe", "By Jane Doe"),
        ("When was the story about the low tide published?", "3 May 2021", "3 May 2021"),
        (
            "What is the headline of the article about the dry harbour?",
            "Low tide empties the harbour for a week",
            "Low tide empties the harbour for a week",
        ),
    ],
)
def test_a_document_is_asked_about_itself(pipeline: Pipeline, question: str, short: str, text: str) -> None:
    answer = pipeline.ask(question)
    assert answer.found
    assert answer.short == short
    citation = answer.citations[0]
    assert citation.doc_id == "tide.txt"
    assert text in citation.quote
    assert TIDE[citation.start : citation.end] == citation.quote
    assert citation.highlight is not None
    assert TIDE[slice(*citation.highlight)] == short


def test_another_documents_author_is_no_answer(pipeline: Pipeline) -> None:
    answer = pipeline.ask("Who wrote the article on beans in school kitchens?")
    assert answer.short != "Jane Doe"
    assert all(citation.doc_id == "school.txt" for citation in answer.citations)


def test_a_document_that_states_nothing_has_no_imprint(pipeline: Pipeline) -> None:
    bare = Pipeline.from_texts(
        {"note.txt": "the boats lay on the mud until the wind turned, and then they left"}
    )
    assert imprint(bare.index.documents["note.txt"]) is None
    assert not bare.ask("Who wrote the article on the boats?").found


@pytest.mark.parametrize(
    ("question", "fields"),
    [
        ("who's the author of the beans story", {"author"}),
        ("What subtitle does the piece carry?", {"subtitle"}),
        ("What date was the report on tides posted?", {"date"}),
        ("¿Quién escribió el artículo sobre la marea?", {"author"}),
        ("Wer hat den Artikel über die Ebbe geschrieben?", {"author"}),
        ("Quel est le titre de l'article ?", {"title"}),
        ("这篇文章的作者是谁？", {"author"}),
        ("Who said it was the moon?", set()),
        ("When did the wind turn?", set()),
        ("How many boats lay on the mud?", set()),
    ],
)
def test_which_questions_are_about_a_document(question: str, fields: set[str]) -> None:
    assert asked_fields(question) == fields
