"""Vectors of a long run, noted beside the index as they are made: a killed run is gone on with, not begun again.

    encoding.checkpoint     a line that names the encoder, then for each batch
        n                   uint32, how many texts
        sha256              of the rest of the batch
        n x 32 bytes        the sha256 of each text
        n x dim x float32   its vector

A vector is found by its text, so that files may change in between. A batch whose checksum is wrong ends
the file: what a crash left half written is cut off. Only the process that holds the index's lock writes
here, and committing removes the file. Short runs have none.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rag.errors import IndexWriteError
from rag.stores.base import Floats

__all__ = ["CHECKPOINT_NAME", "Checkpoint"]

CHECKPOINT_NAME = "encoding.checkpoint"

# Fewer texts than this are encoded in a minute or less.
LEAST = 2048

_FORMAT = "insources checkpoint 1"
_SUM = 32


class Checkpoint:
    """The vectors that runs before this one made.

    Args:
        root: folder of the index, locked by this process.
        encoder_id: of the encoder; what another one made is of no use.
        dim: length of a vector.
    """

    def __init__(self, root: Path, encoder_id: str, dim: int) -> None:
        self._path = root / CHECKPOINT_NAME
        self._head = json.dumps({"format": _FORMAT, "encoder_id": encoder_id, "dim": dim}).encode() + b"\n"
        self._dim = dim
        self._file: BinaryIO | None = None
        self.n_found = 0

    def vectors(self, texts: Sequence[str]) -> dict[int, Floats]:
        """The vectors that are there already, by place among the texts; opens the file for what follows."""
        found: dict[int, Floats] = {}
        end = 0
        places = {_key(text): place for place, text in enumerate(texts)}
        try:
            with self._path.open("rb") as file:
                if file.readline(4096) == self._head:
                    end = file.tell()
                    while (batch := self._batch(file)) is not None:
                        keys, rows = batch
                        for key, row in zip(keys, rows, strict=True):
                            if key in places:
                                found[places[key]] = row
                        end = file.tell()
        except FileNotFoundError:
            pass
        self.n_found = len(found)
        if end or len(texts) - len(found) >= LEAST:
            self._begin(end)
        return found

    def note(self, texts: Sequence[str], vectors: Floats) -> None:
        """Add what was encoded, forced to disk.

        Raises:
            IndexWriteError: it can't be written; what was noted before stays.
        """
        if self._file is None:
            return
        body = b"".join(map(_key, texts)) + np.ascontiguousarray(vectors, np.float32).tobytes()
        try:
            self._file.write(len(texts).to_bytes(4, "little") + hashlib.sha256(body).digest() + body)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise IndexWriteError(
                f"can't write {str(self._path)!r}: {error.strerror}; free some space and index again: it goes "
                "on from what is encoded"
            ) from error

    def remove(self) -> None:
        """It has served its end."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave it for a later run."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self, end: int) -> None:
        """Open for adding after `end`, what follows cut off; anew where nothing there is of use."""
        self._file = self._path.open("r+b" if end else "wb")
        if end:
            self._file.truncate(end)
            self._file.seek(end)
        else:
            self._file.write(self._head)

    def _batch(self, file: BinaryIO) -> tuple[list[bytes], Floats] | None:
        """The next batch; None at the end or where the rest can't be trusted."""
        head = file.read(4 + _SUM)
        n = int.from_bytes(head[:4], "little")
        size = n * (_SUM + self._dim * 4)
        if len(head) < 4 + _SUM or not 0 < size <= os.fstat(file.fileno()).st_size - file.tell():
            return None
        body = file.read(size)
        if hashlib.sha256(body).digest() != head[4:]:
            return None
        rows = np.frombuffer(body, np.float32, offset=n * _SUM).reshape(n, self._dim)
        return [body[at * _SUM : (at + 1) * _SUM] for at in range(n)], rows


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
