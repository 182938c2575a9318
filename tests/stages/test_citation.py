"""A quote is whole sentences, exact, and never wrong in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citation import cite, quote_span, same_words, says
from rag.datatypes import Document, Span
from rag.errors import CitationError

TEXT = "Ada met Mr. Bo.  They\n\nspoke for hours. Nobody else came."
SENTENCES = (Span(0, 15), Span(17, 39), Span(40, 57))
DOCUMENT = Document("a.txt", TEXT, "0" * 64, sentences=SENTENCES, sentence_kinds=("prose",) * 3)


@pytest.mark.parametrize(
    ("highlight", "quote"),
    [
        ("Mr. Bo", "Ada met Mr. Bo."),
        ("hours", "They\n\nspoke for hours."),
        ("They", "They\n\nspoke for hours."),
        ("hours. Nobody", "They\n\nspoke for hours. Nobody else came."),
        ("came.", "Nobody else came."),
    ],
)
def test_the_quote_is_the_whole_sentences_around_the_answer(highlight: str, quote: str) -> None:
    start = TEXT.index(highlight)
    span = quote_span(DOCUMENT, Span(start, start + len(highlight)), 60)
    assert span.of(TEXT) == quote


def test_a_sentence_without_end_is_cut_at_clauses() -> None:
    text = ", ".join(f"item {n} costs {n} euros" for n in range(500))
    document = Document(
        "list.txt", text, "0" * 64, sentences=(Span(0, len(text)),), sentence_kinds=("prose",)
    )
    start = text.index("item 250 costs")
    span = quote_span(document, Span(start, start + 8), 60)
    assert "item 250 costs 250 euros" in span.of(text)
    assert len(span.of(text).split()) <= 60
    assert span.of(text).startswith("item")


@given(st.integers(0, 56), st.integers(1, 57))
def test_any_highlight_is_within_its_quote(start: int, length: int) -> None:
    highlight = Span(start, min(57, start + length))
    span = quote_span(DOCUMENT, highlight, 60)
    assert span.covers(highlight)
    citation = cite(DOCUMENT, span, highlight, 1.0)
    assert citation.quote == TEXT[citation.start : citation.end]


@pytest.mark.parametrize(
    ("span", "highlight"),
    [
        (Span(5, 5), None),
        (Span(-1, 4), None),
        (Span(50, 58), None),
        (Span(0, 15), Span(10, 20)),
        (Span(0, 15), Span(4, 4)),
    ],
)
def test_a_wrong_place_raises(span: Span, highlight: Span | None) -> None:
    with pytest.raises(CitationError, match="rag index"):
        cite(DOCUMENT, span, highlight, 1.0)


def test_same_words() -> None:
    assert same_words("“China Hawk”,") == same_words("china  hawk")
    assert same_words("12") != same_words("21")


def test_words_are_whole_ones() -> None:
    assert says(same_words("There are 5 keepers."), same_words("5 Keepers"))
    for other in ("15 keepers", "5,000 keepers", "2.5 keepers", "5 zookeepers"):
        assert not says(same_words(other), same_words("5 keepers"))
    assert not says(same_words("There are 5."), same_words("…"))
