"""Which term occurs in which chunk, and how often: what BM25 needs, of one part of an index.

Terms are sorted and found by halving, postings lie in one array in the order of terms and, within a
term, of chunks. Nothing here depends on the whole corpus but `bounds`, which only says where a search
may stop looking; so parts are added, and chunks leave, without any text being cut into terms again.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from rag.blobs import Blob, Buffer
from rag.errors import ConfigError, IndexDamaged
from rag.stores.arrays import Column, pack_array, unpack_array
from rag.stores.base import Ints
from rag.stores.names import Names
from rag.stores.tokens import DEFAULT_LANGUAGE, TermMaker, language_of

__all__ = ["K1", "TERMS", "B", "Postings", "merge_postings"]

K1 = 1.5
B = 0.75

_ABOUT = "words.json"
_ARRAYS: dict[str, tuple[str, list[type[np.generic]]]] = {
    "starts": ("words.starts.npy", [np.int64]),
    "chunks": ("words.chunks.npy", [np.int32]),
    "counts": ("words.counts.npy", [np.uint16, np.uint32]),
    "lengths": ("words.lengths.npy", [np.int32]),
    "bounds": ("words.bounds.npy", [np.float32]),
}
TERMS = "words.terms"

# Texts whose words are counted at a time: few enough to hold each word of theirs as often as it stands there.
_TEXTS = 4_096

# Postings that are gone through at a time.
_STEP = 1 << 22


@dataclass(frozen=True, slots=True)
class Postings:
    """The terms of a number of chunks.

    Attributes:
        terms: distinct and sorted.
        starts: int64, (n_terms + 1,), where each term's postings begin.
        chunks: int32, (n_postings,), the chunk of each posting, ascending within a term.
        counts: uint16 or uint32, (n_postings,), how often the term occurs in it.
        lengths: int32, (n_chunks,), how many terms each chunk has.
        bounds: float32, (n_terms,), BM25's second factor is this at most where the chunks of the corpus have as
            many terms as these on average; with a larger average it grows by no more than that does.
        n_tokens: sum of `lengths`.
        longest: largest of `lengths`.
        stop_words: by language; left out of questions.
    """

    terms: Names
    starts: Column
    chunks: Column
    counts: Column
    lengths: Column
    bounds: Column
    n_tokens: int
    longest: int
    stop_words: Mapping[str, frozenset[str]]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def mean(self) -> float:
        """How many terms a chunk has on average."""
        return self.n_tokens / max(1, len(self))

    @classmethod
    def build(cls, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> Postings:
        """Take in the texts of chunks.

        Args:
            texts: one per chunk.
            languages: ISO 639-1 of each text, which chooses its stemmer; English where None.

        Raises:
            ConfigError: the two lists differ in length.
        """
        known = [language_of(language) for language in languages or [None] * len(texts)]
        if len(known) != len(texts):
            raise ConfigError(f"{len(known)} languages for {len(texts)} texts; expected one each")
        maker = TermMaker.for_languages(known or [DEFAULT_LANGUAGE])
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        lengths = np.empty(len(texts), np.int32)
        counted = []
        for begin in range(0, max(1, len(texts)), _TEXTS):
            said = array("i")
            for chunk in range(begin, min(begin + _TEXTS, len(texts))):
                found = maker.of_chunk(texts[chunk], known[chunk])
                said.extend(map(numbers.__getitem__, found))
                lengths[chunk] = len(found)
            counted.append(_counted(np.frombuffer(said, np.int32), lengths[begin : begin + _TEXTS], begin))
        terms, chunks, counts = (np.concatenate(some) for some in zip(*counted, strict=True))
        names = sorted(numbers)
        place = np.empty(len(names), np.int32)
        place[[numbers[name] for name in names]] = np.arange(len(names))
        return _assembled(names, place[terms], chunks, counts, lengths, maker.stop_words)

    def term_postings(self, number: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]:
        """The chunks that hold a term, ascending, and how often."""
        start, end = int(self.starts.at(number)), int(self.starts.at(number + 1))
        if not 0 <= start <= end <= len(self.chunks):
            raise IndexDamaged(f"the postings of term {number} lie outside of their file")
        return self.chunks.part(start, end), self.counts.part(start, end)

    def to_files(self) -> dict[str, list[Buffer]]:
        """As files of an index, by name."""
        stops = {language: sorted(words) for language, words in self.stop_words.items()}
        about = {"n_tokens": self.n_tokens, "longest": self.longest, "stop_words": stops}
        files: dict[str, list[Buffer]] = {_ABOUT: [json.dumps(about, ensure_ascii=False).encode()]}
        files.update(self.terms.to_files(TERMS))
        for field, (name, _) in _ARRAYS.items():
            files[name] = pack_array(getattr(self, field).all())
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, Blob | Buffer]) -> Postings:
        """The inverse of `to_files`. Only for files whose checksums are compared.

        Raises:
            IndexDamaged: files that are no postings.
        """
        blobs = {name: Blob.of(data) for name, data in files.items()}
        try:
            about = json.loads(bytes(blobs[_ABOUT].checked()))
            stop_words = {str(name): frozenset(words) for name, words in about["stop_words"].items()}
            terms = Names.from_files(blobs, TERMS)
            arrays = {
                field: unpack_array(blobs[name], f"the words' {field}", dtype, 1)
                for field, (name, dtype) in _ARRAYS.items()
            }
            n_tokens, longest = int(about["n_tokens"]), int(about["longest"])
            found = cls(terms=terms, n_tokens=n_tokens, longest=longest, stop_words=stop_words, **arrays)
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise IndexDamaged(f"the words can't be read ({type(error).__name__}: {error})") from error
        found._refuse_misfit()
        return found

    def _refuse_misfit(self) -> None:
        """Raise where a term's postings would lie outside of the arrays, or a posting's chunk outside of all."""
        fits = (
            len(self.starts) == len(self.terms) + 1 == len(self.bounds) + 1
            and len(self.chunks) == len(self.counts) == self.starts.at(len(self.terms))
            and self.starts.at(0) == 0
            and self.n_tokens >= 0
            and bool(self.stop_words)
        )
        if fits and not self.starts.is_mapped:
            fits = bool((np.diff(self.starts.all()) >= 0).all())
        if fits and not self.chunks.is_mapped and len(self.chunks):
            chunks = self.chunks.all()
            fits = bool(chunks.min() >= 0 and chunks.max() < len(self))
        if fits and not self.lengths.is_mapped:
            lengths = self.lengths.all()
            fits = int(lengths.max(initial=0)) == self.longest and int(lengths.sum()) == self.n_tokens
        if not fits:
            raise IndexDamaged("the words' terms, postings and chunks don't fit together")


def merge_postings(parts: Sequence[Postings], places: Sequence[Ints], n_chunks: int) -> Postings:
    """Several parts as one; no text is looked at.

    Args:
        parts: at least one.
        places: for each part, int64, (n_chunks of the part,), the new place of each chunk; -1 where it leaves.
        n_chunks: how many there are then.
    """
    names = sorted(set().union(*(part.terms for part in parts)))
    number = {name: n for n, name in enumerate(names)}
    terms, chunks, counts = [], [], []
    lengths = np.zeros(n_chunks, np.int32)
    for part, place in zip(parts, places, strict=True):
        own = np.array([number[name] for name in part.terms], dtype=np.int32)
        to = place.astype(np.int32)[part.chunks.all()]
        stay = to >= 0
        terms.append(np.repeat(own, np.diff(part.starts.all()))[stay])
        chunks.append(to[stay])
        counts.append(part.counts.all()[stay])
        lengths[place[place >= 0]] = part.lengths.all()[place >= 0]
    stops = {language: words for part in parts for language, words in part.stop_words.items()}
    return _assembled(
        names, np.concatenate(terms), np.concatenate(chunks), np.concatenate(counts), lengths, stops
    )


def _counted(
    terms: npt.NDArray[np.int32], lengths: npt.NDArray[np.int32], first: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Each pair of a chunk and a term that it holds once, with how often it does: (terms, chunks, counts).

    Args:
        terms: of all the chunks' words, one chunk after the other.
        lengths: how many there are of each chunk.
        first: the first chunk's place.
    """
    keys = np.repeat(np.arange(len(lengths), dtype=np.int64) << 32, lengths) | terms
    keys, counts = np.unique(keys, return_counts=True)
    return (
        (keys & 0xFFFFFFFF).astype(np.int32),
        (keys >> 32).astype(np.int32) + np.int32(first),
        counts.astype(np.int32),
    )


def _assembled(
    names: Sequence[str],
    terms: npt.NDArray[np.integer],
    chunks: npt.NDArray[np.integer],
    counts: npt.NDArray[np.integer],
    lengths: npt.NDArray[np.int32],
    stop_words: Mapping[str, frozenset[str]],
) -> Postings:
    """Postings in any order, sorted; names that none is left of are dropped."""
    terms, chunks, counts = _sorted(terms, chunks, counts, max(1, len(lengths)))
    n_of = np.bincount(terms, minlength=len(names))
    held = np.flatnonzero(n_of)
    starts = np.concatenate([[0], np.cumsum(n_of[held])]).astype(np.int64)
    widest = np.uint16 if not len(counts) or counts.max() < 1 << 16 else np.uint32
    chunks, counts = chunks.astype(np.int32), counts.astype(widest)
    n_tokens = int(lengths.sum())
    return Postings(
        terms=Names.build([names[n] for n in held.tolist()] if len(held) < len(names) else names),
        starts=Column(starts),
        chunks=Column(chunks),
        counts=Column(counts),
        lengths=Column(lengths),
        bounds=Column(_bounds(starts, chunks, counts, lengths, n_tokens)),
        n_tokens=n_tokens,
        longest=int(lengths.max(initial=0)),
        stop_words=dict(sorted(stop_words.items())),
    )


def _sorted(
    terms: npt.NDArray[np.integer],
    chunks: npt.NDArray[np.integer],
    counts: npt.NDArray[np.integer],
    n_chunks: int,
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """By term, then by chunk; no pair comes twice."""
    keys = terms.astype(np.int64) * n_chunks
    keys += chunks
    bits = int(counts.max(initial=1)).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits > 63:
        order = np.argsort(keys)
        return terms[order], chunks[order], counts[order]
    # One number each, sorted in place, takes a third of the time and memory of sorting by an order.
    keys <<= bits
    keys |= counts
    keys.sort()
    counts = (keys & ((1 << bits) - 1)).astype(np.int32)
    keys >>= bits
    found, keys = np.divmod(keys, n_chunks)
    return found.astype(np.int32), keys, counts


def _bounds(
    starts: Ints,
    chunks: npt.NDArray[np.integer],
    counts: npt.NDArray[np.integer],
    lengths: npt.NDArray[np.int32],
    n_tokens: int,
) -> npt.NDArray[np.float32]:
    """For each term the most that BM25's second factor is."""
    bounds = np.zeros(len(starts) - 1, np.float32)
    norms = K1 * ((1 - B) + B * lengths / (n_tokens / max(1, len(lengths)) or 1.0))
    first = 0
    while first < len(bounds):
        # So many terms as have _STEP postings together, one at least.
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + _STEP, side="right")) - 1)
        part = slice(int(starts[first]), int(starts[last]))
        factors = counts[part] / (norms[chunks[part]] + counts[part])
        bounds[first:last] = np.maximum.reduceat(factors, starts[first:last] - starts[first])
        first = last
    # The float32 above it, so that no rounding makes it less.
    return np.nextafter(bounds, np.float32(2))
