"""Any other encoder, by sentence-transformers: the only file that knows it.

Nothing is ever fetched unless `allow_download` is set.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.config import EncoderConfig
from rag.encoder import Vectors
from rag.errors import ModelError

__all__ = ["SentenceEncoder"]

_NO_LIMIT = 1_000_000


class SentenceEncoder:
    """An encoder run by sentence-transformers; the model is loaded at the first use.

    Args:
        config: which model, by name or path.

    Raises:
        ModelError: at the first use, where the model is missing or of no use.
    """

    def __init__(self, config: EncoderConfig) -> None:
        self._config = config
        self._model: Any = None
        self._lock = threading.Lock()

    @property
    def encoder_id(self) -> str:
        return f"{self._config.name} {_folder_digest(self._config.name)}dim:{self.dim}"

    @property
    def dim(self) -> int:
        return int(self._load().get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        longest = self._load().max_seq_length or 512
        return int(longest) if longest < _NO_LIMIT else _NO_LIMIT  # static embeddings have none

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        tokenizer = self._load().tokenizer
        if hasattr(tokenizer, "encode_batch"):  # static embeddings carry the bare tokenizer
            return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]
        encoded = tokenizer(list(texts), truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        # Batches of like length hardly pad; `order` puts the rows back.
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        step = self._config.batch_size
        for begin in range(0, len(order), step):
            rows = order[begin : begin + step]
            vectors[rows] = self._encode([texts[row] for row in rows], "encode_document")
            if progress is not None:
                progress(len(rows))
        return vectors

    def encode_query(self, text: str) -> Vectors:
        row: Vectors = self._encode([text], "encode_query")[0]
        return row

    def _encode(self, texts: list[str], method: str) -> Vectors:
        encode = getattr(self._load(), method)
        vectors = np.asarray(
            encode(texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False),
            dtype=np.float32,
        )
        if not np.isfinite(vectors).all():
            raise ModelError(f"the encoder {self._config.name!r} gave values that are not finite numbers")
        return vectors

    def _load(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._open()
            return self._model

    def _open(self) -> Any:
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(
                self._config.name,
                device="cpu",
                local_files_only=not self._config.allow_download,
                trust_remote_code=False,
            )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the encoder {self._config.name!r} could not be loaded: {str(error).splitlines()[0]}; expected "
                "a sentence-transformers folder or a model that is already on this machine "
                "(set encoder.allow_download to let it be fetched)"
            ) from error


def _folder_digest(name: str) -> str:
    """What tells two models of one folder name apart: sizes and names of its weight files."""
    if not os.path.isdir(name):
        return ""
    parts = [
        f"{path.relative_to(name)}:{path.stat().st_size}:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(Path(name).rglob("*"))
        if path.suffix in {".safetensors", ".bin", ".onnx", ".json", ".txt", ".model"}
    ]
    return f"sha256:{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:16]} "
