"""Question to chunks: dense and BM25 together, both raw scores kept.

The fused score is a weighted sum of the cosine and of BM25 as a share of what the question's words
could score at most (theoretical bounds instead of observed ones: Bruch, Gai & Ingber, TOIS 2023,
2210.11934). Both are absolute, so that the fused score compares between questions, which a rank or a
z-score does not; the decision to answer needs that.

A chunk in another language than the question's shares few stems with it. There, words that look alike
(`rag.cognates`) count in place of BM25 where they say more. Chunks in the question's language are scored
as if there were no others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from rag.cleaning.language import passage_language, question_language
from rag.cognates import alike_share
from rag.config import RetrieveConfig
from rag.copies import Once
from rag.datatypes import Chunk, Span
from rag.encoder import Encoder
from rag.filters import Where
from rag.index import Index
from rag.remembered import Remembered
from rag.stores.tokens import DEFAULT_LANGUAGE

__all__ = ["Hit", "Mode", "Retriever"]

Mode = Literal["hybrid", "dense", "bm25"]
Floats = npt.NDArray[np.float32]

# BM25's share of its bound for a chunk that holds all of a question's words once, about.
_ALIKE_AS_BM25 = 0.5


# The search is widened by this factor, this often, where copies fill it.
_WIDER = 4
_MOST_WIDENED = 3

# Vectors of quotes that are kept at most; 7 MB.
_MOST_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk.

    Attributes:
        chunk_idx: its place in `Index.chunks`.
        chunk: the chunk.
        dense: cosine of question and chunk, -1 to 1.
        bm25: raw BM25 score, 0 or more.
        score: what the hits are ordered by; higher is better.
        alike: share of the question's words that it holds in another language's spelling, 0 to 1; None where
            it is in the question's language.
        copies: doc_ids of other documents that say the same, and whose chunks are no hits for that reason.
        imprint: where the chunk is no part of the text but what its document says of itself (`rag.imprint`), the
            place of each value and whether it was asked for; else empty.
    """

    chunk_idx: int
    chunk: Chunk
    dense: float
    bm25: float
    score: float
    alike: float | None = None
    copies: tuple[str, ...] = ()
    imprint: tuple[tuple[Span, bool], ...] = ()


class Retriever:
    """Finds the chunks of one index that may answer.

    Args:
        index: a loaded snapshot.
        encoder: the encoder that the index was made with.
        config: how many candidates, and how the rankings are joined.
        remembered: texts whose vectors are kept: other questions are compared with the same quotes. Encoders that
            pad texts may give vectors that differ in the last places with what is encoded beside.
    """

    def __init__(
        self,
        index: Index,
        encoder: Encoder,
        config: RetrieveConfig | None = None,
        *,
        remembered: int = _MOST_REMEMBERED,
    ) -> None:
        self._index = index
        self._encoder = encoder
        self._config = config or RetrieveConfig()
        self._last = threading.local()
        self._document_vectors = Remembered(encoder.encode_document, remembered)

    def retrieve(
        self,
        question: str,
        k: int | None = None,
        *,
        mode: Mode = "hybrid",
        documents: Where = None,
    ) -> list[Hit]:
        """The `k` best chunks, best first; fewer where the corpus or the filter holds fewer.

        What several documents say in nearly the same words is one hit, the best of them.

        Args:
            question: the question's text.
            k: how many; the settings' `k` by default.
            mode: which ranking orders the hits. Both raw scores are given in any mode.
            documents: patterns of doc_ids to search in, or a filter; it works inside the search.

        Raises:
            ConfigError: no document matches the patterns.
        """
        k = k or self._config.k
        allowed = self._index.chunk_mask(documents)
        n_allowed = len(self._index.chunks) if allowed is None else int(allowed.sum())
        if not n_allowed:
            return []
        pool = max(k, self._config.candidates)
        for _ in range(_MOST_WIDENED):
            hits = _once_each(self._ranked(question, pool, mode, allowed), k)
            if len(hits) == k or pool >= n_allowed or not self._index.copies:
                break
            pool *= _WIDER
        return hits

    def _ranked(
        self, question: str, pool: int, mode: Mode, allowed: npt.NDArray[np.bool_] | None
    ) -> Iterator[Hit]:
        """What the best `pool` by vector and the best `pool` by words are together, best first."""
        vector = self._query_vector(question)
        words, vectors = self._index.words, self._index.vectors
        dense_top, dense_idx = vectors.search(vector[None, :], pool, allowed)
        idx = np.union1d(dense_idx[0], words.search(question, pool, allowed)[1])
        bm25 = words.lookup(question, idx)
        dense = np.empty(len(idx), np.float32)
        found = np.isin(idx, dense_idx[0])
        dense[np.searchsorted(idx, dense_idx[0])] = dense_top[0]
        dense[~found] = vectors.cosines(vector, idx[~found])
        share = bm25 / words.ceiling(question)
        alike = self._alike(question, idx)
        for place, likeness in alike.items():
            share[place] = max(share[place], _ALIKE_AS_BM25 * likeness)
        score = self._fuse(mode, dense, share)
        # Ties go to the earlier chunk, so that the order never depends on the machine.
        for i in np.lexsort((idx, -score)):
            if mode == "bm25" and bm25[i] <= 0:
                continue
            yield Hit(
                int(idx[i]),
                self._index.chunks[int(idx[i])],
                float(dense[i]),
                float(bm25[i]),
                float(score[i]),
                alike.get(int(i)),
            )

    def similarity(self, question: str, texts: Sequence[str]) -> Floats:
        """Cosine of the question with each text, at least one, float32, (n_texts,)."""
        scores: Floats = self._document_vectors(texts) @ self._query_vector(question)
        return scores

    def alike(self, question: str, texts: Sequence[str]) -> list[float]:
        """For each text the share of the question's words that it holds in another language's spelling."""
        weights = self._index.words.weights(question)
        return [alike_share(weights, text) for text in texts]

    def _alike(self, question: str, idx: npt.NDArray[np.int64]) -> dict[int, float]:
        """For places in `idx` whose chunk is in another language than the question: how alike its words are."""
        asked = question_language(question) or DEFAULT_LANGUAGE
        # Most corpora are in one language: nothing is opened for them.
        if self._index.words.languages <= {asked}:
            return {}
        texts = [self._index.chunks[int(chunk)].text for chunk in idx]
        foreign = [place for place, text in enumerate(texts) if passage_language(text) != asked]
        return dict(zip(foreign, self.alike(question, [texts[place] for place in foreign]), strict=True))

    def _query_vector(self, question: str) -> Floats:
        """The question's vector, kept for as long as the same question is worked on."""
        kept: tuple[str, Floats] | None = getattr(self._last, "kept", None)
        if kept is None or kept[0] != question:
            kept = self._last.kept = (question, self._encoder.encode_query(question))
        return kept[1]

    def _fuse(self, mode: Mode, dense: Floats, bm25: Floats) -> Floats:
        if mode == "dense":
            return dense
        if mode == "bm25":
            return bm25
        weight = self._config.dense_weight
        fused: Floats = weight * dense + (1 - weight) * bm25
        return fused


def _once_each(ranked: Iterable[Hit], k: int) -> list[Hit]:
    """The first `k` that say something new, each with the documents that only repeat it."""
    once, hits, copies = Once(), list[Hit](), dict[int, list[str]]()
    for hit in ranked:
        origin = once.origin(hit.chunk.doc_id, hit.chunk.text)
        if origin is not None:
            copies.setdefault(origin, []).append(hit.chunk.doc_id)
            continue
        hits.append(hit)
        if len(hits) == k:
            break
    return [
        replace(hit, copies=tuple(dict.fromkeys(copies[place]))) if place in copies else hit
        for place, hit in enumerate(hits)
    ]
