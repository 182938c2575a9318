"""The bundled encoder, on onnxruntime and `tokenizers`, without torch.

It is all-MiniLM-L6-v2 (Wang et al. 2020, MiniLM; Reimers & Gurevych 2019, Sentence-BERT) in int8,
exported by `rag.training.encoder_export`; its files are checked by sha256 before use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.config import BUNDLED_ENCODER, EncoderConfig
from rag.encoder import Vectors
from rag.errors import ModelError
from rag.inference import check_sha256, n_threads, open_session, read_card, side_by_side

__all__ = ["ENCODER_FOLDER", "ENCODER_FORMAT", "MAX_TOKENS", "OnnxEncoder"]

ENCODER_FOLDER = Path(__file__).parent / "models" / "encoder"
ENCODER_FORMAT = 1
MAX_TOKENS = 256

# Texts whose tokens are kept between being counted and being encoded: 15 MB of them.
_MOST_COUNTED = 16_384


class OnnxEncoder:
    """The bundled encoder; files are read at the first use.

    Each text goes through the model by itself, on one thread, and several texts go side by side.
    Nothing is padded, and the model's int8 scales are those of the one text, so its vector is the
    same to the bit whatever else is encoded with it and in whichever order.

    Args:
        config: how many texts a thread takes at a time.
        folder: with encoder.onnx, tokenizer.json and encoder.json.

    Raises:
        ModelError: at the first use, where a file is missing, altered or of another format.
    """

    concurrent = True  # several threads may encode at once, see `rag.ahead`

    def __init__(self, config: EncoderConfig | None = None, folder: Path = ENCODER_FOLDER) -> None:
        self._config = config or EncoderConfig()
        self._folder = folder
        self._lock = threading.Lock()
        self._card: dict[str, Any] = {}
        self._tokenizer: Any = None
        self._session: Any = None
        self._counted: dict[str, npt.NDArray[np.int64]] = {}

    @property
    def encoder_id(self) -> str:
        return f"{BUNDLED_ENCODER} sha256:{self._sha256('encoder.onnx')[:16]} dim:{self.dim}"

    @property
    def dim(self) -> int:
        return int(self.card["dim"])

    @property
    def max_tokens(self) -> int:
        return int(self.card["max_tokens"])

    @property
    def card(self) -> dict[str, Any]:
        """What encoder.json says: files, recipe, measured quality."""
        if not self._card:
            self._card = read_card(
                self._folder / "encoder.json", version=ENCODER_FORMAT, numbers=("dim", "max_tokens")
            )
        return self._card

    def check_files(self) -> None:
        """Compare every file with its checksum.

        Raises:
            ModelError: one is missing or altered.
        """
        for name in self.card["files"]:
            check_sha256(self._folder / name, self._sha256(name))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        counts = []
        for text, encoding in zip(texts, self._tokens(texts), strict=True):
            ids = np.array([encoding.ids], np.int64)
            counts.append(ids.shape[1])
            # What is cut from documents is counted first and then encoded.
            if ids.shape[1] <= self.max_tokens and len(self._counted) < _MOST_COUNTED:
                self._counted[text] = ids
        return counts

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        # Few texts are shared out too: a question's candidate sentences are fewer than a batch.
        step = max(1, min(self._config.batch_size, -(-len(texts) // n_threads())))
        parts = [slice(begin, begin + step) for begin in range(0, len(texts), step)]

        def encode(part: slice) -> int:
            rows = self._encode(texts[part])
            vectors[part] = rows
            return len(rows)

        for n_done in side_by_side(encode, parts):
            if progress is not None:
                progress(n_done)
        return vectors

    def encode_query(self, text: str) -> Vectors:
        row: Vectors = self._encode([text])[0]
        return row

    def _encode(self, texts: Sequence[str]) -> Vectors:
        session = self._load_session()
        counted = [self._counted.pop(text, None) for text in texts]
        uncounted = [text for text, ids in zip(texts, counted, strict=True) if ids is None]
        encodings = iter(self._tokens(uncounted))
        rows = []
        for ids in counted:
            if ids is None:
                ids = _cut(next(encodings).ids, self.max_tokens)
            feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
            rows.append(session.run(["vectors"], feed)[0][0])
        vectors = np.asarray(rows, dtype=np.float32)
        if not np.isfinite(vectors).all():
            raise ModelError(
                "the bundled encoder gave values that are not finite numbers; reinstall insources"
            )
        return vectors

    def _sha256(self, name: str) -> str:
        return str(self.card["files"][name]["sha256"])

    def _tokens(self, texts: Sequence[str]) -> list[Any]:
        if self._tokenizer is None:
            with self._lock:
                self._tokenizer = self._tokenizer or self._open_tokenizer()
        encodings: list[Any] = self._tokenizer.encode_batch_fast(list(texts)) if texts else []
        return encodings

    def _open_tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        path = self._folder / "tokenizer.json"
        check_sha256(path, self._sha256(path.name))
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _load_session(self) -> Any:
        if self._session is None:
            with self._lock:
                path = self._folder / "encoder.onnx"
                self._session = self._session or open_session(path, self._sha256(path.name))
        return self._session


def _cut(ids: list[int], longest: int) -> npt.NDArray[np.int64]:
    """One row of at most `longest` tokens, the last of them still the closing one."""
    kept = ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]
    return np.array([kept], dtype=np.int64)
