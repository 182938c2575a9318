"""Records to figures: everything that `report.json` holds of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

from rag.evaluation.metrics import (
    SquadScores,
    aurc,
    auroc,
    best_threshold,
    calibration_bins,
    calibration_error,
    evidence_at_k,
    latency_by_stage,
    percentile,
    quote_words,
    risk_coverage,
)
from rag.evaluation.records import STAGES, Record

__all__ = ["MAX_POINTS", "summarize"]

MAX_POINTS = 200  # of a curve in report.json; a curve of thousands of points draws no differently
_CAREFUL = (0.90, 0.93)  # shares of the answerable questions answered, at which refusals are counted


def summarize(records: Sequence[Record]) -> dict[str, Any]:
    """All figures of a run over questions.

    SQuAD's own figures are in percent like the official script's, everything else is a share of 1.

    Args:
        records: one a question; at least one.
    """
    confidence = [record.confidence for record in records]
    right = [float(record.right) for record in records]
    asked = [record for record in records if record.answerable]
    scores = SquadScores(
        [record.golds for record in records],
        [record.short if record.found else "" for record in records],
        [record.short for record in records],
        [1.0 - value for value in confidence],
    ).to_dict()
    n_quotes = sum(record.n_quotes for record in records)
    return {
        "n": len(records),
        **scores,
        "answerable_auroc": auroc(confidence, [record.answerable for record in records]),
        "answerable_auroc_by_kind": _auroc_by_kind(records),
        **_by_score(records),
        **_ranking(records, asked),
        **_evidence(asked),
        "quote_words": _spread([quote_words(r.quote) for r in records if r.quote]),
        "citation_exact": sum(r.n_quotes_exact for r in records) / n_quotes if n_quotes else None,
        "n_quotes": n_quotes,
        "answered": _share(records, lambda r: r.found),
        "answerable_answered": _share(asked, lambda r: r.found),
        "answered_right": _share([r for r in records if r.found], lambda r: r.right),
        "refused_by_kind": _refused(records, lambda r: not r.found),
        "refused_at_answered": {f"{share:.2f}": _refused_at(records, share) for share in _CAREFUL},
        "evidence_by_kind": _evidence_by_kind(asked),
        "outcomes": _count([record.outcome for record in records]),
        "stages": {stage: sum(record.stage == stage for record in records) for stage in STAGES},
        "risk_coverage": _thin([asdict(point) for point in risk_coverage(confidence, right)]),
        "aurc": aurc(confidence, right),
        "aurc_f1": aurc(
            confidence, [record.candidate_f1 if record.answerable else 0.0 for record in records]
        ),
        "ece": calibration_error(confidence, right),
        "ece_equal_mass": calibration_error(confidence, right, equal_mass=True),
        "reliability": [asdict(part) for part in calibration_bins(confidence, right)],
        "latency": latency_by_stage(record.timings for record in records),
        "latency_p50": percentile([r.timings["total"] for r in records if "total" in r.timings], 50),
        "latency_p95": percentile([r.timings["total"] for r in records if "total" in r.timings], 95),
    }


def _by_score(records: Sequence[Record]) -> dict[str, float | None]:
    """The same two figures from the first quote's raw score instead of the calibrated confidence.

    In the reader setting that is span minus "no answer", which published figures are made from.
    """
    lowest = min((record.score for record in records if record.score is not None), default=0.0)
    score = [lowest - 1.0 if record.score is None else record.score for record in records]
    raw = [record.candidate_f1 for record in records]
    answerable = [record.answerable for record in records]
    best, _ = best_threshold(
        raw, [record.short for record in records], answerable, [-value for value in score]
    )
    return {"score_best_f1": best, "score_auroc": auroc(score, answerable)}


def _ranking(records: Sequence[Record], asked: Sequence[Record]) -> dict[str, float | None]:
    """recall@k: share of answerable questions with a document that answers among the first k.

    `recall_all@k` counts unanswerable ones too, by the paragraph that they were written about.
    """
    if not any(record.n_read for record in records):
        return {}
    out: dict[str, float | None] = {}
    known = [record for record in asked if record.doc_known]
    about = [record for record in records if record.doc_known]
    for k in (1, 5, 10):
        out[f"recall@{k}"] = _share(known, lambda r, k=k: _within(r.doc_rank, k))  # type: ignore[misc]
    ranks = [record.doc_rank for record in known]
    out["mrr@10"] = sum(1 / r for r in ranks if r is not None and r <= 10) / len(ranks) if ranks else None
    for k in (1, 5, 10):
        out[f"passage_recall@{k}"] = _share(asked, lambda r, k=k: _within(r.passage_rank, k))  # type: ignore[misc]
        out[f"recall_all@{k}"] = _share(about, lambda r, k=k: _within(r.doc_rank, k))  # type: ignore[misc]
    return out


def _within(rank: int | None, k: int) -> bool:
    return rank is not None and rank <= k


def _evidence(asked: Sequence[Record]) -> dict[str, float | None]:
    out: dict[str, float | None] = {}
    placed = [record.evidence_place for record in asked if record.placed]
    for k in (1, 2, 3, 5):
        out[f"evidence@{k}"] = evidence_at_k([record.evidence for record in asked], k)
        out[f"evidence_place@{k}"] = evidence_at_k(placed, k)
    return out


def _evidence_by_kind(asked: Sequence[Record]) -> dict[str, dict[str, float | int | None]]:
    return {
        kind: {
            "n": len(group),
            "evidence@1": evidence_at_k([record.evidence for record in group], 1),
            "evidence@3": evidence_at_k([record.evidence for record in group], 3),
            "f1": 100.0 * sum(record.candidate_f1 for record in group) / len(group),
            "answered": _share(group, lambda r: r.found),
        }
        for kind, group in _by_kind(asked).items()
    }


def _auroc_by_kind(records: Sequence[Record]) -> dict[str, float | None]:
    """Answerable questions against each kind of unanswerable ones."""
    answerable = [record.confidence for record in records if record.answerable]
    out = {}
    for kind, group in _by_kind([record for record in records if not record.answerable]).items():
        scores = answerable + [record.confidence for record in group]
        out[kind] = auroc(scores, [True] * len(answerable) + [False] * len(group))
    return out


def _refused(
    records: Sequence[Record], refused: Callable[[Record], bool]
) -> dict[str, dict[str, float | int | None]]:
    return {
        kind: {"n": len(group), "refused": _share(group, refused)}
        for kind, group in _by_kind([record for record in records if not record.answerable]).items()
    }


def _refused_at(records: Sequence[Record], share: float) -> dict[str, Any] | None:
    """Refusals by kind at the highest threshold that still answers `share` of the answerable."""
    answerable = sorted((record.confidence for record in records if record.answerable), reverse=True)
    if not answerable or len(answerable) == len(records):
        return None
    # Rounding must not turn exactly 90 % into one question more.
    threshold = answerable[max(1, ceil(share * len(answerable) - 1e-9)) - 1]
    return {
        "min_confidence": threshold,
        "refused_by_kind": _refused(records, lambda record: record.confidence < threshold),
    }


def _by_kind(records: Sequence[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.kind, []).append(record)
    return dict(sorted(groups.items()))


def _share(records: Sequence[Record], true: Callable[[Record], bool]) -> float | None:
    return sum(map(true, records)) / len(records) if records else None


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    return {"p50": percentile(values, 50), "p95": percentile(values, 95)}


def _count(values: Sequence[str]) -> Mapping[str, int]:
    return {value: values.count(value) for value in sorted(set(values))}


def _thin(points: list[dict[str, float]]) -> list[dict[str, float]]:
    """At most `MAX_POINTS`, the first and last among them."""
    if len(points) <= MAX_POINTS:
        return points
    last = len(points) - 1
    return [points[round(i * last / (MAX_POINTS - 1))] for i in range(MAX_POINTS)]
