"""Near-duplicate documents: a MinHash of each one's words, and which are copies of one another.

The share of equal places in two sketches estimates how many of all the runs of three words in two documents
are in both (Broder, "On the resemblance and containment of documents", 1997). Locality-sensitive hashing
finds the pairs worth comparing, so that ten thousand documents take under a second.

Sketches and bands are those of `datasketch` 2 (a test compares the sketches to the bit), without importing it:
with SciPy that takes longer than all the arithmetic here for a thousand articles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha1

import numpy as np
import numpy.typing as npt

from rag.stores.tokens import words

__all__ = ["SKETCH_SIZE", "group_copies", "shingles", "sketch_texts"]

# Places of a sketch: the estimate of a likeness of 0.5 is within 0.06 two times in three.
SKETCH_SIZE = 64

# What is not at least this alike on the whole is another document. It only says where to look for copies:
# what is cited is compared sentence by sentence.
LEAST_ALIKE = 0.5

_RUN = 3  # words
_SEED = 1
# Documents are compared where one of these stretches of their sketches is the same: so finds nearly all pairs
# that are `LEAST_ALIKE`, and few that are not.
_BANDS = tuple((begin, begin + 4) for begin in range(0, 56, 4))
_STEP = 50_000  # runs of words hashed at a time

Sketches = npt.NDArray[np.uint32]


def shingles(text: str) -> set[str]:
    """All runs of three words of a text; of a shorter one the whole.

    >>> sorted(shingles("The harbour fell dry."))
    ['harbour fell dry', 'the harbour fell']
    """
    said = words(text)
    if len(said) <= _RUN:
        return {" ".join(said)} if said else set()
    return set(map(" ".join, zip(*(said[at:] for at in range(_RUN)), strict=False)))


def sketch_texts(texts: Iterable[str]) -> Sketches:
    """The sketch of a document from the texts of its chunks: uint32, (64,)."""
    made = np.full(SKETCH_SIZE, 0xFFFFFFFF, np.uint32)
    runs = list(set[str]().union(*map(shingles, texts)))  # the least of all hashes: in any order
    for begin in range(0, len(runs), _STEP):
        hashes = np.multiply.outer(_FACTORS, _mixed(_numbers(runs[begin : begin + _STEP])))
        hashes += _SUMMANDS[:, None]
        np.minimum(made, hashes.min(axis=1), out=made)
    return made


def _permutations() -> tuple[Sketches, Sketches]:
    """Factors, all of them odd, and summands: each pair permutes all numbers of 32 bits in its own way."""
    drawn = np.random.RandomState(_SEED)
    factors = drawn.randint(0, 1 << 31, SKETCH_SIZE, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return factors, drawn.randint(0, 1 << 32, SKETCH_SIZE, dtype=np.uint32)


_FACTORS, _SUMMANDS = _permutations()


def _numbers(runs: Sequence[str]) -> Sketches:
    """The first four bytes of the SHA-1 of each."""
    digests = b"".join([sha1(run.encode(), usedforsecurity=False).digest()[:4] for run in runs])
    return np.frombuffer(digests, "<u4").astype(np.uint32)


def _mixed(numbers: Sketches) -> Sketches:
    """Each number's bits spread over all of it: the last step of MurmurHash3 (Appleby)."""
    numbers = (numbers ^ (numbers >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    numbers = (numbers ^ (numbers >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    mixed: Sketches = numbers ^ (numbers >> np.uint32(16))
    return mixed


def group_copies(names: Sequence[str], sketches: Sketches) -> list[list[str]]:
    """The documents that are near copies, together; those without a copy are not named.

    The same documents give the same groups whatever order they come in.

    Args:
        names: doc_ids.
        sketches: uint32, (n_documents, 64), one each; one of zeros is no sketch.

    Returns:
        Groups of at least two, each sorted, ordered by their first.
    """
    worth = np.flatnonzero(sketches.any(axis=1)).tolist()
    if len(worth) < 2:
        return []
    firsts: dict[tuple[int, bytes], list[int]] = {}
    groups: dict[int, list[str]] = {}
    for place in sorted(_meeting(sketches, worth), key=names.__getitem__):
        own = sketches[place]
        keys = [(begin, own[begin:end].tobytes()) for begin, end in _BANDS]
        # Only the first of each group is compared: a thousand copies cost a thousand looks, not a million.
        found = sorted({first for key in keys for first in firsts.get(key, ())}, key=names.__getitem__)
        alike = [float((sketches[first] == own).mean()) for first in found]
        if alike and max(alike) >= LEAST_ALIKE:
            groups[found[int(np.argmax(alike))]].append(names[place])
        else:
            groups[place] = [names[place]]
            for key in keys:
                firsts.setdefault(key, []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def _meeting(sketches: Sketches, worth: list[int]) -> list[int]:
    """Those that share a whole band with another, the only ones that could be found; a few more by chance."""
    meeting = np.zeros(len(worth), np.bool_)
    factors = np.random.default_rng(_SEED).integers(1, 2**63, SKETCH_SIZE, np.uint64) | np.uint64(1)
    for begin, end in _BANDS:
        keys = (sketches[worth, begin:end] * factors[begin:end]).sum(axis=1, dtype=np.uint64)
        _, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
        meeting |= counts[which] > 1
    return [place for place, meets in zip(worth, meeting.tolist(), strict=True) if meets]
