"""Arrays as bytes in numpy's own format, with objects refused both ways."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.errors import IndexDamaged

__all__ = ["pack_array", "unpack_array"]


def pack_array(array: npt.NDArray[Any]) -> bytes:
    """An array as the bytes of a `.npy` file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def unpack_array(data: bytes, what: str, dtype: npt.DTypeLike, ndim: int) -> npt.NDArray[Any]:
    """The inverse of `pack_array`.

    >>> unpack_array(pack_array(np.arange(3)), "the numbers", np.int64, 1).tolist()
    [0, 1, 2]

    Raises:
        IndexDamaged: bytes that are no such array.
    """
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise IndexDamaged(f"{what} can't be read ({error})") from error
    if array.dtype != np.dtype(dtype) or array.ndim != ndim:
        raise IndexDamaged(
            f"{what} are {array.dtype} with {array.ndim} axes; expected {np.dtype(dtype)} with {ndim}"
        )
    return array
