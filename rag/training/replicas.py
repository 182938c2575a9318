"""Data-parallel threads on a CPU: each runs a part of the batch with one core of its own.

Letting PyTorch split every operation over two cores leaves what it does not split (random
numbers, small operations) on one, and stalls both cores as soon as another process takes one
of them. Whole forward and backward passes side by side gave 45 windows a second where split
operations gave 27. Weights are shared storage; gradients are summed in a fixed order.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn

from rag.training.model import Reader

__all__ = ["Replicas", "SeededDropout"]

Part = TypeVar("Part", bound=Sized)


class SeededDropout(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Dropout with a generator of its own, so that threads do not share (and race for) one."""

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share of `x` while training, scaling the rest."""
        if not self.training or self.p == 0.0:
            return x
        keep = torch.empty_like(x).bernoulli_(1.0 - self.p, generator=self.generator)
        return x * keep.mul_(1.0 / (1.0 - self.p))


class Replicas:
    """A model and copies of it that share its weights, one for each worker thread.

    Args:
        model: the one that is optimised and saved.
        n_workers: threads; 1 runs in the calling thread (and is what a GPU wants).
    """

    def __init__(self, model: Reader, n_workers: int) -> None:
        device = next(model.parameters()).device
        self.models = [model] + [copy.deepcopy(model) for _ in range(n_workers - 1)]
        self._generators = [torch.Generator(device) for _ in self.models]
        for replica, generator in zip(self.models, self._generators, strict=True):
            for mine, shared in zip(replica.parameters(), model.parameters(), strict=True):
                mine.data = shared.data
            _seed_dropout(replica, generator)
        self._pool = ThreadPoolExecutor(n_workers) if n_workers > 1 else None

    def step(self, parts: Sequence[Part], loss: Callable[[Reader, Part], Tensor], seed: int) -> float:
        """Leave the mean gradient over all windows in the first model's parameters.

        Args:
            parts: windows for each worker (or fewer).
            loss: mean loss of a part; called in the worker, so that what it prepares is shared out too.
            seed: of this step's dropout.

        Returns:
            The mean loss.
        """
        total = sum(map(len, parts))
        shares = [len(p) / total for p in parts]
        for i, generator in enumerate(self._generators):
            generator.manual_seed(seed * 64 + i)
        jobs = list(zip(self.models, parts, shares, strict=False))
        if self._pool is None or len(jobs) == 1:
            losses = [_run(m, p, s, loss, None) for m, p, s in jobs]
        else:
            futures = [self._pool.submit(_run, m, p, s, loss, 1) for m, p, s in jobs]
            losses = [f.result() for f in futures]
        first, *others = (list(m.parameters()) for m in self.models[: len(jobs)])
        for parameters in others:
            for mine, theirs in zip(first, parameters, strict=True):
                if theirs.grad is not None:
                    if mine.grad is None:
                        mine.grad = theirs.grad
                    else:
                        mine.grad.add_(theirs.grad)
                    theirs.grad = None
        return sum(losses)

    def __len__(self) -> int:
        return len(self.models)

    def __enter__(self) -> Replicas:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()


def _run(
    model: Reader,
    part: Part,
    share: float,
    loss: Callable[[Reader, Part], Tensor],
    threads: int | None,
) -> float:
    if threads is not None:
        torch.set_num_threads(threads)
    value = loss(model, part) * share
    value.backward()
    return float(value.detach())


def _seed_dropout(module: nn.Module, generator: torch.Generator) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Dropout):
            setattr(module, name, SeededDropout(child.p, generator))
        else:
            _seed_dropout(child, generator)
