"""Ranking documents: BEIR sets, with BM25 alone, dense alone and both, through the same retriever."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from rag.evaluation.metrics import (
    ndcg_at_k,
    paired_difference,
    percentile,
    recall_at_k,
    reciprocal_rank_at_k,
    unique,
)
from rag.evaluation.question_sets import RankingSet
from rag.retriever import Hit, Mode

__all__ = ["MODES", "DocumentRetriever", "differences", "rank_all"]

MODES: tuple[Mode, ...] = ("bm25", "dense", "hybrid")
_DEPTH = 100
_METRICS: dict[str, Callable[[Sequence[str], Mapping[str, int]], float]] = {
    "ndcg@10": lambda ranking, relevance: ndcg_at_k(ranking, relevance, 10),
    "mrr@10": lambda ranking, relevance: reciprocal_rank_at_k(ranking, relevance, 10),
    **{f"recall@{k}": partial(recall_at_k, k=k) for k in (1, 5, 10, 100)},
}


class DocumentRetriever(Protocol):
    """What is used of `rag.retriever.Retriever`."""

    def retrieve(self, question: str, k: int | None = None, *, mode: Mode = "hybrid") -> Sequence[Hit]: ...


def rank_all(
    retriever: DocumentRetriever, data: RankingSet, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """All figures of a ranking set.

    Args:
        retriever: over the set's corpus, one chunk or more a document; a document's rank is that of
            its best chunk.
        data: queries and judgements.
        progress: told (n_done, n_total).

    Returns:
        `modes` with the means of each, `records` with each query's (of the hybrid), `differences`
        with a paired test.
    """
    per_mode: dict[str, dict[str, list[float]]] = {mode: {name: [] for name in _METRICS} for mode in MODES}
    seconds: list[float] = []
    records = []
    for done, (query_id, text) in enumerate(data.queries.items(), 1):
        relevance = data.qrels[query_id]
        first: list[str] = []
        # Hybrid first: the retriever keeps a question's vector, so only the first time counts.
        for mode in reversed(MODES):
            started = time.perf_counter()
            hits = retriever.retrieve(text, _DEPTH, mode=mode)
            if mode == "hybrid":
                seconds.append(time.perf_counter() - started)
            # BEIR leaves out a document that is the query itself.
            top = [doc_id for doc_id in unique([hit.chunk.doc_id for hit in hits]) if doc_id != query_id]
            if mode == "hybrid":
                first = top
            for name, metric in _METRICS.items():
                per_mode[mode][name].append(metric(top, relevance))
        records.append(
            {
                "query_id": query_id,
                "question": text,
                "top": first[:10],
                **{name: values[-1] for name, values in per_mode["hybrid"].items()},
            }
        )
        if progress is not None:
            progress(done, len(data.queries))
    modes = {
        mode: {name: sum(values) / len(values) for name, values in scores.items()}
        for mode, scores in per_mode.items()
    }
    return {
        "n": len(records),
        "n_documents": len(data.corpus),
        **modes["hybrid"],
        "latency_p50": percentile(seconds, 50),
        "latency_p95": percentile(seconds, 95),
        "modes": modes,
        "differences": [
            difference
            for other in ("bm25", "dense")
            for difference in differences(
                f"hybrid - {other}",
                {name: per_mode[other][name] for name in ("ndcg@10", "recall@10")},
                {name: per_mode["hybrid"][name] for name in ("ndcg@10", "recall@10")},
            )
        ],
        "records": records,
    }


def differences(
    what: str, first: Mapping[str, Sequence[float]], second: Mapping[str, Sequence[float]]
) -> list[dict[str, Any]]:
    """Second minus first of each metric, with a paired test, as rows for a table.

    >>> row, = differences("b - a", {"f1": [0.0, 1.0]}, {"f1": [1.0, 1.0]})
    >>> row["what"], row["metric"], row["mean"], row["n"]
    ('b - a', 'f1', 0.5, 2)
    """
    rows = []
    for name, values in first.items():
        found = paired_difference(values, second[name])
        rows.append(
            {
                "what": what,
                "metric": name,
                "mean": found.mean,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "n": found.n,
            }
        )
    return rows
