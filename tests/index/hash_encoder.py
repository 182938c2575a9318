"""An encoder for tests: no model, the same vector for the same words, and it counts its work."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt


class HashEncoder:
    """A text's vector is the sum of its words' own random vectors, made to length 1."""

    def __init__(self, encoder_id: str = "hash sha256:0 dim:16", dim: int = 16) -> None:
        self.encoder_id = encoder_id
        self.dim = dim
        self.max_tokens = 256
        self.encoded: list[str] = []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 2 for text in texts]

    def encode_document(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> npt.NDArray[np.float32]:
        self.encoded.extend(texts)
        if progress is not None:
            progress(len(texts))
        return np.stack([self.encode_query(text) for text in texts])

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        total = np.zeros(self.dim)
        for word in text.lower().split() or [""]:
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
            total += np.random.default_rng(seed).standard_normal(self.dim)
        return (total / np.linalg.norm(total)).astype(np.float32)
