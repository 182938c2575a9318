"""The reader written as an ONNX graph, node by node.

A BERT has eight kinds of node; spelling them out takes no exporter, keeps the names readable and
lets query, key and value be one product and the word table be int8 with one scale a row.
A test holds the graph against `Reader`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rag.training.model import Reader
from rag.training.onnx_names import INPUTS, OUTPUTS

__all__ = ["build_graph", "quantise_rows"]

OPSET = 17
MASKED = -1e4


def build_graph(
    reader: Reader, *, int8_words: bool, weight_only: Sequence[str] = (), fused_attention: bool = True
) -> onnx.ModelProto:
    """The reader as a model with free batch and sequence axes.

    Args:
        reader: its weights are copied.
        int8_words: store the word table in int8, one scale a row.
        weight_only: parts of names of products whose weights are stored in int8 but that run in
            float32: what goes in is not quantised.
        fused_attention: onnxruntime's own attention node instead of its parts.
    """
    config = reader.bert.config
    weights = {k: v.detach().cpu().float().numpy() for k, v in reader.state_dict().items()}
    g = _Graph(weights, config.layer_norm_eps, weight_only)
    x = _embed(g, int8_words=int8_words)
    mask = (
        "attention_mask" if not fused_attention else g.node("Cast", ["attention_mask"], to=TensorProto.INT32)
    )
    if not fused_attention:
        visible = g.node("Cast", [mask], to=TensorProto.FLOAT)
        wide = g.node("Unsqueeze", [visible, g.ints("mask_axes", [1, 2])])
        hidden = g.node("Sub", [g.floats("one", 1.0), wide])
        mask = g.node("Mul", [hidden, g.floats("masked", MASKED)])
    for i in range(config.num_hidden_layers):
        at = f"bert.encoder.layer.{i}"
        attend = _attention if fused_attention else _plain_attention
        mixed = attend(g, x, mask, at, config.num_attention_heads, config.hidden_size)
        out = g.linear(mixed, f"{at}.attention.output.dense")
        x = g.norm(g.node("Add", [x, out]), f"{at}.attention.output.LayerNorm")
        up = _gelu(g, g.linear(x, f"{at}.intermediate.dense"))
        down = g.linear(up, f"{at}.output.dense")
        x = g.norm(g.node("Add", [x, down]), f"{at}.output.LayerNorm")
    spans = g.linear(x, "qa_outputs")
    start, end = g.nodes("Split", [spans], 2, axis=2)
    last = g.ints("last_axis", [2])
    g.node("Squeeze", [start, last], output="start_logits")
    g.node("Squeeze", [end, last], output="end_logits")
    first = g.node("Gather", [x, g.ints("zero", 0)], axis=1)
    head = g.linear(first, "answerable")
    g.node("Squeeze", [head, g.ints("head_axis", [1])], output="answerable")
    return g.model()


def quantise_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 rows and their scales, float32, (n_rows, 1): `rows * scale` is the table again."""
    scale = np.maximum(np.abs(table).max(1, keepdims=True), 1e-8) / 127
    return np.rint(table / scale).astype(np.int8), scale.astype(np.float32)


def _embed(g: _Graph, *, int8_words: bool) -> str:
    at = "bert.embeddings"
    words = g.weights[f"{at}.word_embeddings.weight"]
    if int8_words:
        rows, scale = quantise_rows(words)
        picked = g.node("Gather", [g.constant("words", rows), "input_ids"])
        x = g.node("Cast", [picked], to=TensorProto.FLOAT)
        x = g.node("Mul", [x, g.node("Gather", [g.constant("word_scale", scale), "input_ids"])])
    else:
        x = g.node("Gather", [g.constant("words", words), "input_ids"])
    types = g.constant("types", g.weights[f"{at}.token_type_embeddings.weight"])
    x = g.node("Add", [x, g.node("Gather", [types, "token_type_ids"])])
    shape = g.node("Shape", ["input_ids"])
    n_tokens = g.node("Gather", [shape, g.ints("second", [1])])
    places = g.constant("places", g.weights[f"{at}.position_embeddings.weight"])
    begin, axis = g.ints("begin", [0]), g.ints("first_axis", [0])
    x = g.node("Add", [x, g.node("Slice", [places, begin, n_tokens, axis])])
    return g.norm(x, f"{at}.LayerNorm")


def _packed(g: _Graph, x: str, at: str) -> str:
    parts = [f"{at}.attention.self.{n}" for n in ("query", "key", "value")]
    weight = np.concatenate([g.weights[f"{p}.weight"] for p in parts]).T
    bias = np.concatenate([g.weights[f"{p}.bias"] for p in parts])
    return g.product(x, weight, bias, f"{at}.attention.packed")


def _attention(g: _Graph, x: str, mask: str, at: str, n_heads: int, width: int) -> str:
    q, k, v = g.nodes("Split", [_packed(g, x, at)], 3, axis=2)
    return g.node(
        "MultiHeadAttention",
        [q, k, v, "", mask],
        domain="com.microsoft",
        num_heads=n_heads,
        mask_filter_value=MASKED,
    )


def _plain_attention(g: _Graph, x: str, mask: str, at: str, n_heads: int, width: int) -> str:
    size = width // n_heads
    heads = g.node("Reshape", [_packed(g, x, at), g.ints("heads", [0, 0, 3 * n_heads, size])])
    q, k, v = g.nodes("Split", [g.node("Transpose", [heads], perm=[0, 2, 1, 3])], 3, axis=1)
    scores = g.node("MatMul", [q, g.node("Transpose", [k], perm=[0, 1, 3, 2])])
    scores = g.node("Mul", [scores, g.floats("scale", size**-0.5)])
    shares = g.node("Softmax", [g.node("Add", [scores, mask])], axis=-1)
    mixed = g.node("Transpose", [g.node("MatMul", [shares, v])], perm=[0, 2, 1, 3])
    return g.node("Reshape", [mixed, g.ints("joined", [0, 0, width])])


def _gelu(g: _Graph, x: str) -> str:
    return g.node("Gelu", [x], domain="com.microsoft")


class _Graph:
    """Collects nodes and constants; each method gives the name of what it made."""

    def __init__(
        self, weights: dict[str, NDArray[np.float32]], eps: float, weight_only: Sequence[str]
    ) -> None:
        self.weights = weights
        self._weight_only = weight_only
        self._eps = eps
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def ints(self, name: str, value: int | list[int]) -> str:
        return self.constant(name, np.array(value, np.int64))

    def floats(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, np.float32))

    def nodes(self, kind: str, inputs: list[str], n: int, **attributes: Any) -> list[str]:
        name = f"{kind}_{len(self._nodes)}"
        outputs = [f"{name}_{i}" for i in range(n)]
        self._nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))
        return outputs

    def node(self, kind: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        name = f"{kind}_{len(self._nodes)}"
        output = output or f"{name}_out"
        self._nodes.append(helper.make_node(kind, inputs, [output], name, **attributes))
        return output

    def product(self, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32], name: str) -> str:
        if any(part in name for part in self._weight_only):
            columns, scale = quantise_rows(weight.T)
            stored = self.constant(f"{name}.weight_int8", columns.T)
            factor = self.node("Cast", [stored], to=TensorProto.FLOAT)
            factor = self.node("Mul", [factor, self.constant(f"{name}.weight_scale", scale.T)])
        else:
            factor = self.constant(f"{name}.weight", weight)
        product = self.node("MatMul", [x, factor])
        return self.node("Add", [product, self.constant(f"{name}.bias", bias)])

    def linear(self, x: str, name: str) -> str:
        return self.product(x, self.weights[f"{name}.weight"].T, self.weights[f"{name}.bias"], name)

    def norm(self, x: str, name: str) -> str:
        parts = [self.constant(f"{name}.{p}", self.weights[f"{name}.{p}"]) for p in ("weight", "bias")]
        return self.node("LayerNormalization", [x, *parts], axis=-1, epsilon=self._eps)

    def model(self) -> onnx.ModelProto:
        axes = ["batch", "tokens"]
        inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, axes) for n in INPUTS]
        shapes = (axes, axes, ["batch"])
        outputs = [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
            for n, s in zip(OUTPUTS, shapes, strict=True)
        ]
        graph = helper.make_graph(self._nodes, "reader", inputs, outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="insources")
