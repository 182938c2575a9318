"""BM25 over the terms of every chunk, built by bm25s (Lù 2024).

The variant is Lucene's: a term t of the question adds to the score of chunk c

    ln(1 + (N - n_t + 0.5) / (n_t + 0.5)) * f / (f + k1 * (1 - b + b * len(c) / mean len))

with N chunks, n_t that hold t, f occurrences of t in c, lengths in terms, k1 = 1.5, b = 0.75.
A term counts once however often the question says it. Scores are raw: 0 for no shared term,
and comparable between questions, which the decision to answer relies on. bm25s computes every
addend when the index is built; a question only sums them, so bm25s is not imported to ask.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rag.errors import ConfigError, IndexDamaged
from rag.stores.arrays import pack_array, unpack_array
from rag.stores.base import Bools, Floats, Ints, check_filter
from rag.stores.tokens import DEFAULT_LANGUAGE, TermMaker

__all__ = ["K1", "B", "WordStore"]

K1 = 1.5
B = 0.75

_FILES = ("words.json", "words.addends.npy", "words.chunks.npy", "words.starts.npy")


class WordStore:
    """Finds chunks by the words of a question.

    Args:
        terms: makes the terms, the same way for chunks and questions.
        vocabulary: term to its number.
        addends: float32, (n_postings,), what each posting adds to a score.
        chunks: int32, (n_postings,), the chunk of each posting, ascending within a term.
        starts: int64, (n_terms + 1,), where each term's postings begin.
        n_chunks: how many chunks there are.
    """

    def __init__(
        self,
        terms: TermMaker,
        vocabulary: Mapping[str, int],
        addends: Floats,
        chunks: npt.NDArray[np.int32],
        starts: Ints,
        n_chunks: int,
    ) -> None:
        self._terms = terms
        self._vocabulary = vocabulary
        self._addends = addends
        self._chunks = chunks
        self._starts = starts
        self._n_chunks = n_chunks

    def __len__(self) -> int:
        return self._n_chunks

    @classmethod
    def build(cls, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> WordStore:
        """Take in the texts of all chunks.

        Args:
            texts: one per chunk.
            languages: ISO 639-1 of each text, which chooses its stemmer; English where None.

        Raises:
            ConfigError: the two lists differ in length.
        """
        known = [_language(language) for language in languages or [None] * len(texts)]
        if len(known) != len(texts):
            raise ConfigError(f"{len(known)} languages for {len(texts)} texts; expected one each")
        terms = TermMaker.for_languages(known or [DEFAULT_LANGUAGE])
        vocabulary: dict[str, int] = {}
        numbered = [
            [vocabulary.setdefault(term, len(vocabulary)) for term in terms.of_chunk(text, language)]
            for text, language in zip(texts, known, strict=True)
        ]
        if not vocabulary:
            nothing = np.zeros(0, np.float32)
            return cls(terms, {}, nothing, nothing.astype(np.int32), np.zeros(1, np.int64), len(texts))
        import bm25s

        builder = bm25s.BM25(method="lucene", k1=K1, b=B)
        built = builder.build_index_from_ids(list(range(len(vocabulary))), numbered, show_progress=False)
        addends = np.asarray(built["data"], np.float32)
        chunks = np.asarray(built["indices"], np.int32)
        return cls(terms, vocabulary, addends, chunks, np.asarray(built["indptr"], np.int64), len(texts))

    def scores(self, query: str, allowed: Bools | None = None) -> Floats:
        """The BM25 score of every chunk.

        Args:
            query: the question as asked.
            allowed: (n_chunks,), the chunks that may be found; None for all.

        Returns:
            float32, (n_chunks,); 0 where no term is shared or the chunk is not allowed.

        Raises:
            ConfigError: a filter of another length.
        """
        if allowed is not None:
            check_filter(allowed, self._n_chunks)
        totals = np.zeros(self._n_chunks, np.float32)
        for term in self._terms.of_question(query):
            number = self._vocabulary.get(term)
            if number is not None:
                postings = slice(self._starts[number], self._starts[number + 1])
                totals[self._chunks[postings]] += self._addends[postings]
        if allowed is not None:
            totals[~allowed] = 0
        return totals

    def search(self, query: str, k: int, allowed: Bools | None = None) -> tuple[Floats, Ints]:
        """The best chunks that share a term with the question, best first, at most `k`.

        Returns:
            Scores, float32, (m,), descending and above 0, and their chunks, int64, (m,);
            equal scores in the order of the chunks.

        Raises:
            ConfigError: `k` below 1, or a filter of another length.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; expected at least 1 result")
        totals = self.scores(query, allowed)
        found = np.flatnonzero(totals)
        best = found[np.argsort(-totals[found], kind="stable")[:k]]
        return totals[best], best

    def coverage(self, query: str, text: str) -> float:
        """Share of the question's words that a text holds, each weighted by its rarity in this corpus.

        Args:
            query: the question as asked.
            text: where its words are looked for, in any language of the index.

        Returns:
            0 to 1; 0 where the question has no words. A word that the corpus lacks weighs most.
        """
        there = set(self._terms.of_question(text, keep_stop_words=True))
        found = total = 0.0
        for stems in self._terms.by_word(query):
            weight = self._word_rarity(stems)
            total += weight
            found += weight if there.intersection(stems) else 0.0
        return found / total if total else 0.0

    def ceiling(self, query: str) -> float:
        """What no chunk's BM25 score for this question can reach: its words' rarities added up, above 0."""
        return sum(map(self._word_rarity, self._terms.by_word(query))) or 1.0

    def _word_rarity(self, stems: Sequence[str]) -> float:
        """Of the rarest stem that the corpus holds; a chunk holds the stems of one language only."""
        known = [stem for stem in stems if stem in self._vocabulary]
        return max(map(self._rarity, known or stems))

    def _rarity(self, term: str) -> float:
        """ln(1 + (N - n + 0.5) / (n + 0.5)), the first factor of BM25."""
        number = self._vocabulary.get(term)
        n = 0 if number is None else int(self._starts[number + 1] - self._starts[number])
        return math.log1p((self._n_chunks - n + 0.5) / (n + 0.5))

    def to_files(self) -> dict[str, bytes]:
        """The store as files of an index, by name."""
        about = {
            "n_chunks": self._n_chunks,
            "stop_words": {language: sorted(stops) for language, stops in self._terms.stop_words.items()},
            "terms": list(self._vocabulary),
        }
        packed = json.dumps(about, ensure_ascii=False).encode()
        arrays = (pack_array(array) for array in (self._addends, self._chunks, self._starts))
        return dict(zip(_FILES, (packed, *arrays), strict=True))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> WordStore:
        """The inverse of `to_files`. Only for files whose checksums were compared before.

        Raises:
            IndexDamaged: files that are no such store.
        """
        try:
            about = json.loads(files[_FILES[0]])
            stop_words = {language: frozenset(stops) for language, stops in about["stop_words"].items()}
            vocabulary = {term: number for number, term in enumerate(about["terms"])}
            n_chunks = int(about["n_chunks"])
            addends, chunks, starts = (files[name] for name in _FILES[1:])
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise IndexDamaged(f"the words can't be read ({type(error).__name__}: {error})") from error
        store = cls(
            TermMaker(stop_words),
            vocabulary,
            unpack_array(addends, "the words' addends", np.float32, 1),
            unpack_array(chunks, "the words' chunks", np.int32, 1),
            unpack_array(starts, "the words' starts", np.int64, 1),
            n_chunks,
        )
        store._refuse_misfit()
        return store

    def _refuse_misfit(self) -> None:
        """Raise where a term's postings would lie outside of the arrays, or a posting's chunk outside of all."""
        n_postings = len(self._addends)
        fits = (
            len(self._starts) == len(self._vocabulary) + 1
            and len(self._chunks) == n_postings == self._starts[-1]
            and self._starts[0] == 0
            and bool((np.diff(self._starts) >= 0).all())
            and (not n_postings or (self._chunks.min() >= 0 and self._chunks.max() < self._n_chunks))
        )
        if not fits:
            raise IndexDamaged("the words' terms, postings and chunks don't fit together")


def _language(tag: str | None) -> str:
    """The part of a language tag that chooses the stemmer: "en" of "en-GB"."""
    language = (tag or DEFAULT_LANGUAGE).replace("_", "-").split("-")[0].lower()
    return {"nb": "no", "nn": "no"}.get(language, language)
