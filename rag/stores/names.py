"""Distinct strings in order, found by halving: nothing is decoded or hashed on opening."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

import numpy as np

from rag.blobs import Blob, Buffer
from rag.errors import IndexDamaged
from rag.stores.arrays import Column, pack_array, unpack_array

__all__ = ["Names"]

# Found places kept at hand: a question's words are looked for again and again.
_KEPT = 8192


class Names(Sequence[str]):
    """Strings in the order of their code points, which is that of their UTF-8.

    Args:
        data: all strings in UTF-8, one after the other.
        ends: int64, (n,), where each ends.
    """

    def __init__(self, data: Blob, ends: Column) -> None:
        self._data = data
        self._ends = ends
        self.find = lru_cache(maxsize=_KEPT)(self._find)

    @classmethod
    def build(cls, strings: Sequence[str]) -> Names:
        """Take in strings that are distinct and sorted."""
        packed = [string.encode() for string in strings]
        ends = np.cumsum([len(one) for one in packed], dtype=np.int64)
        return cls(Blob(b"".join(packed)), Column(ends))

    def without(self, places: Collection[int]) -> Names:
        """The same with some strings gone; their places stay, held by what nobody looks for.

        >>> list(Names.build(["a", "b", "c"]).without([1]))
        ['a', 'a\\x00', 'c']
        """
        gone, kept = frozenset(places), list(self)
        for place in sorted(gone):
            # Sorts between its neighbours.
            kept[place] = (kept[place - 1] if place else "") + "\0"
        return Names.build(kept) if gone else self

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int) -> str:  # type: ignore[override]
        return self._packed(place).decode()

    def __iter__(self) -> Iterator[str]:
        ends, data = self._ends.all().tolist(), self._data.checked()
        start = 0
        for end in ends:
            yield str(data[start:end], "utf-8")
            start = end

    def _find(self, string: str) -> int:
        """The place of a string; -1 where it is not there."""
        try:
            wanted = string.encode()
        except UnicodeEncodeError:
            return -1
        low, high = 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            if self._packed(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._ends) and self._packed(low) == wanted else -1

    def _packed(self, place: int) -> bytes:
        start = int(self._ends.at(place - 1)) if place else 0
        return bytes(self._data.checked(start, int(self._ends.at(place))))

    def to_files(self, name: str) -> dict[str, list[Buffer]]:
        """As files of an index."""
        return {f"{name}.txt": [self._data.checked()], f"{name}.ends.npy": pack_array(self._ends.all())}

    @classmethod
    def from_files(cls, files: dict[str, Blob], name: str) -> Names:
        """The inverse of `to_files`.

        Raises:
            IndexDamaged: files that are no such strings.
            KeyError: one is not there.
        """
        data, ends = files[f"{name}.txt"], unpack_array(files[f"{name}.ends.npy"], name, np.int64, 1)
        last = int(ends.at(len(ends) - 1)) if len(ends) else 0
        fits = last == len(data)
        if fits and not ends.is_mapped and len(ends):
            places = ends.all()
            fits = bool(places[0] >= 0 and (np.diff(places) >= 0).all())
        if not fits:
            raise IndexDamaged(f"the strings of {name} and their ends don't fit together")
        return cls(data, ends)
