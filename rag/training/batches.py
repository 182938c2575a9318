"""Windows -> batches of like length, in an order that only the seed and the epoch decide."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import torch

from rag.training.data import Question
from rag.training.model import Batch
from rag.training.windows import Window, WindowMaker

__all__ = ["Place", "batches", "pad"]

Place = tuple[int, int, int]
"""Epoch, pool within the epoch, batch within the pool: where training stands."""

POOL = 48
"""Batches whose windows are sorted by length together."""


def batches(
    maker: WindowMaker, *, size: int, seed: int, begin: Place = (0, 0, 0)
) -> Iterator[tuple[Place, list[Window]]]:
    """Endless batches from `begin` on.

    Each pool of windows depends on (seed, epoch, pool) alone, so that a resumed run sees what
    an uninterrupted one does.

    Yields:
        The place *after* the batch (where to resume) and its windows, of like length.
    """
    epoch, pool, skip = begin
    questions = maker.corpus.questions
    while True:
        order = list(range(len(questions)))
        random.Random(f"{seed}/{epoch}").shuffle(order)
        step = size * POOL
        while pool * step < len(order):
            chosen = [questions[i] for i in order[pool * step : (pool + 1) * step]]
            ready = _pool(maker, chosen, size, random.Random(f"{seed}/{epoch}/{pool}"))
            for i in range(skip, len(ready)):
                yield (epoch, pool, i + 1), ready[i]
            pool, skip = pool + 1, 0
        epoch, pool = epoch + 1, 0


def _pool(
    maker: WindowMaker, questions: Sequence[Question], size: int, rng: random.Random
) -> list[list[Window]]:
    windows = [w for q in questions if (w := maker.cut(q, rng)) is not None]
    windows.sort(key=len)
    ready = [windows[i : i + size] for i in range(0, len(windows), size)]
    if len(ready) > 1 and len(ready[-1]) < size:
        ready.pop()
    rng.shuffle(ready)
    return ready


def pad(windows: Sequence[Window]) -> Batch:
    """Stack windows, padded with zeros to the longest."""
    n, width = len(windows), max(map(len, windows))
    ids = torch.zeros(n, width, dtype=torch.long)
    mask, types = ids.clone(), ids.clone()
    allowed = torch.zeros(n, width, dtype=torch.bool)
    allowed[:, 0] = True
    for i, w in enumerate(windows):
        ids[i, : len(w)] = torch.from_numpy(w.ids).long()
        mask[i, : len(w)] = 1
        types[i, w.n_prefix : len(w)] = 1
        allowed[i, w.n_prefix : len(w) - 1] = True
    start = torch.tensor([w.start for w in windows])
    end = torch.tensor([w.end for w in windows])
    return Batch(ids, mask, types, allowed, start, end)
