"""How well documents are ranked. Same definitions as trec_eval, which BEIR's tables use.

A ranking is a list of document ids, best first; `relevance` maps the judged ids of one query to
grades, 0 meaning judged and not relevant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

__all__ = ["ndcg_at_k", "recall_at_k", "reciprocal_rank_at_k", "unique"]


def unique(ids: Sequence[str]) -> list[str]:
    """The ids in order of first appearance: a document counts once however many chunks are found.

    >>> unique(["b", "a", "b"])
    ['b', 'a']
    """
    return list(dict.fromkeys(ids))


def recall_at_k(ranking: Sequence[str], relevance: Mapping[str, int], k: int) -> float:
    """Share of the relevant documents among the first k.

    Formula: |{d in ranking[:k] : rel(d) > 0}| / |{d : rel(d) > 0}|. Source: trec_eval `recall_k`.

    >>> recall_at_k(["a", "x", "b"], {"a": 1, "b": 2}, 2)
    0.5
    """
    wanted = {doc for doc, grade in relevance.items() if grade > 0}
    if not wanted:
        return 0.0
    return len(wanted.intersection(ranking[:k])) / len(wanted)


def reciprocal_rank_at_k(ranking: Sequence[str], relevance: Mapping[str, int], k: int = 10) -> float:
    """1 / rank of the first relevant document, 0 where none is among the first k.

    Formula: 1 / min{i <= k : rel(ranking[i]) > 0}; the mean over queries is MRR@k
    (Voorhees, TREC-8 QA track, 1999). Source: trec_eval `recip_rank` on a ranking cut at k.

    >>> reciprocal_rank_at_k(["x", "a"], {"a": 1})
    0.5
    """
    for place, doc in enumerate(ranking[:k], 1):
        if relevance.get(doc, 0) > 0:
            return 1.0 / place
    return 0.0


def ndcg_at_k(ranking: Sequence[str], relevance: Mapping[str, int], k: int = 10) -> float:
    """Gain discounted by rank, against that of the best possible ranking.

    Formula: DCG / IDCG, DCG = sum over i <= k of rel(ranking[i]) / log2(i + 1), IDCG the same for
    the grades in falling order (Järvelin and Kekäläinen, TOIS 2002). Source: trec_eval `ndcg_cut`,
    whose gain is the grade itself.

    >>> round(ndcg_at_k(["x", "a"], {"a": 2}), 4)  # (2 / log2 3) / (2 / log2 2)
    0.6309
    """
    gained = sum(max(relevance.get(doc, 0), 0) / log2(i + 1) for i, doc in enumerate(ranking[:k], 1))
    grades = sorted((grade for grade in relevance.values() if grade > 0), reverse=True)
    ideal = sum(grade / log2(i + 1) for i, grade in enumerate(grades[:k], 1))
    return gained / ideal if ideal else 0.0
