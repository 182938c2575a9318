"""Every metric in one place. Each docstring has the formula, its source and an executed example."""

from __future__ import annotations

from rag.evaluation.answer_metrics import (
    SquadScores,
    best_threshold,
    exact_match,
    f1_score,
    holds_answer,
    normalize_answer,
)
from rag.evaluation.confidence_metrics import (
    Bin,
    RiskPoint,
    aurc,
    auroc,
    calibration_bins,
    calibration_error,
    risk_coverage,
)
from rag.evaluation.evidence_metrics import (
    citation_is_exact,
    evidence_at_k,
    evidence_rank,
    place_rank,
    quote_words,
)
from rag.evaluation.ranking_metrics import ndcg_at_k, recall_at_k, reciprocal_rank_at_k, unique
from rag.evaluation.resources import latency_by_stage, peak_memory_mib, percentile
from rag.evaluation.significance import Difference, paired_difference

__all__ = [
    "Bin",
    "Difference",
    "RiskPoint",
    "SquadScores",
    "aurc",
    "auroc",
    "best_threshold",
    "calibration_bins",
    "calibration_error",
    "citation_is_exact",
    "evidence_at_k",
    "evidence_rank",
    "exact_match",
    "f1_score",
    "holds_answer",
    "latency_by_stage",
    "ndcg_at_k",
    "normalize_answer",
    "paired_difference",
    "peak_memory_mib",
    "percentile",
    "place_rank",
    "quote_words",
    "recall_at_k",
    "reciprocal_rank_at_k",
    "risk_coverage",
    "unique",
]
