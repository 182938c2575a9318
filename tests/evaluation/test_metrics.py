"""Each metric against arithmetic done by hand or against a second, independent implementation."""

from __future__ import annotations

import doctest
import importlib
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.datatypes import Citation
from rag.evaluation import metrics
from rag.evaluation.metrics import (
    SquadScores,
    aurc,
    auroc,
    best_threshold,
    calibration_bins,
    calibration_error,
    citation_is_exact,
    evidence_at_k,
    exact_match,
    f1_score,
    holds_answer,
    latency_by_stage,
    ndcg_at_k,
    normalize_answer,
    paired_difference,
    percentile,
    place_rank,
    recall_at_k,
    reciprocal_rank_at_k,
    risk_coverage,
)
from rag.evaluation.question_sets import Gold

MODULES = (
    "answer_metrics", "confidence_metrics", "evidence_metrics", "ranking_metrics", "ranking_run", "report",
    "resources", "significance", "tables",
)  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"rag.evaluation.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_every_metric_names_formula_or_source() -> None:
    for name in metrics.__all__:
        thing = getattr(metrics, name)
        assert thing.__doc__, name


class TestAnswers:
    def test_normalisation_in_the_official_order(self) -> None:
        assert normalize_answer("The Answer: A man's  U.S.-based “plan”") == "answer mans usbased “plan”"
        # Punctuation goes before articles do, so "a-b" becomes one word and keeps its a.
        assert normalize_answer("a-b a b") == "ab b"

    def test_f1_by_hand(self) -> None:
        # said: in, late, october (3); gold: late, october, 2025 (3); shared 2: P = R = 2/3.
        assert f1_score("in late October", ["late October 2025"]) == pytest.approx(2 / 3)
        # A word counts as often as both have it: shared "new" once of 2 and 1.
        assert f1_score("new new", ["new york"]) == pytest.approx(2 * (1 / 2) * (1 / 2) / (1 / 2 + 1 / 2))
        assert f1_score("Paris", ["London", "in Paris"]) == pytest.approx(2 * 1 * 0.5 / 1.5)

    def test_refusals(self) -> None:
        assert exact_match("", []) == f1_score("", []) == 1.0
        assert exact_match("x", []) == f1_score("x", []) == 0.0
        assert exact_match("", ["x"]) == f1_score("", ["x"]) == 0.0
        # Official: a gold answer of nothing but articles and punctuation is no gold answer.
        assert exact_match("", ["the."]) == 1.0

    def test_summary_by_hand(self) -> None:
        golds = [["Seoul"], ["forty two men"], [], []]
        candidates = ["Seoul", "two men", "Paris", "Rome"]
        decided = ["Seoul", "two men", "", "Rome"]
        scores = SquadScores(golds, decided, candidates, no_answer=[0.1, 0.5, 0.4, 0.9]).to_dict()
        f1 = 2 * (2 / 2) * (2 / 3) / (2 / 2 + 2 / 3)
        assert scores["exact"] == pytest.approx(100 * (1 + 0 + 1 + 0) / 4)
        assert scores["f1"] == pytest.approx(100 * (1 + f1 + 1 + 0) / 4)
        assert scores["HasAns_exact"] == pytest.approx(50)
        assert scores["HasAns_f1"] == pytest.approx(100 * (1 + f1) / 2)
        assert scores["NoAns_accuracy"] == pytest.approx(50)
        assert (scores["HasAns_total"], scores["NoAns_total"]) == (2, 2)
        # From all refused, 2 right: +1 at 0.1 -> 3; -1 at 0.4 -> 2; +f1 at 0.5 -> 2.8; -1 at 0.9.
        assert scores["best_f1"] == pytest.approx(100 * 3 / 4)
        assert scores["best_f1_thresh"] == 0.1
        assert scores["best_exact"] == pytest.approx(75)
        assert scores["answerable_only_f1"] == pytest.approx(100 * (1 + f1) / 2)

    @given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=30))
    def test_best_threshold_is_the_best_of_all_thresholds(self, rows: list[tuple[float, bool, bool]]) -> None:
        answerable = [has for _, has, _ in rows]
        predictions = ["x" if said else "" for _, _, said in rows]
        scores = [float(said and has) or float(not said and not has) for _, has, said in rows]
        no_answer = [p for p, _, _ in rows]

        def total(threshold: float) -> float:
            kept = [p <= threshold for p in no_answer]
            return sum(
                s if keep and (has or said) else float(not has)
                for s, keep, has, said in zip(scores, kept, answerable, predictions, strict=True)
            )

        best, threshold = best_threshold(scores, predictions, answerable, no_answer)
        assert best == pytest.approx(100 / len(rows) * max(total(t) for t in [-1.0, *no_answer]))
        assert best >= 100 / len(rows) * total(threshold) - 1e-9

    def test_no_question_of_a_kind(self) -> None:
        scores = SquadScores([["a1"]], ["a1"]).to_dict()
        assert scores["NoAns_accuracy"] is None

    @pytest.mark.parametrize(
        ("quote", "gold", "held"),
        [
            ("The levy rose to 125 per cent—overnight.", "125 per cent", True),
            ("The levy rose to 125 per cent.", "25 per cent", False),
            ("Talks, he said, were “frozen”.", "frozen", True),
            ("in the U.S. Senate", "US Senate", True),
            ("negotiations", "negotiation", False),
            ("anything", "...", False),
        ],
    )
    def test_quote_holds_answer(self, quote: str, gold: str, held: bool) -> None:
        assert holds_answer(quote, [gold]) is held


class TestRanking:
    def test_by_hand(self) -> None:
        relevance = {"a": 2, "b": 1, "c": 0}
        ranking = ["c", "b", "x", "a"]
        ideal = 2 / np.log2(2) + 1 / np.log2(3)
        assert ndcg_at_k(ranking, relevance) == pytest.approx((1 / np.log2(3) + 2 / np.log2(5)) / ideal)
        assert reciprocal_rank_at_k(ranking, relevance) == 0.5
        assert reciprocal_rank_at_k(ranking, relevance, 1) == 0.0
        assert recall_at_k(ranking, relevance, 2) == 0.5

    def test_nothing_relevant_or_found(self) -> None:
        assert (
            ndcg_at_k([], {"a": 1}) == recall_at_k([], {"a": 1}, 5) == reciprocal_rank_at_k([], {"a": 1}) == 0
        )
        assert ndcg_at_k(["a"], {"a": 0}) == recall_at_k(["a"], {"a": 0}, 5) == 0

    def test_equal_to_trec_eval(self) -> None:
        pytrec_eval = pytest.importorskip("pytrec_eval")
        rng = random.Random(5)
        qrels, runs = {}, {}
        for q in range(40):
            docs = [f"d{i}" for i in range(60)]
            rng.shuffle(docs)
            # trec_eval refuses a query without judgement but takes one without a relevant document.
            judged = rng.sample(docs, 12)
            qrels[f"q{q}"] = {doc: rng.choice([0, 0, 1, 2, 3]) for doc in judged} | {judged[0]: 1}
            runs[f"q{q}"] = docs[: rng.choice([1, 5, 30, 60])]
        judge = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.1,5,10,100", "recip_rank"})
        scored = {q: {doc: float(-place) for place, doc in enumerate(run)} for q, run in runs.items()}
        cut = {q: {doc: float(-place) for place, doc in enumerate(run[:10])} for q, run in runs.items()}
        whole, first_ten = judge.evaluate(scored), judge.evaluate(cut)
        for q, run in runs.items():
            assert ndcg_at_k(run, qrels[q], 10) == pytest.approx(whole[q]["ndcg_cut_10"])
            for k in (1, 5, 10, 100):
                assert recall_at_k(run, qrels[q], k) == pytest.approx(whole[q][f"recall_{k}"])
            assert reciprocal_rank_at_k(run, qrels[q], 10) == pytest.approx(first_ten[q]["recip_rank"])


class TestConfidence:
    def test_auroc_equals_scikit_learn(self) -> None:
        sklearn = pytest.importorskip("sklearn.metrics")
        rng = np.random.default_rng(3)
        for n in (5, 50, 400):
            scores = np.round(rng.random(n), 1)  # many ties
            positive = rng.random(n) < 0.4
            positive[:2] = [True, False]
            assert auroc(scores.tolist(), positive.tolist()) == pytest.approx(
                sklearn.roc_auc_score(positive, scores)
            )

    def test_auroc_needs_both_kinds(self) -> None:
        assert auroc([0.1, 0.2], [True, True]) is None

    def test_risk_coverage_by_hand(self) -> None:
        points = risk_coverage([0.2, 0.9, 0.5, 0.5], [0, 1, 1, 0])
        assert [(p.threshold, p.coverage) for p in points] == [(0.9, 0.25), (0.5, 0.75), (0.2, 1.0)]
        assert [p.risk for p in points] == pytest.approx([0, 1 / 3, 2 / 4])

    def test_aurc_by_hand_and_over_tie_orders(self) -> None:
        # Wrong ones among the i most confident: 0, 1, 1, 2 of i = 1..4.
        assert aurc([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0]) == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
        # The middle two tied: mean of the two orders.
        first = (0 + 1 / 2 + 1 / 3 + 2 / 4) / 4
        second = (0 + 0 / 2 + 1 / 3 + 2 / 4) / 4
        assert aurc([0.9, 0.7, 0.7, 0.6], [1, 0, 1, 0]) == pytest.approx((first + second) / 2)

    def test_calibration_error_equals_numpy(self) -> None:
        rng = np.random.default_rng(1)
        confidence = rng.random(500)
        right = (rng.random(500) < confidence**2).astype(float)
        which = np.minimum((confidence * 10).astype(int), 9)
        width = sum(
            abs(right[which == b].mean() - confidence[which == b].mean()) * (which == b).mean()
            for b in range(10)
            if (which == b).any()
        )
        assert calibration_error(confidence.tolist(), right.tolist()) == pytest.approx(width)
        order = np.argsort(confidence)
        mass = sum(
            abs(right[part].mean() - confidence[part].mean()) * len(part) / 500
            for part in np.split(order, 10)
        )
        assert calibration_error(confidence.tolist(), right.tolist(), equal_mass=True) == pytest.approx(mass)

    def test_certainty_falls_in_the_last_bin(self) -> None:
        (only,) = calibration_bins([1.0, 0.95], [1, 1])
        assert (only.low, only.high, only.n) == (0.9, 1.0, 2)

    def test_fewer_questions_than_bins(self) -> None:
        assert sum(b.n for b in calibration_bins([0.1, 0.9], [0, 1], equal_mass=True)) == 2

    def test_nothing(self) -> None:
        assert risk_coverage([], []) == []
        assert aurc([], []) is None
        assert calibration_error([], []) is None


class TestSignificance:
    def test_exact_randomisation_by_enumeration(self) -> None:
        first, second = [0.0] * 4, [1.0, 1.0, 1.0, 0.0]
        # 3 nonzero differences: all signs alike in 2 of 8 cases.
        assert paired_difference(first, second).p == pytest.approx(2 / 8, abs=0.02)

    def test_seeded(self) -> None:
        first = [0.0, 1.0, 0.0, 1.0, 0.5] * 9
        second = [0.5, 1.0, 0.2, 0.7, 0.5] * 9
        assert paired_difference(first, second) == paired_difference(first, second)
        assert paired_difference(first, second, seed=1).p != paired_difference(first, second, seed=2).p

    def test_interval_holds_the_mean_and_swaps_with_the_order(self) -> None:
        rng = np.random.default_rng(0)
        first, second = rng.random(80).tolist(), (rng.random(80) + 0.1).tolist()
        one, other = paired_difference(first, second), paired_difference(second, first)
        assert one.low < one.mean < one.high
        assert other.mean == pytest.approx(-one.mean)
        assert other.p == pytest.approx(one.p, abs=0.01)

    def test_no_difference_is_never_significant(self) -> None:
        assert paired_difference([0.3] * 50, [0.3] * 50).p == 1.0

    @pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [1.0, 2.0])])
    def test_unpaired(self, first: list[float], second: list[float]) -> None:
        with pytest.raises(ValueError, match="expected one score a question"):
            paired_difference(first, second)


class TestEvidence:
    def test_place(self) -> None:
        def citation(doc_id: str, start: int, end: int) -> Citation:
            return Citation(doc_id, None, start, end, "x" * (end - start), None, None, "", 0.0)

        golds = [Gold("y", "a", 5, 9), Gold("z")]
        shown = [citation("b", 0, 20), citation("a", 6, 20), citation("a", 5, 9)]
        assert place_rank(shown, golds) == 3
        assert place_rank(shown[:2], golds) is None

    def test_exactness(self) -> None:
        texts = {"a": "One. Two."}
        good = Citation("a", None, 5, 9, "Two.", (5, 8), None, "", 0.0)
        assert citation_is_exact(good, texts)
        assert not citation_is_exact(Citation("a", None, 4, 8, "Two.", None, None, "", 0.0), texts)
        assert not citation_is_exact(Citation("b", None, 5, 9, "Two.", None, None, "", 0.0), texts)
        assert not citation_is_exact(Citation("a", None, 5, 9, "Two.", (0, 3), None, "", 0.0), texts)

    def test_no_questions(self) -> None:
        assert evidence_at_k([], 1) is None


class TestResources:
    @given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0, 100))
    def test_percentile_equals_numpy(self, values: list[float], percent: float) -> None:
        assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)), abs=1e-9)

    def test_stage_that_is_skipped_is_not_zero(self) -> None:
        assert latency_by_stage([{"a": 1.0}, {}])["a"] == {"p50": 1.0, "p95": 1.0}
