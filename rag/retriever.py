"""Question to chunks: dense and BM25 together, both raw scores kept.

The fused score is a weighted sum of the cosine and of BM25 as a share of what the question's words
could score at most (theoretical bounds instead of observed ones: Bruch, Gai & Ingber, TOIS 2023,
2210.11934). Both are absolute, so that the fused score compares between questions, which a rank or a
z-score does not; the decision to answer needs that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rag.config import RetrieveConfig
from rag.datatypes import Chunk
from rag.encoder import Encoder
from rag.index import Index

__all__ = ["Hit", "Mode", "Retriever"]

Mode = Literal["hybrid", "dense", "bm25"]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk.

    Attributes:
        chunk_idx: its place in `Index.chunks`.
        chunk: the chunk.
        dense: cosine of question and chunk, -1 to 1.
        bm25: raw BM25 score, 0 or more.
        score: what the hits are ordered by; higher is better.
    """

    chunk_idx: int
    chunk: Chunk
    dense: float
    bm25: float
    score: float


class Retriever:
    """Finds the chunks of one index that may answer.

    Args:
        index: a loaded snapshot.
        encoder: the encoder that the index was made with.
        config: how many candidates, and how the rankings are joined.
    """

    def __init__(self, index: Index, encoder: Encoder, config: RetrieveConfig | None = None) -> None:
        self._index = index
        self._encoder = encoder
        self._config = config or RetrieveConfig()
        self._last: tuple[str, Floats] = ("", np.zeros(0, dtype=np.float32))

    def retrieve(
        self,
        question: str,
        k: int | None = None,
        *,
        mode: Mode = "hybrid",
        documents: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The `k` best chunks, best first; fewer where the corpus or the filter holds fewer.

        Args:
            question: the question's text.
            k: how many; the settings' `k` by default.
            mode: which ranking orders the hits. Both raw scores are given in any mode.
            documents: patterns of doc_ids to search in; the filter works inside the search.
        """
        k = k or self._config.k
        allowed = self._index.chunk_mask(documents)
        pool = max(k, self._config.candidates)
        vector = self._query_vector(question)
        bm25 = self._index.words.scores(question, allowed)
        dense_top = self._dense(vector, pool, allowed)
        candidates = set(dense_top) | set(_top(bm25, pool))
        missing = sorted(candidates - set(dense_top))
        if missing:
            only = np.zeros(len(self._index.chunks), dtype=bool)
            only[missing] = True
            dense_top.update(self._dense(vector, len(missing), only))
        idx = np.array(sorted(candidates), dtype=np.int64)
        dense = np.array([dense_top[int(i)] for i in idx], dtype=np.float32)
        score = self._fuse(mode, dense, bm25[idx] / self._index.words.ceiling(question))
        # Ties go to the earlier chunk, so that the order never depends on the machine.
        order = np.lexsort((idx, -score))[:k]
        return [
            Hit(
                int(idx[i]),
                self._index.chunks[int(idx[i])],
                float(dense[i]),
                float(bm25[idx[i]]),
                float(score[i]),
            )
            for i in order
            if mode != "bm25" or bm25[idx[i]] > 0
        ]

    def similarity(self, question: str, texts: Sequence[str]) -> Floats:
        """Cosine of the question with each text, float32, (n_texts,)."""
        scores: Floats = self._encoder.encode_document(texts) @ self._query_vector(question)
        return scores

    def _query_vector(self, question: str) -> Floats:
        """The question's vector, kept for as long as the same question is worked on."""
        kept_question, vector = self._last
        if kept_question != question:
            vector = self._encoder.encode_query(question)
            # One assignment of one tuple: threads may each replace it, none sees half of it.
            self._last = (question, vector)
        return vector

    def _dense(self, vector: Floats, k: int, allowed: npt.NDArray[np.bool_] | None) -> dict[int, float]:
        scores, idx = self._index.vectors.search(vector[None, :], k, allowed)
        return {int(i): float(s) for i, s in zip(idx[0], scores[0], strict=True)}

    def _fuse(self, mode: Mode, dense: Floats, bm25: Floats) -> Floats:
        if mode == "dense":
            return dense
        if mode == "bm25":
            return bm25
        weight = self._config.dense_weight
        fused: Floats = weight * dense + (1 - weight) * bm25
        return fused


def _top(scores: Floats, k: int) -> list[int]:
    """Places of the `k` highest positive scores."""
    k = min(k, len(scores))
    if k == 0:
        return []
    places = np.argpartition(-scores, k - 1)[:k]
    return [int(place) for place in places if scores[place] > 0]
