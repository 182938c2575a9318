"""Many short texts of random words, and what share of the nearest chunks an index finds among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hash_encoder import HashEncoder

_NAMES = [f"word{n}" for n in range(400)]
_SEED = 5


def make_many(folder: Path, n: int) -> None:
    """Files of one sentence each."""
    folder.mkdir()
    chance = np.random.default_rng(_SEED)
    for number in range(n):
        words = " ".join(chance.choice(_NAMES, 12))
        (folder / f"{number}.txt").write_text(f"The {words} of number {number}.\n")


def recall(index: Any, places: list[int], encoder: HashEncoder, k: int = 10) -> float:
    """Share of the `k` nearest chunks that are found, over 40 questions; every score must be the chunk's own.

    Args:
        index: of texts from `make_many`.
        places: all chunks.
        encoder: that it was made with.
        k: how many results.
    """
    chance, vectors = np.random.default_rng(_SEED + 1), index.vectors.vectors(np.array(places))
    found = 0
    for number in range(40):
        query = encoder.encode_query(f"The {' '.join(chance.choice(_NAMES, 6))} of number {number}?")
        scores, got = index.vectors.search(query[None, :], k)
        cosines = dict(zip(places, vectors @ query, strict=True))
        np.testing.assert_allclose(scores[0], [cosines[int(place)] for place in got[0]], atol=2e-6)
        least = np.sort(list(cosines.values()))[-k]
        found += int((scores[0] >= least - 1e-6).sum())
    return found / (40 * k)
