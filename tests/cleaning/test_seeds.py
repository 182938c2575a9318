"""The five seed articles: what is kept, what is left out, and every sentence whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rag.cleaning import Structure, read_structure

SEEDS = Path(__file__).parents[2] / "seeds"
# Lines (1-based) that belong to the article, as a person marked them.
ARTICLE_LINES = {
    "000": {*range(1, 18)},
    "001": {1, 2, 3, 4, *range(8, 39, 2)},
    "002": {1, *range(5, 24, 2)},
    "003": {1, *range(3, 40, 2), 41},
    "004": {1, 4, 6, 8, *range(12, 51, 2)},
}
PICTURE_LINES = {"001": {6}}


def read(name: str) -> tuple[str, Structure]:
    text = next(SEEDS.glob(f"{name}_*.txt")).read_bytes().decode()
    return text, read_structure(text)


def lines(text: str) -> list[tuple[int, int, int]]:
    """`(number, start, end)` of each line that is not blank."""
    found = enumerate(re.finditer(r"[^\n]*\n?", text), 1)
    return [(n, m.start(), m.end()) for n, m in found if m.group().strip()]


@pytest.mark.parametrize("name", ARTICLE_LINES)
def test_every_line_of_the_article_is_kept_and_every_line_of_furniture_is_out(name: str) -> None:
    text, structure = read(name)
    kept = {
        number
        for number, start, end in lines(text)
        if any(span.start < end and start < span.end for span in structure.prose)
    }
    assert kept == ARTICLE_LINES[name]


@pytest.mark.parametrize("name", ARTICLE_LINES)
def test_sentences_come_from_the_article_only(name: str) -> None:
    text, structure = read(name)
    article = [(s, e) for number, s, e in lines(text) if number in ARTICLE_LINES[name]]
    for sentence in structure.sentences:
        assert any(s <= sentence.start < e for s, e in article)
        assert any(s < sentence.end <= e for s, e in article)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("000", "The Diplomatic Disconnect"),
        ("001", "Why America and China can’t escape their toxic cycle of trade talks"),
        ("002", "No Backchannels, No Deal: Trump’s One-on-One Demand Freezes Tariff Talks"),
        ("003", "US-China negotiations proceed as hopes strengthen for trade war truce extension"),
        ("004", "Can backchannel diplomacy rescue US-China ties from brutal tariff war?"),
    ],
)
def test_titles(name: str, title: str) -> None:
    assert read(name)[1].title == title


def test_author_and_date() -> None:
    assert read("003")[1].author == "Anderson W. White"
    assert read("001")[1].date == "October 23rd 2025"
    assert read("000")[1].author is None


def test_headings_are_marked() -> None:
    text, structure = read("000")
    headings = [
        s.of(text)
        for s, kind in zip(structure.sentences, structure.sentence_kinds, strict=True)
        if kind == "heading"
    ]
    assert headings == [
        "The Lost Art of Backchannel Diplomacy",
        "Personality and Politics: The Human Element",
        "The Failed Business Bridge",
        "Institutional Erosion and Its Consequences",
        "Technological Competition Complicates Dialogue",
        "Pathways Forward Amid Structural Challenges",
        "The Global Implications",
    ]


def test_sentences_across_page_breaks_are_one() -> None:
    text, structure = read("001")
    sentences = [span.of(text) for span in structure.sentences]
    assert (
        "The recent purge of two top Chinese\n\ndiplomats with good contacts in Washington, Qin Gang and Liu "
        "Jianchao, has added to their worries."
    ) in sentences
    assert (
        "So in September it\n\nbanned its major tech companies from buying Nvidia’s AI chips."
    ) in sentences
    assert sum("\n\n" in sentence for sentence in sentences) == 2


@pytest.mark.parametrize("name", ARTICLE_LINES)
def test_every_sentence_of_prose_begins_and_ends_like_one(name: str) -> None:
    text, structure = read(name)
    for span, kind in zip(structure.sentences, structure.sentence_kinds, strict=True):
        sentence = span.of(text)
        if kind == "prose":
            assert re.match(r"[“(]?[A-Z]", sentence), sentence
            assert re.search(r"[.?!][”)]{0,2}$", sentence), sentence


def test_spanish_paragraph_is_split_into_its_two_sentences() -> None:
    text, structure = read("003")
    spanish = [
        s.of(text)
        for s in structure.sentences
        if re.search(r"\b(?:Washington, los|Las empresas)\b", s.of(text))
    ]
    assert len(spanish) == 2
    assert spanish[0].startswith("Para Washington, los objetivos")
    assert spanish[0].endswith("de las empresas estatales chinas.")
    assert spanish[1].startswith("Las empresas americanas")
    assert spanish[1].endswith("restricciones de inversión.")


def test_end_mark_is_outside_the_last_sentence() -> None:
    text, structure = read("001")
    assert structure.sentences[-1].of(text).endswith("the risk is that it quickly unravels.")


@pytest.mark.parametrize("name", ARTICLE_LINES)
def test_without_furniture_removal_every_line_with_words_is_prose(name: str) -> None:
    text = read(name)[0]
    structure = read_structure(text, remove_furniture=False)
    kept = {
        number
        for number, start, end in lines(text)
        if any(span.start < end and start < span.end for span in structure.sentences)
    }
    assert kept == {number for number, _, _ in lines(text)} - PICTURE_LINES.get(name, set())
    assert {block.kind for block in structure.blocks} <= {
        "prose",
        "heading",
        "title",
        "byline",
        "date",
        "markup",
    }
