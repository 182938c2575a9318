"""A trained reader -> an ONNX folder that `onnxruntime` and `tokenizers` read, without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelError, OptionalDependencyError
from rag.training.model import Reader
from rag.training.onnx_names import INPUTS, OUTPUTS
from rag.training.score import Floats, Forward
from rag.training.windows import Window

__all__ = ["FORMAT", "INPUTS", "OUTPUTS", "export", "onnx_forward", "to_onnx"]

FORMAT = 1
MAX_TOKENS = 384
MAX_BYTES = 25_000_000
WEIGHT_ONLY = (
    "layer.0.intermediate",
    "layer.0.output.dense",
    "layer.1.output.dense",
    "layer.2.output.dense",
)
"""Products that run in float32 where channels are not evened: what goes into them does most of int8's harm."""
STRENGTH = 0.8
"""Of `smoothing.smooth`: with it no product needs float32, and the error is smaller."""
N_EVENED = 30


def to_onnx(
    model: Reader,
    path: Path,
    *,
    int8: bool,
    reduce_range: bool = False,
    weight_only: Sequence[str] | None = None,
    evened: Sequence[Window] = (),
) -> None:
    """Write the model as ONNX with free batch and sequence axes.

    Args:
        path: of the file to write.
        int8: quantise the word table by row and the products by channel (weights int8,
            activations uint8 as they come).
        reduce_range: weights in 7 bits: no saturation on processors without VNNI.
        weight_only: see `build_graph`; `WEIGHT_ONLY` by default, none with `evened`.
        evened: windows that the channels' largest values are taken from; none leaves the channels uneven.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic

        from rag.training.onnx_graph import build_graph
        from rag.training.smoothing import smooth
    except ImportError as err:  # pragma: no cover
        raise OptionalDependencyError(err.name or "onnx", "train", "to export a reader") from err
    if weight_only is None:
        weight_only = () if evened else WEIGHT_ONLY
    built = build_graph(model, int8_words=int8, weight_only=weight_only if int8 else ())
    if not int8:
        onnx.save(built, path)
        return
    if evened:
        smooth(built, [_feeds([window]) for window in evened], STRENGTH)
    quantize_dynamic(
        built,
        path,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        reduce_range=reduce_range,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def onnx_forward(path: Path, *, threads: int = 2) -> Forward:
    """An exported reader as `score.predict` wants it."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def forward(windows: Sequence[Window]) -> tuple[Floats, Floats, Floats]:
        start, end, answerable = session.run(list(OUTPUTS), _feeds(windows))
        return start, end, answerable

    return forward


def _feeds(windows: Sequence[Window]) -> dict[str, NDArray[np.int64]]:
    """Windows as the model's inputs, padded to the longest."""
    ids = np.zeros((len(windows), max(map(len, windows))), np.int64)
    mask, types = ids.copy(), ids.copy()
    for i, w in enumerate(windows):
        ids[i, : len(w)] = w.ids
        mask[i, : len(w)] = 1
        types[i, w.n_prefix : len(w)] = 1
    return dict(zip(INPUTS, (ids, mask, types), strict=True))


def export(
    model_dir: Path,
    tokenizer: Path,
    out: Path,
    *,
    about: dict[str, Any],
    reduce_range: bool = False,
    weight_only: Sequence[str] | None = None,
    evened: Sequence[Window] = (),
) -> dict[str, Any]:
    """Write `reader.onnx`, `tokenizer.json` and `reader.json` to `out`.

    Args:
        model_dir: of `Reader.save`.
        tokenizer: the `tokenizer.json` it was trained with; saved without truncation, padding.
        evened: see `to_onnx`.
        about: what else `reader.json` says (recipe, seed, data, scores).

    Returns:
        What `reader.json` holds.

    Raises:
        ModelError: the folder would be larger than 25 MB.
    """
    from tokenizers import Tokenizer

    out.mkdir(parents=True, exist_ok=True)
    to_onnx(
        Reader.load(model_dir),
        out / "reader.onnx",
        int8=True,
        reduce_range=reduce_range,
        weight_only=weight_only,
        evened=evened,
    )
    words = Tokenizer.from_file(str(tokenizer))
    words.no_truncation()
    words.no_padding()
    words.save(str(out / "tokenizer.json"), pretty=False)
    contents = {name: (out / name).read_bytes() for name in ("reader.onnx", "tokenizer.json")}
    files = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in contents.items()}
    total = sum(map(len, contents.values()))
    if total > MAX_BYTES:
        raise ModelError(f"the exported reader has {total:,} bytes; at most {MAX_BYTES:,} may ship")
    described = {
        "format": FORMAT,
        "name": "insources-reader",
        "files": files,
        "max_tokens": MAX_TOKENS,
        "inputs": list(INPUTS),
        "outputs": list(OUTPUTS),
        "no_answer": "position 0 ([CLS]) of start_logits and end_logits",
        **about,
    }
    (out / "reader.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    return described
