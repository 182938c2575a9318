"""Questions to records to figures, with a pipeline whose every answer is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_fakes import KNOWN, TEXTS, FakePipeline

from rag.errors import DatasetError
from rag.evaluation.ablations import ablate
from rag.evaluation.question_sets import Gold, Question, QuestionSet, RankingSet
from rag.evaluation.ranking_run import rank_all
from rag.evaluation.records import Record
from rag.evaluation.run import ask_all
from rag.evaluation.summary import summarize

WHEN, WHO, TALL, DESIGN, PARK = KNOWN
FAR = "What is the capital of Peru?"


def gold(doc_id: str, text: str) -> Gold:
    start = TEXTS[doc_id].index(text)
    return Gold(text, doc_id, start, start + len(text))


QUESTIONS = QuestionSet(
    "small",
    "small.json",
    (
        Question("q0", WHEN, (gold("bridge.txt", "1932"),), "bridge.txt", "answerable"),
        Question("q1", WHO, (gold("bridge.txt", "Mayor Adams"),), "bridge.txt", "answerable"),
        Question("q2", TALL, (gold("tower.txt", "324 metres tall"),), "tower.txt", "answerable"),
        Question("q3", DESIGN, (), "tower.txt", "near_miss"),
        Question("q4", PARK, (), "park.txt", "near_miss"),
        Question("q5", FAR, (), None, "far"),
    ),
    TEXTS,
)
ORDER = {WHEN: ["bridge.txt"], WHO: ["park.txt", "bridge.txt"], TALL: ["park.txt", "bridge.txt", "tower.txt"]}


@pytest.fixture
def records() -> list[Record]:
    return ask_all(FakePipeline(ORDER), QUESTIONS)


def test_outcome_and_stage_of_each(records: list[Record]) -> None:
    assert [(record.outcome, record.stage) for record in records] == [
        ("right answer", None),
        ("wrong answer", "wrong span"),
        ("wrong refusal", "wrongly refused"),
        ("wrong answer", "wrongly answered"),
        ("right refusal", None),
        ("right refusal", None),
    ]


@pytest.mark.parametrize(
    ("order", "stage"),
    [
        (["park.txt", "tower.txt", "bridge.txt"], "not ranked"),
        (["park.txt"], "not retrieved"),
        ([], "not retrieved"),
    ],
)
def test_where_a_wrong_answer_began(order: list[str], stage: str) -> None:
    record = ask_all(FakePipeline({WHO: order}), QUESTIONS)[1]
    assert record.stage == stage


def test_reader_setting_blames_the_reader() -> None:
    record = ask_all(FakePipeline(), replace(QUESTIONS, questions=QUESTIONS.questions[:2]), "reader")[1]
    assert (record.stage, record.n_read, record.doc_rank) == ("wrong span", 0, None)


def test_candidate_of_a_refusal_is_kept(records: list[Record]) -> None:
    tall = records[2]
    assert (tall.found, tall.short, tall.exact, tall.candidate_exact) == (False, "324 metres", 0.0, 0.0)
    assert tall.candidate_f1 == pytest.approx(2 * 1 * (2 / 3) / (1 + 2 / 3))
    assert tall.right


def test_records_survive_json(records: list[Record]) -> None:
    for record in records:
        assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_figures_by_hand(records: list[Record]) -> None:
    figures = summarize(records)
    tall = 0.8
    assert figures["n"] == 6
    assert figures["exact"] == pytest.approx(100 * (1 + 0 + 0 + 0 + 1 + 1) / 6)
    assert figures["HasAns_exact"] == pytest.approx(100 / 3)
    assert figures["NoAns_accuracy"] == pytest.approx(100 * 2 / 3)
    # Rising no-answer probability 0.05, 0.3, 0.4, 0.7: 3 + 1, + 0, - 1, + 0.8.
    assert figures["best_f1"] == pytest.approx(100 * 4 / 6)
    assert figures["best_f1_thresh"] == pytest.approx(0.05)
    # Answerable 0.95, 0.7, 0.3 against 0.6, 0.1, 0.0: pairs won 3 + 3 + 2 of 9.
    assert figures["answerable_auroc"] == pytest.approx(8 / 9)
    assert figures["answerable_auroc_by_kind"] == pytest.approx({"near_miss": 5 / 6, "far": 1.0})
    assert figures["answerable_only_f1"] == pytest.approx(100 * (1 + 0 + tall) / 3)
    assert (figures["recall@1"], figures["recall@5"]) == pytest.approx((1 / 3, 1.0))
    assert figures["mrr@10"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert figures["evidence@1"] == pytest.approx(2 / 3)
    assert figures["citation_exact"] == 1.0
    # By falling confidence: right, wrong, wrong (unanswerable), right, wrong, wrong.
    assert figures["aurc"] == pytest.approx((0 + 1 / 2 + 2 / 3 + 2 / 4 + 3 / 5 + 4 / 6) / 6)
    assert [point["coverage"] for point in figures["risk_coverage"]] == pytest.approx(
        [i / 6 for i in range(1, 7)]
    )
    expected = abs(1 - 0.95) + abs(0 - 0.7) + abs(1 - 0.3) + abs(0 - 0.6) + abs(0 - 0.1) + abs(0 - 0.0)
    assert figures["ece"] == pytest.approx(expected / 6)
    assert figures["refused_by_kind"]["near_miss"] == {"n": 2, "refused": 0.5}
    assert figures["refused_at_answered"]["0.90"]["min_confidence"] == 0.3
    assert figures["refused_at_answered"]["0.90"]["refused_by_kind"]["near_miss"]["refused"] == 0.5
    assert figures["stages"]["wrongly answered"] == 1
    assert figures["latency_p50"] == pytest.approx(0.03)
    assert json.dumps(figures, allow_nan=False)


def test_official_contract_fields_are_all_there(records: list[Record]) -> None:
    fields = (
        "n exact f1 HasAns_exact HasAns_f1 NoAns_accuracy best_f1 best_f1_thresh answerable_auroc recall@1 recall@5 "
        "recall@10 mrr@10 citation_exact risk_coverage aurc ece latency_p50 latency_p95"
    )
    figures = summarize(records)
    assert [field for field in fields.split() if figures.get(field) is None] == []


def test_a_set_of_one_kind_has_no_figure_for_the_other() -> None:
    only = QuestionSet("one", "one.json", QUESTIONS.questions[3:], TEXTS)
    figures = summarize(ask_all(FakePipeline(), only))
    assert figures["answerable_auroc"] is None
    assert figures["evidence@1"] is None
    assert figures["HasAns_f1"] is None
    assert json.dumps(figures, allow_nan=False)


def test_a_false_quote_is_counted() -> None:
    class Careless(FakePipeline):
        def __init__(self) -> None:
            super().__init__()
            self.index.documents = {**self.index.documents, "bridge.txt": self.index.documents["park.txt"]}

    small = QuestionSet("one", "one.json", (Question("q", WHEN, (Gold("1932"),)),))
    assert summarize(ask_all(Careless(), small))["citation_exact"] == 0.0


def test_gold_that_is_not_in_the_index_is_refused() -> None:
    wrong = Question("q9", WHEN, (Gold("1932", "bridge.txt", 0, 4),), "bridge.txt")
    with pytest.raises(DatasetError, match=r"'q9': answer '1932' is not at \[0, 4\) of bridge.txt"):
        ask_all(FakePipeline(), QuestionSet("x", "x.jsonl", (wrong,)))


def test_reader_setting_needs_paragraphs() -> None:
    with pytest.raises(DatasetError, match="--setting open"):
        ask_all(FakePipeline(), QuestionSet("x", "x.csv", QUESTIONS.questions), "reader")


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    ask_all(FakePipeline(), QUESTIONS, progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 6) for i in range(1, 7)]


def test_ablations_pair_every_row_with_the_default(records: list[Record]) -> None:
    pipeline = FakePipeline(ORDER)
    out = ablate(pipeline, QUESTIONS, records, lambda config: FakePipeline(ORDER))
    names = [row["name"] for row in out["rows"]]
    assert names[:4] == ["bm25 alone, best passage", "dense alone, best passage", "hybrid alone, best passage",
                         "hybrid + reader (default)"]  # fmt: skip
    assert "furniture kept" in names
    rows = {row["name"]: row for row in out["rows"]}
    assert rows["hybrid alone, best passage"]["recall@1"] == pytest.approx(1 / 3)
    # The fake's other modes rank in reverse.
    assert rows["bm25 alone, best passage"]["recall@1"] == pytest.approx(3 / 3)
    assert rows["hybrid + reader (default)"]["evidence@1"] == pytest.approx(2 / 3)
    assert all(0 < test["p"] <= 1 for test in out["differences"])


def test_ranking_counts_a_document_once_and_never_the_query_itself(tmp_path: Path) -> None:
    data = RankingSet(
        "r", "r", TEXTS, {"park.txt": "a", "q": "b"}, {"park.txt": {"tower.txt": 1}, "q": {"park.txt": 2}}
    )
    out = rank_all(FakePipeline().retriever, data)
    assert [record["recall@1"] for record in out["records"]] == [1.0, 1.0]
    assert out["modes"]["bm25"]["recall@1"] == 0.0
    assert out["ndcg@10"] == 1.0
    assert {row["what"] for row in out["differences"]} == {"hybrid - bm25", "hybrid - dense"}
