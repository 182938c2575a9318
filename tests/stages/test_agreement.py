"""Texts that agree support each other; what only looks alike does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from rag.assembly import make_document
from rag.candidates import Candidate, RankWeights, find_candidates
from rag.chunking import whole_chunk
from rag.pipeline import Pipeline
from rag.reader import Reading
from rag.retriever import Hit

KEEPERS = {
    "a.txt": "The zoo of Tarn\n\nThe zoo of Tarn has 5 keepers. It opened in 1951.",
    "b.txt": "Zoos\n\nThe zoo of Tarn has 15 keepers, said its head in spring. It is shut on Mondays.",
    "c.txt": "Zoo news\n\nThere are 5 keepers at the zoo of Tarn, two of them new. All of them live near by.",
}


def candidates(
    read: Sequence[tuple[str, str, float]], *, weights: RankWeights | None = None
) -> list[Candidate]:
    """Those of (text, short answer in it, the reader's score), with nothing else that tells them apart."""
    texts = list(dict.fromkeys(text for text, _, _ in read))
    documents = {text: make_document(text, text, "") for text in texts}
    hits = [Hit(at, whole_chunk(documents[text]), 0.0, 0.0, 0.0) for at, text in enumerate(texts)]
    readings = []
    for text, short, score in read:
        passage = texts.index(text)
        start = hits[passage].chunk.text.index(short)
        readings.append(Reading(passage, start, start + len(short), score, score))
    return find_candidates(
        documents, hits, readings, alike_all, max_quote_words=60, weights=weights or RankWeights()
    )


def alike_all(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    return np.zeros(len(texts), np.float32)


def support(read: Sequence[tuple[str, str, float]]) -> dict[str, int]:
    return {candidate.short: candidate.n_support for candidate in candidates(read)}


def test_three_texts_that_agree_come_before_one_that_the_reader_likes_a_little_better() -> None:
    read = [
        ("The mill burned in 1976.", "1976", 8.2),
        ("The mill burned in 1974.", "1974", 8.0),
        ("It was in 1974 that the mill burned.", "1974", 7.9),
        ("In 1974 the mill burned down.", "1974", 7.8),
    ]
    assert [c.short for c in candidates(read)] == ["1974", "1974", "1974", "1976"]
    assert candidates(read, weights=RankWeights(support=0.0))[0].short == "1976"


def test_many_texts_that_agree_do_not_outweigh_what_the_reader_is_sure_of() -> None:
    read = [(f"Text {n}: the mill burned in 1974.", "1974", 3.0) for n in range(50)]
    assert candidates([*read, ("The mill burned in 1976.", "1976", 8.0)])[0].short == "1976"


@pytest.mark.parametrize("other", ["15", "5,000", "2.5", "55"])
def test_a_number_is_not_supported_by_one_that_holds_its_digits(other: str) -> None:
    read = [("It has 5 keepers.", "5", 8.0), (f"It has {other} keepers.", other, 8.0)]
    assert support(read) == {"5": 0, other: 0}


def test_a_longer_answer_supports_the_one_it_holds() -> None:
    read = [("It burned in 1974.", "1974", 8.0), ("It burned on 3 May 1974.", "3 May 1974", 8.0)]
    assert support(read) == {"1974": 1, "3 May 1974": 0}


def test_a_sentence_counts_once_and_not_for_itself() -> None:
    twice = "In 1974, on 3 May 1974, it burned."
    read = [(twice, "1974", 8.0), (twice, "3 May 1974", 8.0), ("It burned in 1974.", "1974", 8.0)]
    found = {(c.document.doc_id, c.short): c.n_support for c in candidates(read)}
    assert found[twice, "1974"] == 1
    assert found["It burned in 1974.", "1974"] == 1


def test_places_that_overlap_count_once() -> None:
    text = "The mill burned in 1974. It was never built again. Nobody knew why."
    read = [
        (text, "1974", 8.0),
        (text, "1974. It was never", 8.0),
        ("It burned in 1974.", "1974", 8.0),
    ]
    found = {(c.document.doc_id, c.short): c.n_support for c in candidates(read)}
    assert found["It burned in 1974.", "1974"] == 1
    assert found[text, "1974"] == 1


def test_two_sentences_of_one_document_support_each_other() -> None:
    text = "The mill burned in 1974. The year 1974 was dry."
    first, second = candidates([(text, "1974", 8.0), (text, "1974 was", 7.0)])
    assert (first.n_support, second.n_support) == (1, 0)


def test_what_the_reader_does_not_believe_supports_nothing() -> None:
    read = [("It burned in 1974.", "1974", 8.0), ("The year 1974 was dry.", "1974", -1.0)]
    assert [(c.reading.score, c.n_support) for c in candidates(read)] == [(8.0, 0), (-1.0, 1)]


def test_an_answer_is_cited_with_the_text_that_agrees_not_with_the_one_that_contradicts() -> None:
    answer = Pipeline.from_texts(KEEPERS).ask("How many keepers does the zoo of Tarn have?", top_k=2)
    assert answer.short == "5"
    assert {citation.doc_id for citation in answer.citations} == {"a.txt", "c.txt"}


def test_no_short_answer_runs_from_one_paragraph_into_the_next() -> None:
    text = "Answers of the week\n\nThe first: Vermont.\n\nMassachusetts followed in May. It took a year."
    found = candidates([(text, "Vermont. Massachusetts", 9.0), (text, "Massachusetts", 1.0)])
    assert [candidate.short for candidate in found] == ["Massachusetts"]


def test_a_short_answer_may_hold_a_page_break_within_its_sentence_and_the_lines_of_a_list() -> None:
    broken = "The plan was made by the two men who had been sent to the capital by the\n\nking of Tarn in May 1902."
    listed = "They bought three things:\n- bread\n- salt\n- oil\nand went home."
    assert [c.short for c in candidates([(broken, "the king of Tarn", 2.0)])] == ["the\n\nking of Tarn"]
    assert [c.short for c in candidates([(listed, "bread salt", 2.0)])] == ["bread\n- salt"]
