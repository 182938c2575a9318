"""An exported reader -> weights that can be trained on: what its int8 left of them.

The trained weights of a reader do not ship, their int8 does. The channels that `smoothing.py` evened are put back where
the graph holds the factor; the values' channels, whose factor went into the weights, stay evened, which
computes the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertConfig, BertModel

from rag.errors import ModelError, OptionalDependencyError
from rag.training.model import Reader

__all__ = ["restore"]

Array = NDArray[np.float32]


def restore(folder: Path) -> Reader:
    """The reader of a folder that `export` wrote, in float32.

    Raises:
        ModelError: no `reader.onnx` there, a damaged one, or one that `export` did not write.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
        from onnx import numpy_helper
    except ImportError as err:  # pragma: no cover
        raise OptionalDependencyError(err.name or "onnx", "train", "to restore a reader") from err
    path = folder / "reader.onnx"
    if not path.is_file():
        raise ModelError(f"{folder} holds no reader.onnx; expected a folder that `export` wrote")
    try:
        graph = onnx.load(path).graph
    except DecodeError as err:
        raise ModelError(f"{path} is damaged ({err}); expected a reader that `export` wrote") from err
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    settings = {a.name: a for node in graph.node for a in node.attribute}
    try:
        weights = _weights(constants)
        rows, width = weights["bert.embeddings.word_embeddings.weight"].shape
        config = BertConfig(
            vocab_size=rows,
            hidden_size=width,
            num_hidden_layers=sum(name.endswith("intermediate.dense.weight") for name in weights),
            num_attention_heads=settings["num_heads"].i,
            intermediate_size=len(weights["bert.encoder.layer.0.intermediate.dense.bias"]),
            max_position_embeddings=len(weights["bert.embeddings.position_embeddings.weight"]),
            layer_norm_eps=settings["epsilon"].f,
        )
    except KeyError as err:
        raise ModelError(f"{path} holds no {err.args[0]}; expected a reader that `export` wrote") from err
    reader = Reader(BertModel(config, add_pooling_layer=False))
    reader.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
    return reader


def _weights(constants: dict[str, NDArray[Any]]) -> dict[str, Array]:
    """The constants of a graph under the names that `Reader` gives them."""
    at = "bert.embeddings"
    words = constants["words"].astype(np.float32)
    found = {
        f"{at}.word_embeddings.weight": words * constants.get("word_scale", np.float32(1)),
        f"{at}.token_type_embeddings.weight": constants["types"],
        f"{at}.position_embeddings.weight": constants["places"],
    }
    for name, value in constants.items():
        product = name.removesuffix(".bias")
        if name.endswith((".LayerNorm.weight", ".LayerNorm.bias")):
            found[name] = value
        elif product == name:
            continue
        elif name.endswith(".attention.packed.bias"):
            weights, biases = np.split(_factor(constants, product), 3), np.split(value, 3)
            for part, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
                own = product.replace("packed", f"self.{part}")
                found |= {f"{own}.weight": weight, f"{own}.bias": bias}
        else:
            found |= {f"{product}.weight": _factor(constants, product), name: value}
    return {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}


def _factor(constants: dict[str, NDArray[Any]], product: str) -> Array:
    """The weights of a product, (n_out, n_in), however they are stored."""
    name = f"{product}.weight"
    for stored in (f"{name}_quantized", f"{name}_int8"):
        if stored in constants:
            factor = constants[stored].astype(np.float32) * constants[f"{name}_scale"]
            break
    else:
        factor = constants[name].astype(np.float32)
    even = constants.get(f"{name}.even", np.ones(len(factor), np.float32))
    return np.asarray((factor * even[:, None]).T, np.float32)
