"""A file of an index as bytes that are compared with their checksums before they are used.

A small file is read and compared whole when the index is opened. A large one is mapped into memory and
compared in blocks of 16 KiB, each when it is first touched: opening a million chunks reads next to
nothing, a question pays for what it looks at, and no byte is used unchecked. Whoever shortens a mapped
file under a running program ends that program; committing never does, it only makes new files.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rag.errors import IndexDamaged

__all__ = ["BLOCK", "Blob", "Buffer", "block_sums"]

BLOCK = 1 << 14
_SUM = 32

Buffer: TypeAlias = bytes | bytearray | memoryview


def block_sums(buffers: Iterable[Buffer]) -> bytes:
    """The sha256 of each block of a file that is given in parts, one after the other.

    >>> len(block_sums([b"x" * 16384, b"y"]))
    64
    """
    sums = bytearray()
    rest = b""
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        begin = 0
        if rest:
            begin = min(BLOCK - len(rest), len(view))
            rest += bytes(view[:begin])
            if len(rest) < BLOCK:
                continue
            sums += hashlib.sha256(rest).digest()
        whole = begin + (len(view) - begin) // BLOCK * BLOCK
        for place in range(begin, whole, BLOCK):
            sums += hashlib.sha256(view[place : place + BLOCK]).digest()
        rest = bytes(view[whole:])
    if rest:
        sums += hashlib.sha256(rest).digest()
    return bytes(sums)


class Blob:
    """Bytes that were checked, or are checked block by block as they are asked for.

    Args:
        data: the bytes.
        sums: the sha256 of each block; None where all was compared before.
        where: names the file in messages.
        advice: what to do where it is damaged, for messages.
        descriptor: of the open file where it is mapped; closed with the blob.
    """

    def __init__(
        self,
        data: Buffer | mmap.mmap,
        sums: bytes | None = None,
        where: str = "",
        advice: str = "",
        descriptor: int = -1,
    ) -> None:
        self._data = memoryview(data)
        self._sums = sums
        self._good = np.zeros(-(-len(self._data) // BLOCK), np.bool_) if sums is not None else None
        self._where = where
        self._advice = advice
        self._descriptor = descriptor

    @classmethod
    def of(cls, data: Buffer | Blob) -> Blob:
        """Checked bytes as a blob."""
        return data if isinstance(data, Blob) else cls(data)

    @classmethod
    def mapped(cls, descriptor: int, sums: bytes, where: str, advice: str = "") -> Blob:
        """An open file, mapped; the blob closes the descriptor in time.

        Raises:
            OSError: it can't be mapped.
        """
        return cls(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), sums, where, advice, descriptor)

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def __len__(self) -> int:
        return len(self._data)

    @property
    def is_mapped(self) -> bool:
        """Whether blocks are compared as they are asked for."""
        return self._good is not None

    @property
    def path(self) -> str | None:
        """A path that opens the very same file, even where it has been removed since; None in memory."""
        return f"/dev/fd/{self._descriptor}" if self._descriptor >= 0 else None

    @property
    def unchecked(self) -> memoryview:
        """All bytes; what is used of them must have gone through `check` before."""
        return self._data

    def checked(self, start: int = 0, end: int | None = None) -> memoryview:
        """The bytes `[start, end)`.

        Raises:
            IndexDamaged: a block of them is not as it was written.
        """
        end = len(self._data) if end is None else end
        self.check(start, end)
        return self._data[start:end]

    def check(self, start: int, end: int) -> None:
        """Compare the blocks of `[start, end)` that were not compared before.

        Raises:
            IndexDamaged: a block is not as it was written.
        """
        if self._good is None or start >= end:
            return
        first, last = start // BLOCK, (end - 1) // BLOCK + 1
        if last - first == 1:
            if not self._good[first]:
                self._compare(first)
            return
        for block in np.flatnonzero(~self._good[first:last]).tolist():
            self._compare(first + block)

    def check_all(self, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> None:
        """As `check`, of many non-empty ranges at once.

        Raises:
            IndexDamaged: a block is not as it was written.
        """
        if self._good is None or not len(starts):
            return
        first, n_blocks = starts // BLOCK, (ends - 1) // BLOCK - starts // BLOCK + 1
        steps = np.arange(int(n_blocks.sum())) - np.repeat(np.cumsum(n_blocks) - n_blocks, n_blocks)
        blocks = np.unique(np.repeat(first, n_blocks) + steps)
        for block in blocks[~self._good[blocks]].tolist():
            self._compare(block)

    def _compare(self, block: int) -> None:
        found = hashlib.sha256(self._data[block * BLOCK : (block + 1) * BLOCK]).digest()
        expected = (self._sums or b"")[block * _SUM : (block + 1) * _SUM]
        if found != expected:
            raise IndexDamaged(
                f"{self._where} has sha256 {found.hex()} at byte {block * BLOCK}, expected {expected.hex()}"
                + (f"; {self._advice}" if self._advice else "")
            )
        if self._good is not None:
            self._good[block] = True
