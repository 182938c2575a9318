"""What a text says of itself: front matter, "Author:" lines, bylines, datelines; and dates only where certain."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.cleaning import Structure, read_structure
from rag.cleaning.heads import read_head
from rag.dates import first_day, iso_date, last_day, read_bound

BODY = (
    "The harbour fell dry on Monday, and for the first time in forty years the people of the town could walk over "
    "to the island and back again without wet feet. Nobody had seen it before.\n"
)


def facts(structure: Structure) -> tuple[str | None, ...]:
    return structure.title, structure.author, structure.date, structure.source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "---\ntitle: 'Low tide: a report'\nauthors:\n  - Jane Doe\n  - name: John Roe\ndate: 2021-05-03 # draft\n"
            "tags: [sea, moon]\nurl: https://www.example.org/tide\n---\n\n" + BODY,
            ("Low tide: a report", "Jane Doe, John Roe", "2021-05-03", "example.org"),
        ),
        (
            '---\r\ntitle: "Low tide"\r\nauthor: [Jane Doe, John Roe]\r\npublisher: The Gull\r\n...\r\n'
            + BODY,
            ("Low tide", "Jane Doe, John Roe", None, "The Gull"),
        ),
        (
            "\ufeffTitle: Low tide\nAuthor: Jane Doe\nDate: 3 May 2021\nSource: The Gull\n\n" + BODY,
            ("Low tide", "Jane Doe", "3 May 2021", "The Gull"),
        ),
        (
            "# Low tide\n\n**Author:** Jane Doe\n**Published:** May 2021\n\n" + BODY,
            ("Low tide", "Jane Doe", "May 2021", None),
        ),
        (
            "Título: Marea baja\nFecha: 3 de mayo de 2021\n\n" + BODY,
            ("Marea baja", None, "3 de mayo de 2021", None),
        ),
        ("Low tide\n\nBy Jane Doe\n\nMay 3, 2021\n\n" + BODY, ("Low tide", "Jane Doe", "May 3, 2021", None)),
        ("Low tide\n\nBy Jane Doe | May 3, 2021\n\n" + BODY, ("Low tide", "Jane Doe", "May 3, 2021", None)),
        (
            "Low tide\n\nUpdated 5 May 2021\nPublished 3 May 2021\n\n" + BODY,
            ("Low tide", None, "3 May 2021", None),
        ),
        (
            "Low tide\n\nLONDON, 3 May 2021 (Reuters) - " + BODY,
            ("Low tide", None, "3 May 2021", "Reuters"),
        ),
        ("Low tide\n\nLONDON (AP) — " + BODY, ("Low tide", None, None, "AP")),
        ("Low tide\n\n" + BODY, ("Low tide", None, None, None)),
    ],
)
def test_stated_in_general_ways(text: str, expected: tuple[str | None, ...]) -> None:
    assert facts(read_structure(text)) == expected


def test_lines_of_a_head_are_quoted_one_by_one_and_markup_never() -> None:
    text = "---\ntitle: Low tide\ndate: 2021-05-03\ntags: [sea]\n---\n" + BODY
    structure = read_structure(text)
    quoted = [span.of(text) for span in structure.sentences]
    assert quoted[:2] == ["title: Low tide", "date: 2021-05-03"]
    assert structure.sentence_kinds[:2] == ("title", "date")
    assert not any("---" in quote or "tags" in quote for quote in quoted)


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nA text between two rules.\n\n---\n\n" + BODY,
        "---\ntitle: never closed\n\n" + BODY,
        "Alice: hello\nBob: hello yourself\n\n" + BODY,
        "Note: the harbour fell dry. It was Monday.\n" + BODY,
        "12:30 The harbour\n13:30 The island\n\n" + BODY,
    ],
)
def test_what_is_no_head(text: str) -> None:
    assert read_head(text) is None


def test_the_declared_language_holds_where_the_text_is_too_short_to_tell() -> None:
    assert read_structure("---\nlang: de-CH\n---\n\nHafen leer.\n").language == "de"
    assert read_structure("---\nlang: de\n---\n\n" + BODY).language == "en"


@pytest.mark.parametrize(
    ("stated", "iso"),
    [
        ("2021-05-03T23:10:00Z", "2021-05-03"),
        ("20210503", "2021-05-03"),
        ("2021/5/3", "2021-05-03"),
        ("Mon, 03 May 2021 10:00:00 +0200", "2021-05-03"),
        ("Published on May 3rd, 2021 at 10:15", "2021-05-03"),
        ("October 23rd 2025", "2025-10-23"),
        ("3. Mai 2021", "2021-05-03"),
        ("3 de mayo de 2021", "2021-05-03"),
        ("1er mars 2020", "2020-03-01"),
        ("2024年5月3日", "2024-05-03"),
        ("03.05.2021", "2021-05-03"),
        ("13/05/2021", "2021-05-13"),
        ("05/13/2021", "2021-05-13"),
        ("4/4/2021", "2021-04-04"),
        ("May 2021", "2021-05"),
        ("2021", "2021"),
        ("03/05/2021", None),
        ("3 May 2021, updated 5 May 2021", None),
        ("3–5 May 2021", None),
        ("3 to 5 May 2021", None),
        ("3rd - 5th May 2021", None),
        ("May 30 to June 2, 2021", None),
        ("30 April – 2 May 2021", None),
        ("3. bis 5. Mai 2021", None),
        ("3.5. bis 5.5.2021", None),
        ("du 3 au 5 mai 2021", None),
        ("del 3 al 5 de mayo de 2021", None),
        ("3 and 5 May 2021", None),
        ("2021年5月3日至5日", None),
        ("10:15 – 3 May 2021", "2021-05-03"),
        ("10.15 - 3 May 2021", "2021-05-03"),
        ("Lund – 3 May 2021", "2021-05-03"),
        ("No. 12 – 2021-05-03", "2021-05-03"),
        ("2021年5月3日 - 10:15", "2021-05-03"),
        ("30 February 2021", None),
        ("3 May 21", None),
        ("last Monday", None),
        ("version 1.2.2021-05-03", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_only_where_certain(stated: str | None, iso: str | None) -> None:
    assert iso_date(stated) == iso


@settings(deadline=None)
@given(st.dates(date(1000, 1, 1), date(2999, 12, 31)))
def test_every_day_in_iso_and_in_words(day: date) -> None:
    for stated in (day.isoformat(), f"{day:%d %B %Y}", f"{day:%B} {day.day}, {day.year}", f"{day:%d.%m.%Y}"):
        assert iso_date(stated) == day.isoformat()


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = iso_date(text)
    if found is not None:
        assert read_bound(found) == found
        assert first_day(found) <= last_day(found)


def test_bounds() -> None:
    assert [read_bound(text) for text in ("2024", "2024-02", "2024-02-29", " 2024 ")] == [
        "2024",
        "2024-02",
        "2024-02-29",
        "2024",
    ]
    assert [read_bound(text) for text in ("24", "2024-2", "2023-02-29", "1 May 2024", "", "٢٠٢٤")] == [
        None
    ] * 6
    assert (first_day("2024-02"), last_day("2024-02"), last_day("2024")) == (
        "2024-02-01",
        "2024-02-29",
        "2024-12-31",
    )
