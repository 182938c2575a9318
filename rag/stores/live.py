"""Rows of a part of an index that are left, and their places in the whole."""

from __future__ import annotations

import numpy as np

from rag.stores.base import Bools, Ints

__all__ = ["Live"]


class Live:
    """Rows of a part that never changes, some of which have left since.

    Places count the rows that are left, over all parts; rows count within the part as it was written.

    Args:
        n_rows: of the part.
        dead: int64, ascending, the rows that have left; None for none.
        offset: the place of the part's first row that is left.
    """

    def __init__(self, n_rows: int, dead: Ints | None = None, offset: int = 0) -> None:
        self.n_rows = n_rows
        self.dead = np.zeros(0, np.int64) if dead is None else dead
        self.offset = offset
        self.alive: Bools | None = None
        if len(self.dead):
            self.alive = np.ones(n_rows, np.bool_)
            self.alive[self.dead] = False
        # How many rows are left before each that is not.
        self._before = self.dead - np.arange(len(self.dead))

    def __len__(self) -> int:
        return self.n_rows - len(self.dead)

    def places(self, rows: Ints) -> Ints:
        """Rows that are left to their places."""
        found: Ints = rows + (self.offset - np.searchsorted(self.dead, rows))
        return found

    def rows(self, places: Ints) -> Ints:
        """Places within this part to rows."""
        left = places - self.offset
        found: Ints = left + np.searchsorted(self._before, left, side="right")
        return found

    def row(self, place: int) -> int:
        """As `rows`, of one place."""
        left = place - self.offset
        return left + int(np.searchsorted(self._before, left, side="right"))

    def holds(self, places: Ints) -> Bools:
        """Which of some places are in this part."""
        found: Bools = (places >= self.offset) & (places < self.offset + len(self))
        return found

    def mask(self, allowed: Bools | None) -> Bools | None:
        """A filter over all places as one over this part's rows; None where all rows may be found."""
        if allowed is None:
            return self.alive
        own = allowed[self.offset : self.offset + len(self)]
        if self.alive is None:
            return own
        spread = np.zeros(self.n_rows, np.bool_)
        spread[self.alive] = own
        return spread
