"""Arrays as files in numpy's own format, with objects refused both ways."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.blobs import Blob, Buffer
from rag.errors import IndexDamaged

__all__ = ["Column", "as_buffer", "pack_array", "unpack_array"]

# numpy's header of an array without fields is far shorter.
_LONGEST_HEADER = 4096

# What numpy writes; read by a pattern since its own reader evaluates it, which is not safe in threads
# with CPython 3.11 ("AST constructor recursion depth mismatch").
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<size>..)"
    rb"\{'descr': '(?P<dtype>[<|]\w\d)', 'fortran_order': False, 'shape': \((?P<shape>[\d, ]*)\), \} *\n",
    re.DOTALL,
)


def pack_array(array: npt.NDArray[Any]) -> list[Buffer]:
    """An array as the bytes of a `.npy` file, in parts; the numbers are not copied."""
    array = np.ascontiguousarray(array)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return [header.getvalue(), as_buffer(array) if array.size else b""]


def as_buffer(array: npt.NDArray[Any]) -> memoryview:
    """The bytes of an array, not copied."""
    flat: Any = np.ascontiguousarray(array).reshape(-1)
    return memoryview(flat).cast("B")


def unpack_array(
    data: Blob | Buffer, what: str, dtype: type[np.generic] | Sequence[type[np.generic]], ndim: int
) -> Column:
    """The inverse of `pack_array`.

    >>> unpack_array(b"".join(pack_array(np.arange(3))), "the numbers", np.int64, 1).all().tolist()
    [0, 1, 2]

    Raises:
        IndexDamaged: bytes that are no such array.
    """
    blob = Blob.of(data)
    head = bytes(blob.checked(0, min(len(blob), _LONGEST_HEADER)))
    match = _HEADER.match(head)
    if match is None or match.end() != 10 + int.from_bytes(match["size"], "little"):
        raise IndexDamaged(f"{what} can't be read: no array of numpy's begins with {head[:80]!r}")
    try:
        found = np.dtype(match["dtype"].decode())
        shape = tuple(int(size) for size in match["shape"].split(b",") if size.strip())
        n = math.prod(shape)
        if len(blob) - match.end() != n * found.itemsize:
            raise ValueError(f"{len(blob) - match.end()} bytes for the shape {shape} of {found}")
        array = np.frombuffer(blob.unchecked, found, n, match.end() if n else 0).reshape(shape)
    except (ValueError, TypeError) as error:
        raise IndexDamaged(f"{what} can't be read ({error})") from error
    known = [np.dtype(one) for one in ([dtype] if isinstance(dtype, type) else dtype)]
    if found not in known or len(shape) != ndim:
        raise IndexDamaged(f"{what} are {found} with {len(shape)} axes; expected {known[0]} with {ndim}")
    return Column(array, blob, match.end())


class Column:
    """An array of a file whose bytes are compared with their checksums as they are asked for.

    Args:
        array: the values; what is mapped must not be used before it is checked.
        blob: the file; None for an array in memory.
        offset: of the first value in the file, in bytes.
    """

    def __init__(self, array: npt.NDArray[Any], blob: Blob | None = None, offset: int = 0) -> None:
        self._array = array
        self._blob = blob if blob is not None and blob.is_mapped else None
        self._offset = offset
        self._step = int(array.itemsize * np.prod(array.shape[1:], dtype=np.int64))

    def __len__(self) -> int:
        return len(self._array)

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the array."""
        return self._array.shape

    @property
    def is_mapped(self) -> bool:
        """Whether it stays in its file."""
        return self._blob is not None

    def all(self) -> npt.NDArray[Any]:
        """Everything."""
        return self.part(0, len(self._array))

    def part(self, start: int, end: int) -> npt.NDArray[Any]:
        """The values `[start, end)`, not copied."""
        if self._blob is not None:
            self._blob.check(self._offset + start * self._step, self._offset + end * self._step)
        return self._array[start:end]

    def take(self, rows: npt.NDArray[np.signedinteger[Any]]) -> npt.NDArray[Any]:
        """The values of some rows, in their order; each from 0 to the length."""
        if self._blob is not None and len(rows):
            at = self._offset + rows.astype(np.int64) * self._step
            self._blob.check_all(at, at + self._step)
        found: npt.NDArray[Any] = self._array[rows]
        return found

    def at(self, row: int) -> Any:
        """One value."""
        if self._blob is not None:
            at = self._offset + row * self._step
            self._blob.check(at, at + self._step)
        return self._array[row]
