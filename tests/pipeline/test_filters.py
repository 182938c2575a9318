"""Asking only some documents: the filter works inside retrieval, and a refusal says that one was on."""

from __future__ import annotations

from datetime import date

import pytest

from rag.errors import ConfigError
from rag.facts import Facts
from rag.filters import Filter
from rag.pipeline import Pipeline


def text(when: str, year: int, extra: str = "") -> str:
    said = f"The harbour froze in the winter of {year}, and ships waited outside."
    return f"Title: The harbour\nDate: {when}\n{extra}\n{said}\n"


TEXTS = {
    "a-1947.txt": text("3 February 1947", 1947, "Author: Jane Doe\nSource: The Gull\n"),
    "b-1963.txt": text("1963-01-20", 1963, "Author: John Roe\n"),
    "c-1985.txt": text("January 1985", 1985),
    "d-undated.txt": "Title: The harbour\n\nThe harbour froze in the winter of 2010, and ships waited outside.\n",
    "e-unsure.txt": text("03/02/1996", 1996),
    "f-de.txt": "Datum: 5. Mai 1950\n\nDer Hafen war im Winter nach dem Krieg nicht offen, und die Schiffe lagen "
    "draußen auf dem Meer. Es war für die Stadt eine schwere Zeit mit wenig Brot und noch weniger Kohle.\n",
}
QUESTION = "When did the harbour freeze?"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    # Enough others, on the same matter, that a filter after retrieval would find nothing left.
    crowd = {f"x{n:02}.txt": text("2001", 1800 + n) for n in range(60)}
    return Pipeline.from_texts({**TEXTS, **crowd})


def asked(pipeline: Pipeline, **narrow: object) -> list[str]:
    """The documents that are read under a filter, sorted."""
    where = Filter.of(**narrow)  # type: ignore[arg-type]
    return sorted({hit.chunk.doc_id for hit in pipeline.retriever.retrieve(QUESTION, 8, documents=where)})


@pytest.mark.parametrize(
    ("narrow", "found"),
    [
        ({"until": "1947"}, ["a-1947.txt"]),
        ({"since": "1947-02-03", "until": "1947-02-03"}, ["a-1947.txt"]),
        ({"since": "1947-02-04", "until": "1963-01-19"}, ["f-de.txt"]),
        ({"until": "1999"}, ["a-1947.txt", "b-1963.txt", "c-1985.txt", "f-de.txt"]),
        ({"since": "1985-01", "until": "1985-01"}, ["c-1985.txt"]),
        ({"since": "1985-01-02", "until": "1999"}, []),
        ({"since": date(1963, 1, 20), "until": 1963}, ["b-1963.txt"]),
        ({"language": "de"}, ["f-de.txt"]),
        ({"language": "de-AT"}, ["f-de.txt"]),
        ({"author": "doe"}, ["a-1947.txt"]),
        ({"source": "gull"}, ["a-1947.txt"]),
        ({"documents": ["[abd]-*"], "since": "1950"}, ["b-1963.txt"]),
        ({"documents": "d-*"}, ["d-undated.txt"]),
    ],
)
def test_what_a_filter_lets_through(pipeline: Pipeline, narrow: dict[str, object], found: list[str]) -> None:
    assert asked(pipeline, **narrow) == found


def test_a_narrow_filter_still_finds_k(pipeline: Pipeline) -> None:
    where = Filter.of(until="1999", language="en")
    hits = pipeline.retriever.retrieve(QUESTION, 3, documents=where)
    assert sorted(hit.chunk.doc_id for hit in hits) == ["a-1947.txt", "b-1963.txt", "c-1985.txt"]


def test_an_answer_under_a_filter(pipeline: Pipeline) -> None:
    answer = pipeline.ask(QUESTION, until="1950", language="en")
    assert answer.found
    assert [c.doc_id for c in answer.citations] == ["a-1947.txt"]
    assert answer.filter == "until 1950; language en"
    cited = answer.citations[0]
    assert (cited.author, cited.date, cited.date_iso, cited.source) == (
        "Jane Doe",
        "3 February 1947",
        "1947-02-03",
        "The Gull",
    )
    assert cited.to_dict()["date_iso"] == "1947-02-03"
    follow_up = pipeline.ask("When was that?", until="1950", language="en", history=[(QUESTION, answer)])
    assert {c.doc_id for c in (*follow_up.citations, *follow_up.nearest)} <= {"a-1947.txt"}


def test_a_refusal_says_that_a_filter_was_on(pipeline: Pipeline) -> None:
    answer = pipeline.ask("Who painted the ceiling of the chapel?", until="1985")
    assert not answer.found
    assert answer.reason is not None
    assert "a filter was on (until 1985): 4 of 66 documents searched" in answer.reason
    assert "2 left out because no certain date is known" in answer.reason
    assert answer.to_dict()["filter"] == "until 1985"
    assert pipeline.ask("Who painted the ceiling of the chapel?").filter is None


def test_no_document_matches(pipeline: Pipeline) -> None:
    answer = pipeline.ask(QUESTION, since="2050")
    assert (answer.found, answer.text, answer.nearest) == (False, "not in sources", ())
    assert answer.reason is not None
    assert answer.reason.startswith("no document matches the filter (since 2050): none of 66 was searched")
    with pytest.raises(ConfigError, match=r"no document matches \['zz\*'\]; expected patterns"):
        pipeline.ask(QUESTION, documents=["zz*"])


@pytest.mark.parametrize(
    ("narrow", "message"),
    [
        ({"since": "May 2024"}, "since is 'May 2024'; expected a date such as 2024-05-31, a month"),
        ({"until": "2023-02-29"}, "until is '2023-02-29'; expected a date"),
        ({"since": ""}, "since is ''; expected a date"),
        ({"since": "2024-06", "until": "2024-05"}, "since is '2024-06', which is after until, '2024-05'"),
        ({"language": "English"}, "language is 'English'; expected a code of two letters"),
        ({"author": "  "}, "author is '  '; expected a part of a name"),
        ({"documents": Filter(since="2024"), "until": "2025"}, "documents is a Filter already"),
    ],
)
def test_values_that_can_not_be_used(narrow: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Filter.of(**narrow)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_the_same_year_is_not_before_itself() -> None:
    assert str(Filter.of(since="2024-05", until="2024")) == "since 2024-05; until 2024"
    assert str(Filter.of(since="2024", until="2024-05")) == "since 2024; until 2024-05"


def test_names_with_the_marks_of_patterns() -> None:
    import glob

    names = ["a[1].txt", "a1.txt", "what?.txt", "whats.txt", "deep/a1.txt"]
    facts = [Facts()] * len(names)

    def chosen(*patterns: str) -> list[str]:
        found = Filter(tuple(patterns)).choose(names, facts).documents
        return [name for name, ok in zip(names, found, strict=True) if ok]

    assert chosen(glob.escape("a[1].txt")) == ["a[1].txt"]
    assert chosen("a[1].txt") == ["a1.txt"]
    assert chosen("what?.txt") == ["what?.txt", "whats.txt"]
    assert chosen(glob.escape("what?.txt")) == ["what?.txt"]
    assert chosen("deep/*", "what[s].txt") == ["whats.txt", "deep/a1.txt"]
