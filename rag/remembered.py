"""Vectors of texts that were encoded lately: the same sentences come up for one question after another."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Remembered"]

Floats = npt.NDArray[np.float32]


class Remembered:
    """Encodes what it has not met among the last texts; safe to share between threads.

    Args:
        encode: texts to float32 vectors, (n_texts, dim).
        most: vectors that are kept; those not asked for the longest go first. A vector of 384 numbers takes
            about 1,700 bytes with its key.

    >>> vectors = Remembered(lambda texts: np.array([[len(text)] for text in texts], np.float32), most=2)
    >>> vectors(["a", "bc", "a"]).tolist()
    [[1.0], [2.0], [1.0]]
    """

    def __init__(self, encode: Callable[[Sequence[str]], Floats], most: int) -> None:
        self._encode = encode
        self._most = most
        self._kept: OrderedDict[bytes, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Float32, (n_texts, dim), in the order of the texts, of which there is at least one."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            rows = self._encode(list(missing.values()))
            # Copies, so that one row doesn't keep all the rows that it was made with.
            found.update((key, row.copy()) for key, row in zip(missing, rows, strict=True))
        with self._lock:
            for key in keys:
                self._kept[key] = found[key]
                self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return np.stack([found[key] for key in keys])
