"""How much each word of a question counts in a corpus: what BM25 and the decision to answer have in common.

Every store of words gives the same weights from the same numbers: how many chunks there are, how many terms
a chunk has on average, and how many chunks hold a term.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from rag.stores.base import Floats
from rag.stores.postings import K1, B
from rag.stores.tokens import TermMaker, language_of

__all__ = ["Weighing", "factors"]


class Weighing:
    """The weights of a question's words.

    Args:
        terms: makes the terms of questions, in the languages of the corpus.
        n_chunks: how many there are.
        mean: how many terms a chunk has on average.
        frequency: how many chunks hold a term.
    """

    def __init__(self, terms: TermMaker, n_chunks: int, mean: float, frequency: Callable[[str], int]) -> None:
        self._terms = terms
        self._n_chunks = n_chunks
        self._mean = mean
        self._frequency = frequency

    def __len__(self) -> int:
        return self._n_chunks

    def coverage(self, query: str, text: str, language: str | None = None) -> float:
        """Share of the question's words that a text holds, each weighted by its rarity in this corpus.

        Args:
            query: the question as asked.
            text: where its words are looked for.
            language: of the text; None looks for the words' stems in any language of the index.

        Returns:
            0 to 1; 0 where the question has no words. A word that the corpus lacks weighs most.
        """
        if language is None:
            there = frozenset(self._terms.of_question(text, keep_stop_words=True))
        else:
            there = self._terms.of_passage(text, language_of(language))
        found = total = 0.0
        for stems in self._by_word(query):
            weight = self._word_rarity(stems)
            total += weight
            found += weight if there.intersection(stems) else 0.0
        return found / total if total else 0.0

    @property
    def languages(self) -> frozenset[str]:
        """Those that the chunks are in, ISO 639-1."""
        return frozenset(self._terms.stop_words)

    def names_nothing(self, query: str) -> bool:
        """Whether nothing in the question tells what it is about: small words only."""
        return self._terms.names_nothing(query)

    def weights(self, query: str) -> dict[str, float]:
        """The question's words, folded, each with its rarity in this corpus."""
        kept = zip(self._terms.content(query), self._by_word(query), strict=True)
        return {word: self._word_rarity(stems) for word, stems in kept}

    def ceiling(self, query: str) -> float:
        """What no chunk's BM25 score for this question can reach: its words' rarities added up, above 0."""
        return sum(map(self._word_rarity, self._by_word(query))) or 1.0

    def _by_word(self, query: str) -> list[tuple[str, ...]]:
        """The stems of each of the question's words."""
        return self._terms.by_word(query)

    def _word_rarity(self, stems: Sequence[str]) -> float:
        """Of the first stem that the corpus holds: the question's own language where it has the word."""
        return self._rarity(next(filter(self._frequency, stems), stems[0]))

    def _rarity(self, term: str) -> float:
        """ln(1 + (N - n + 0.5) / (n + 0.5)), the first factor of BM25."""
        n = self._frequency(term)
        return math.log1p((self._n_chunks - n + 0.5) / (n + 0.5))

    def _weighed(self, query: str) -> list[tuple[str, float]]:
        """The question's terms, each with the first factor of its addends, rounded to float32."""
        least: dict[str, int] = {}
        for stems in self._by_word(query):
            # A stem that few chunks hold, of another language, makes a common word no rarer.
            n_word = next(filter(None, map(self._frequency, stems)), 0)
            for stem in stems:
                least.setdefault(stem, n_word)
        found = []
        for term, n_word in least.items():
            n = max(n_word, self._frequency(term))
            idf = math.log(1 + (self._n_chunks - n + 0.5) / (n + 0.5))
            found.append((term, float(np.float32(idf))))
        return found

    def _norms_of(self, lengths: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """BM25's k1 * (1 - b + b * len / mean) for each length."""
        norms: npt.NDArray[np.float64] = K1 * ((1 - B) + B * lengths.astype(np.float64) / (self._mean or 1.0))
        return norms


def factors(counts: npt.NDArray[np.integer], norms: npt.NDArray[np.float64], idf: float) -> Floats:
    """What a term adds to the scores of chunks that hold it `counts` times; overwrites `norms`."""
    norms += counts
    np.divide(counts, norms, out=norms)
    norms *= idf
    addends: Floats = norms.astype(np.float32)
    return addends
