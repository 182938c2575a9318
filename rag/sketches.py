"""Near-duplicate documents: a MinHash of each one's words, and which are copies of one another.

The share of equal places in two sketches estimates how many of all the runs of three words in two documents
are in both (Broder, "On the resemblance and containment of documents", 1997). Locality-sensitive hashing by
`datasketch` finds the pairs worth comparing, so that ten thousand documents take under a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha1
from operator import index
from typing import Any

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
_SCHEME = "affine32"
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
    made = _empty().copy()
    runs = list(set[str]().union(*map(shingles, texts)))  # the least of all hashes: in any order
    for begin in range(0, len(runs), _STEP):
        made.update_batch(_numbers(runs[begin : begin + _STEP]))
    return np.asarray(made.hashvalues, np.uint32)


@lru_cache(maxsize=1)
def _empty() -> Any:
    """A sketch of nothing; what it takes to make one is the same for all."""
    from datasketch import MinHash

    return MinHash(SKETCH_SIZE, seed=_SEED, scheme=_SCHEME, hashfunc=index)


def _numbers(runs: Sequence[str]) -> list[int]:
    """What `datasketch`'s own hash function gives for each, all at once: the first four bytes of the SHA-1."""
    digests = b"".join([sha1(run.encode(), usedforsecurity=False).digest()[:4] for run in runs])
    numbers: list[int] = np.frombuffer(digests, "<u4").tolist()
    return numbers


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
    from datasketch import LeanMinHash, MinHashLSH

    finder = MinHashLSH(threshold=LEAST_ALIKE, num_perm=SKETCH_SIZE)
    groups: dict[int, list[str]] = {}
    for place in sorted(_meeting(sketches, worth, finder.hashranges), key=names.__getitem__):
        own = sketches[place]
        sketch = LeanMinHash(seed=_SEED, scheme=_SCHEME, hashvalues=own)
        # Only the first of each group is compared: a thousand copies cost a thousand looks, not a million.
        found = sorted(finder.query(sketch), key=names.__getitem__)
        alike = [float((sketches[first] == own).mean()) for first in found]
        if alike and max(alike) >= LEAST_ALIKE:
            groups[found[int(np.argmax(alike))]].append(names[place])
        else:
            groups[place] = [names[place]]
            finder.insert(place, sketch, check_duplication=False)
    return [group for group in groups.values() if len(group) > 1]


def _meeting(sketches: Sketches, worth: list[int], bands: Sequence[tuple[int, int]]) -> list[int]:
    """Those that share a whole band with another, the only ones that the finder could find; a few more by chance."""
    meeting = np.zeros(len(worth), np.bool_)
    factors = np.random.default_rng(_SEED).integers(1, 2**63, SKETCH_SIZE, np.uint64) | np.uint64(1)
    for begin, end in bands:
        keys = (sketches[worth, begin:end] * factors[begin:end]).sum(axis=1, dtype=np.uint64)
        _, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
        meeting |= counts[which] > 1
    return [place for place, meets in zip(worth, meeting.tolist(), strict=True) if meets]
