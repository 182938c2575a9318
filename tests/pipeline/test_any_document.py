"""Documents of whatever characters: each quote is the text at its offsets, and a question can't break it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import SourceError
from rag.pipeline import Pipeline

# Characters that change length or order when they are folded, composed, decoded or shown.
ODD = (
    "İßſﬁ①e\u0301\u00e9\u00ad\u200b\u200d\u202e\u2066\ufeff\u00a0\u3000\x85\u2028😀"
    "👩\u200d🔬𝕏אבعربي한국日本ไทย\t\r\x0c"
)
WORDS = [
    "The bridge",
    "was opened",
    "in 1932",
    "by Mayor Adams",
    "straße",
    "Ｆｕｌｌ",
    "e.g. Mr.",
    "“quoted”",
    "…",
]
texts = st.lists(
    st.sampled_from(WORDS) | st.text(ODD + "ab .,!?\n", max_size=6), min_size=1, max_size=30
).map(" ".join)
questions = st.sampled_from(
    [
        "When was the bridge opened?",
        "Who opened it?",
        "İSTANBUL straße?",
        "😀?",
        "\u202eWhen?",
        "\ud800 opened?",
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts, texts, questions)
def test_every_quote_is_the_text_at_its_offsets(before: str, after: str, question: str) -> None:
    text = f"{before}\nThe harbour bridge was opened in 1932 by Mayor Adams. {after}"
    answer = Pipeline.from_texts({"a.txt": text}).ask(question)
    for cited in (*answer.citations, *answer.nearest):
        assert text[cited.start : cited.end] == cited.quote
        if cited.highlight:
            low, high = cited.highlight
            assert cited.start <= low < high <= cited.end
    if answer.found:
        assert answer.text == answer.citations[0].quote
        assert answer.short is None or answer.short in answer.text


def test_a_text_that_is_no_utf8_is_refused_by_name(pipeline: Pipeline) -> None:
    with pytest.raises(SourceError, match=r"'b\.txt': half of a surrogate pair at character 4"):
        pipeline.read("When was it opened?", {"a.txt": "In 1932.", "b.txt": "It w\ud800as."})


@pytest.mark.parametrize("question", ["the", "When?", "Who was it?", "???", "¿Qué es?"])
def test_a_question_that_names_nothing_is_refused_and_says_so(pipeline: Pipeline, question: str) -> None:
    answer = pipeline.ask(question)
    assert not answer.found
    assert "nothing in the question says what it is about" in str(answer.reason)


def test_a_name_that_is_a_small_word_too_names_something() -> None:
    text = (
        "The WHO was founded in April 1948. It has its seat in Geneva, and a hundred and ninety-four members."
    )
    assert Pipeline.from_texts({"a.txt": text}).ask("When was the WHO founded?").short == "April 1948"
