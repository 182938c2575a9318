"""Written questions are shown so that their wording alone does not tell whether they have an answer."""

from __future__ import annotations

from collections import Counter

import pytest

from rag.training.balance import betrayed, repeated, wording_odds
from rag.training.data import Corpus, Paragraph, Question

pytest.importorskip("sklearn")


def asked(n_articles: int = 40) -> tuple[list[Question], list[int]]:
    """Plain wording mostly has no answer, loose wording mostly has one."""
    questions = []
    for article in range(n_articles):
        rare = article % 5 == 0
        for i in range(2):
            plain = Question(
                f"p{article}-{i}",
                f"How many boats did harbour {article} hold?",
                article,
                ((0, 4),) if rare else (),
            )
            loose = Question(
                f"l{article}-{i}", f"so who ran harbour {article} then", article, () if rare else ((5, 9),)
            )
            questions += [plain, loose]  # fmt: skip
    return questions, [q.paragraph_idx for q in questions]


def test_wording_is_found_to_betray_the_label() -> None:
    questions, articles = asked()
    odds = wording_odds(questions, articles)
    common = [p for q, p in zip(questions, odds, strict=True) if q.paragraph_idx % 5]
    rare = [p for q, p in zip(questions, odds, strict=True) if q.paragraph_idx % 5 == 0]
    assert min(common) > 0.5 > max(rare)


def test_what_the_wording_betrays_is_shown_less_often() -> None:
    questions, _ = asked()
    shown = Counter(q.query_id for q in repeated(questions, 6, seed=1))
    rare = [shown[q.query_id] for q in questions if q.paragraph_idx % 5 == 0]
    common = [shown[q.query_id] for q in questions if q.paragraph_idx % 5]
    assert min(rare) > max(common)
    assert sum(shown.values()) == pytest.approx(6 * len(questions), rel=0.1)


def test_both_labels_weigh_the_same_and_a_seed_gives_the_same() -> None:
    questions, _ = asked()
    labels = Counter(q.answerable for q in repeated(questions, 6, seed=1))
    assert labels[True] == pytest.approx(labels[False], rel=0.1)
    assert repeated(questions, 6, seed=1) == repeated(questions, 6, seed=1)


def test_too_few_articles_are_all_shown_alike() -> None:
    questions, _ = asked(3)
    assert set(Counter(q.query_id for q in repeated(questions, 2, seed=1)).values()) == {2}


def test_what_a_file_betrays_without_reading_is_measured() -> None:
    questions, articles = asked()
    paragraphs = [Paragraph(f"Harbour {i} can hold many boats.", "Harbours", "x") for i in set(articles)]
    found = betrayed(Corpus(paragraphs, questions))
    assert found["wording"] > 0.7 > found["weighted"]
    assert found["overlap"] > 0.7
