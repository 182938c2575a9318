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
        words, vectors = self._index.words, self._index.vectors
        dense_top, dense_idx = vectors.search(vector[None, :], pool, allowed)
        idx = np.union1d(dense_idx[0], words.search(question, pool, allowed)[1])
        bm25 = words.lookup(question, idx)
        dense = np.empty(len(idx), np.float32)
        found = np.isin(idx, dense_idx[0])
        dense[np.searchsorted(idx, dense_idx[0])] = dense_top[0]
        dense[~found] = vectors.cosines(vector, idx[~found])
        score = self._fuse(mode, dense, bm25 / words.ceiling(question))
        # Ties go to the earlier chunk, so that the order never depends on the machine.
        order = np.lexsort((idx, -score))[:k]
        return [
            Hit(
                int(idx[i]),
                self._index.chunks[int(idx[i])],
                float(dense[i]),
                float(bm25[i]),
                float(score[i]),
            )
            for i in order
            if mode != "bm25" or bm25[i] > 0
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

    def _fuse(self, mode: Mode, dense: Floats, bm25: Floats) -> Floats:
        if mode == "dense":
            return dense
        if mode == "bm25":
            return bm25
        weight = self._config.dense_weight
        fused: Floats = weight * dense + (1 - weight) * bm25
        return fused
