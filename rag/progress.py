"""A progress bar on the terminal, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["bar"]


@contextmanager
def bar(label: str, *, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told `(n_done, n_total)`; silent where stderr is no terminal."""
    from tqdm import tqdm

    with tqdm(desc=label, unit=unit, disable=None, leave=False) as shown:

        def progress(n_done: int, n_total: int) -> None:
            shown.total = n_total
            shown.update(n_done - shown.n)

        yield progress
