"""What exact search finds, for `benchmarks.scale_out`: by vectors as they come along, and by a pass over all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.scale import CANDIDATES
from rag.lance_index import LanceIndex

__all__ = ["ExactVectors", "ExactWords", "Nearest", "exact_lists"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Rows of one step of a pass over all of them.
_PASS = 8192


class Nearest:
    """How near the exact nearest chunks of some queries are, as vectors come along.

    Args:
        queries: float32, (n_queries, dim), of length 1.

    Attributes:
        scores: the best cosines of each query, best first.
    """

    def __init__(self, queries: Floats) -> None:
        self._queries = queries
        self.scores = np.full((len(queries), CANDIDATES), -np.inf, np.float32)

    def add(self, vectors: Floats) -> None:
        both = np.concatenate([self.scores, self._queries @ vectors.T], axis=1)
        self.scores = -np.sort(-both, axis=1)[:, :CANDIDATES]


class ExactVectors:
    """LanceDB's vectors, but the nearest of some queries are known."""

    def __init__(self, index: LanceIndex, known: dict[bytes, tuple[Floats, Ints]]) -> None:
        self._of, self._known = index.vectors, known
        self.cosines, self.vectors = self._of.cosines, self._of.vectors

    def search(self, queries: Floats, k: int, allowed: None = None) -> tuple[Floats, Ints]:
        scores, places = self._known[queries[0].tobytes()]
        return scores[None, :k], places[None, :k]


class ExactWords:
    """LanceDB's words, but the best chunks of some questions are known."""

    def __init__(self, index: LanceIndex, known: dict[str, tuple[Floats, Ints]]) -> None:
        self._of, self._known = index.words, known
        self.lookup, self.ceiling, self.weights = self._of.lookup, self._of.ceiling, self._of.weights
        self.languages = self._of.languages

    def search(self, query: str, k: int, allowed: None = None) -> tuple[Floats, Ints]:
        scores, places = self._known[query]
        return scores[:k], places[:k]


def exact_lists(index: LanceIndex, asked: Sequence[str], queries: Floats) -> tuple[ExactVectors, ExactWords]:
    """Both exact lists of some questions, from a pass over all rows."""
    weighed = [dict(index.words._weighed(one)) for one in asked]
    wanted = frozenset(term for terms in weighed for term in terms)
    dense, words = _Best(len(asked)), _Best(len(asked))
    reader = index.tables["chunks"].search().with_row_id(True).select(["terms", "n_terms", "vector"])
    for batch in reader.to_batches(_PASS):
        rows = batch["_rowid"].to_numpy().astype(np.int64)
        vectors = batch["vector"].flatten().to_numpy(zero_copy_only=False).reshape(len(rows), -1)
        cosines = vectors @ queries.T
        held = [Counter(filter(wanted.__contains__, text.split())) for text in batch["terms"].to_pylist()]
        lengths = batch["n_terms"].to_numpy()
        for at, (question, terms) in enumerate(zip(asked, weighed, strict=True)):
            dense.add(at, cosines[:, at], rows)
            some = np.array(
                [place for place, one in enumerate(held) if not one.keys().isdisjoint(terms)], int
            )
            if len(some):
                scores = index.words._score(question, [held[place] for place in some], lengths[some])
                words.add(at, scores, rows[some])
    return (
        ExactVectors(index, {q.tobytes(): dense.best[at] for at, q in enumerate(queries)}),
        ExactWords(index, {one: words.best[at] for at, one in enumerate(asked)}),
    )


class _Best:
    """The best rows of some questions, as scores come along; equal scores in the order of the rows."""

    def __init__(self, n: int) -> None:
        self.best = [(np.zeros(0, np.float32), np.zeros(0, np.int64))] * n

    def add(self, at: int, scores: Floats, rows: Ints) -> None:
        kept, places = self.best[at]
        if len(kept) == CANDIDATES:
            good = np.flatnonzero(scores >= kept[-1])
            scores, rows = scores[good], rows[good]
        both, all_rows = np.concatenate([kept, scores]), np.concatenate([places, rows])
        order = np.lexsort((all_rows, -both))[:CANDIDATES]
        self.best[at] = both[order], all_rows[order]
