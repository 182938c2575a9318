"""BM25 over the terms of every chunk, in Lucene's variant.

A term t of the question adds to the score of chunk c

    ln(1 + (N - n_t + 0.5) / (n_t + 0.5)) * f / (f + k1 * (1 - b + b * len(c) / mean len))

with N chunks, n_t that hold t, f occurrences of t in c, lengths in terms, k1 = 1.5, b = 0.75.
A term counts once however often the question says it. Scores are raw: 0 for no shared term,
and comparable between questions, which the decision to answer relies on. Each addend is rounded to
float32 as bm25s (Lù 2024) does, and they are summed in the order of the question.

A search takes the rarest terms first. Once those that are left could not bring a new chunk among the
best, their postings are only looked up for the chunks that still can be (MaxScore: Turtle & Flood 1995),
so that a frequent word costs little. What is found is the same, to the bit, as with all postings summed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rag.blobs import Blob, Buffer
from rag.errors import ConfigError
from rag.stores.base import Bools, Floats, Ints, check_filter
from rag.stores.live import Live
from rag.stores.postings import K1, B, Postings
from rag.stores.tokens import DEFAULT_LANGUAGE, TermMaker
from rag.stores.weighing import Weighing, factors

__all__ = ["K1", "B", "WordPart", "WordStore"]

# Sums in another order differ in the last places; no chunk is left out for that.
_SLACK = 1e-5

# Halving costs about this many times as much as adding the next posting.
_LOOKUP_COST = 16


@dataclass(frozen=True, slots=True)
class WordPart:
    """Postings with what has left of them.

    Attributes:
        postings: of a part of the index.
        live: its rows that are left.
        gone: for numbers of terms how many of their postings are of chunks that have left.
    """

    postings: Postings
    live: Live
    gone: Mapping[int, int] = field(default_factory=dict)

    def frequency(self, term: str) -> int:
        """How many chunks that are left hold a term."""
        number = self.postings.terms.find(term)
        if number < 0:
            return 0
        starts = self.postings.starts
        return int(starts.at(number + 1)) - int(starts.at(number)) - self.gone.get(number, 0)


class WordStore(Weighing):
    """Finds chunks by the words of a question.

    Args:
        parts: of the index, in the order of the chunks.
    """

    def __init__(self, parts: Sequence[WordPart]) -> None:
        self._parts = tuple(parts)
        n_chunks = sum(len(part.live) for part in parts)
        n_tokens = sum(_n_tokens(part) for part in parts)
        stops = {language: words for part in parts for language, words in part.postings.stop_words.items()}
        super().__init__(
            TermMaker(dict(sorted(stops.items())) or {DEFAULT_LANGUAGE: frozenset()}),
            n_chunks,
            n_tokens / n_chunks if n_chunks else 0.0,
            lru_cache(maxsize=8192)(self._count),
        )
        longest = max((part.postings.longest for part in parts), default=0)
        self._norms = self._norms_of(np.arange(longest + 1))
        self._scratch = threading.local()

    @classmethod
    def build(cls, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> WordStore:
        """Over the texts of all chunks, with their languages; as `Postings.build`."""
        return cls.of(Postings.build(texts, languages))

    @classmethod
    def of(cls, postings: Postings) -> WordStore:
        """Over one part that nothing has left."""
        return cls([WordPart(postings, Live(len(postings)))])

    def scores(self, query: str, allowed: Bools | None = None) -> Floats:
        """The BM25 score of every chunk; for comparison, since it goes through all postings of the words.

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
        totals = [np.zeros(0, np.float32)]
        for part in self._parts:
            total = np.zeros(part.live.n_rows, np.float32)
            for number, idf in self._numbered(part, query):
                rows, addends = self._addends(part.postings, number, idf)
                total[rows] += addends
            totals.append(total if part.live.alive is None else total[part.live.alive])
        found: Floats = np.concatenate(totals)
        if allowed is not None:
            found[~allowed] = 0
        return found

    def lookup(self, query: str, places: Ints) -> Floats:
        """The BM25 score of some chunks.

        Args:
            query: the question as asked.
            places: int64, (n,), chunks by place.

        Returns:
            float32, (n,); what `scores` has at these places.
        """
        found = np.zeros(len(places), np.float32)
        for part in self._parts:
            inside = part.live.holds(places)
            if inside.any():
                found[inside] = self._score_rows(part, query, part.live.rows(places[inside]))
        return found

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
        if allowed is not None:
            check_filter(allowed, self._n_chunks)
        scores, places = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
        for part in self._parts:
            rows = self._best_rows(part, query, k, part.live.mask(allowed))
            scores.append(self._score_rows(part, query, rows))
            places.append(part.live.places(rows))
        score, place = np.concatenate(scores), np.concatenate(places)
        order = np.lexsort((place, -score))[:k]
        order = order[score[order] > 0]
        return score[order], place[order]

    def _count(self, term: str) -> int:
        """How many chunks hold a term."""
        return sum(part.frequency(term) for part in self._parts)

    def _numbered(self, part: WordPart, query: str) -> list[tuple[int, float]]:
        """The question's terms that a part holds, by number, each with the first factor of its addends."""
        found = []
        for term, idf in self._weighed(query):
            number = part.postings.terms.find(term)
            if number >= 0:
                found.append((number, idf))
        return found

    def _addends(self, postings: Postings, number: int, idf: float) -> tuple[npt.NDArray[np.int32], Floats]:
        """The chunks of a term and what it adds to their scores."""
        rows, counts = postings.term_postings(number)
        return rows, self._factors(postings, rows, counts, idf)

    def _factors(
        self, postings: Postings, rows: npt.NDArray[np.int32], counts: npt.NDArray[np.uint16], idf: float
    ) -> Floats:
        return factors(counts, self._norms[postings.lengths.take(rows)], idf)

    def _score_rows(self, part: WordPart, query: str, rows: Ints) -> Floats:
        totals = np.zeros(len(rows), np.float32)
        for number, idf in self._numbered(part, query):
            self._add_found(part.postings, number, idf, rows, totals)
        return totals

    def _add_found(self, postings: Postings, number: int, idf: float, rows: Ints, totals: Floats) -> None:
        """Add a term's share to the totals of some rows, by halving."""
        chunks, counts = postings.term_postings(number)
        if not len(chunks):
            return
        at = np.searchsorted(chunks, rows.astype(chunks.dtype))
        at[at == len(chunks)] = 0
        hit = np.flatnonzero(chunks[at] == rows)
        totals[hit] += self._factors(postings, chunks[at[hit]], counts[at[hit]], idf)

    def _best_rows(self, part: WordPart, query: str, k: int, allowed: Bools | None) -> Ints:
        """Rows of a part among which its `k` best are; hardly more than those."""
        growth = max(1.0, self._mean / part.postings.mean) if part.postings.n_tokens else 1.0
        terms = [
            (idf * growth * float(part.postings.bounds.at(number)), number, idf)
            for number, idf in self._numbered(part, query)
        ]
        terms.sort(reverse=True)
        # The most that the terms from each on can add.
        rest = np.cumsum([most for most, _, _ in terms][::-1])[::-1].tolist()
        totals = self._zeros(part)
        rows = np.zeros(0, np.int64)
        least = 0.0
        try:
            for at, (_, number, idf) in enumerate(terms):
                chunks, counts = part.postings.term_postings(number)
                if len(rows) >= k:
                    least = _kth(totals[rows], k) * (1 - _SLACK)
                    reach = totals[rows] + rest[at] >= least
                    totals[rows[~reach]] = 0
                    rows = rows[reach]
                if rest[at] >= least:
                    chosen = slice(None) if allowed is None else allowed[chunks]
                    rows = np.concatenate(
                        [rows, self._add(part, chunks[chosen], counts[chosen], idf, totals)]
                    )
                elif len(rows) * _LOOKUP_COST < len(chunks):
                    found = totals[rows]
                    self._add_found(part.postings, number, idf, rows, found)
                    totals[rows] = found
                else:
                    chosen = totals[chunks] > 0
                    self._add(part, chunks[chosen], counts[chosen], idf, totals)
            return rows[totals[rows] >= _kth(totals[rows], k) * (1 - _SLACK)]
        finally:
            totals[rows] = 0

    def _add(
        self,
        part: WordPart,
        chunks: npt.NDArray[np.int32],
        counts: npt.NDArray[np.uint16],
        idf: float,
        totals: Floats,
    ) -> npt.NDArray[np.int32]:
        """Add a term to the totals of its chunks; returns those that had none before."""
        before = totals[chunks]
        totals[chunks] = before + self._factors(part.postings, chunks, counts, idf)
        new: npt.NDArray[np.int32] = chunks[before == 0]
        return new

    def _zeros(self, part: WordPart) -> Floats:
        """float32, (n_chunks of the part,), this thread's, all 0; whoever writes into it puts the zeros back."""
        kept: dict[int, Floats] | None = getattr(self._scratch, "kept", None)
        if kept is None:
            kept = self._scratch.kept = {
                id(one): np.zeros(one.live.n_rows, np.float32) for one in self._parts
            }
        return kept[id(part)]

    def to_files(self) -> dict[str, list[Buffer]]:
        """The files of a store of one part, by name."""
        (part,) = self._parts
        return part.postings.to_files()

    @classmethod
    def from_files(cls, files: Mapping[str, Blob | Buffer]) -> WordStore:
        """The inverse of `to_files`.

        Raises:
            IndexDamaged: files that are no such store.
        """
        return cls.of(Postings.from_files(files))


def _n_tokens(part: WordPart) -> int:
    dead = part.live.dead
    return part.postings.n_tokens - (int(part.postings.lengths.take(dead).sum()) if len(dead) else 0)


def _kth(values: Floats, k: int) -> float:
    """The `k`-th largest; 0 where there are fewer."""
    return float(np.partition(values, len(values) - k)[len(values) - k]) if len(values) >= k else 0.0
