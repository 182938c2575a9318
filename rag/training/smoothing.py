"""Even out the channels of what goes into each product of a model, before int8.

Activations are quantised as they come, one scale for all of a product's input, so a channel that is large in
every text takes the steps away from the others. Each channel is therefore divided by a constant that the
weights are multiplied by: SmoothQuant (Xiao et al. 2022, arXiv:2211.10438).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Feed", "smooth"]

# One text as the model's inputs, int64, (1, n_tokens) each.
Feed = Mapping[str, NDArray[np.int64]]


def smooth(model: Any, texts: Sequence[Feed], strength: float) -> Any:
    """Even out the channels of what goes into each product; what the model computes stays the same.

    Args:
        model: of `build_graph`, in float32; changed in place.
        texts: what the channels' largest values are taken from.
        strength: 0 leaves unevenness to the activations, 1 to the weights.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    constants = {c.name: c for c in graph.initializer}
    weights = {n: numpy_helper.to_array(c) for n, c in constants.items() if n.endswith((".weight", ".bias"))}
    products = {node.name: node.input[1] for node in graph.node if _is_product(node, weights)}
    largest = _largest_inputs(model, products, texts)
    changed: dict[str, NDArray[np.float32]] = {}
    nodes, added = [], []
    for node in graph.node:
        if node.name in products:
            name = products[node.name]
            weight = changed.get(name, weights[name])
            factor = largest[node.name] ** strength / np.abs(weight).max(1).clip(1e-5) ** (1 - strength)
            factor = (factor / np.exp(np.log(factor).mean())).astype(np.float32)
            changed[name] = weight * factor[:, None]
            if name.endswith("attention.output.dense.weight"):
                # Attention is linear in the values, so their weights can be divided instead.
                packed = name.replace("output.dense.weight", "packed")
                for part in ("weight", "bias"):
                    values = changed.get(f"{packed}.{part}", weights[f"{packed}.{part}"]).copy()
                    values[..., -len(factor) :] /= factor
                    changed[f"{packed}.{part}"] = values
            else:
                added.append(numpy_helper.from_array(1 / factor, f"{name}.even"))
                nodes.append(
                    helper.make_node("Mul", [node.input[0], added[-1].name], [f"{name}.in"], f"{name}.in")
                )
                node.input[0] = f"{name}.in"
        nodes.append(node)
    constants |= {name: numpy_helper.from_array(value, name) for name, value in changed.items()}
    _put(graph.node, nodes)
    _put(graph.initializer, [*constants.values(), *added])
    return model


def _put(field: Any, values: Sequence[Any]) -> None:
    """Replace what a repeated field of a protocol buffer holds."""
    kept = [type(v).FromString(v.SerializeToString()) for v in values]
    del field[:]
    field.extend(kept)


def _is_product(node: Any, weights: dict[str, NDArray[np.float32]]) -> bool:
    return node.op_type == "MatMul" and node.input[1] in weights


def _largest_inputs(
    model: Any, products: dict[str, str], texts: Sequence[Feed]
) -> dict[str, NDArray[np.float32]]:
    """The largest absolute value of each channel that goes into each product, by the product's name."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    entering = {node.name: node.input[0] for node in model.graph.node if node.name in products}
    wanted = list(dict.fromkeys(entering.values()))
    shown.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in wanted)
    session = onnxruntime.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    largest = {name: np.float32(1e-5) for name in wanted}
    for text in texts:
        values = session.run(wanted, dict(text))
        for name, value in zip(wanted, values, strict=True):
            largest[name] = np.maximum(largest[name], np.abs(value.reshape(-1, value.shape[-1])).max(0))
    return {name: np.asarray(largest[source]) for name, source in entering.items()}
