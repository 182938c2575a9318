"""Encoding that begins while files are still being read, cleaned and cut.

Reading, cleaning and cutting keep one processor busy; the others encode what is cut already. A vector is the
same whenever its text is encoded, so nothing but the time depends on how far this gets.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from rag.encoder import Encoder, Vectors
from rag.inference import n_threads, on_one_thread

__all__ = ["Ahead", "ahead"]

_BATCH = 16  # texts; a thread lets go of the processor between two batches only
_MOST_WAITING = 2_000  # batches; further texts are encoded when they are asked for

# A thread that has encoded a text needs Python for an instant before the next one, and waits so long for it, in
# seconds, while another cuts and cleans. Python's own 5 ms are as long as encoding a text takes.
_SWITCH = 0.0005


class Ahead:
    """An encoder that may be told of texts before their vectors are asked for.

    Args:
        encoder: gives the same vectors from several threads at once.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._pool = ThreadPoolExecutor(n_threads())
        self._begun: list[tuple[Sequence[str], Future[Vectors]]] = []
        self._first_waiting = 0
        self._known: dict[str, Vectors] = {}

    @property
    def encoder_id(self) -> str:
        return self._encoder.encoder_id

    @property
    def dim(self) -> int:
        return self._encoder.dim

    @property
    def max_tokens(self) -> int:
        return self._encoder.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._encoder.count_tokens(texts)

    def encode_query(self, text: str) -> Vectors:
        return self._encoder.encode_query(text)

    def begin(self, texts: Sequence[str]) -> None:
        """Have texts encoded in the background, as far as there is time."""
        for at in range(0, len(texts), _BATCH):
            while self._first_waiting < len(self._begun) and self._begun[self._first_waiting][1].done():
                self._first_waiting += 1
            if len(self._begun) - self._first_waiting < _MOST_WAITING:
                batch = texts[at : at + _BATCH]
                self._begun.append((batch, self._pool.submit(self._encode, batch)))

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """As the encoder itself, which is asked for what is not there yet. Nothing new is begun by itself."""
        self._take()
        known = self._known
        missing = [place for place, text in enumerate(texts) if text not in known]
        if len(missing) == len(texts):
            return self._encoder.encode_document(texts, progress)
        if progress is not None:
            progress(len(texts) - len(missing))
        vectors = np.empty((len(texts), self.dim), np.float32)
        if missing:
            vectors[missing] = self._encoder.encode_document([texts[place] for place in missing], progress)
        for place, text in enumerate(texts):
            if text in known:
                vectors[place] = known[text]
        return vectors

    def close(self) -> None:
        """Give up what has not been begun."""
        self._pool.shutdown(cancel_futures=True)

    def _encode(self, batch: Sequence[str]) -> Vectors:
        with on_one_thread():
            return self._encoder.encode_document(batch)

    def _take(self) -> None:
        """Wait for what runs, call off what waits."""
        for _, future in self._begun:
            future.cancel()
        for batch, future in self._begun:
            if not future.cancelled():
                self._known.update(zip(batch, future.result(), strict=True))
        self._begun.clear()
        self._first_waiting = 0


class _Switching:
    """Lets Python's threads take turns more often, for as long as anybody asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_asking = 0
        self._before = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._n_asking:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(_SWITCH, self._before))
            self._n_asking += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_asking -= 1
            if not self._n_asking:
                sys.setswitchinterval(self._before)


_switching = _Switching()


@contextmanager
def ahead(encoder: Encoder) -> Iterator[Encoder]:
    """The encoder, beginning ahead where it can and where there is a second processor.

    Encoders that can have an attribute `concurrent` that is true.
    """
    if n_threads() < 2 or not getattr(encoder, "concurrent", False):
        yield encoder
        return
    working = Ahead(encoder)
    try:
        with _switching:
            yield working
    finally:
        working.close()
