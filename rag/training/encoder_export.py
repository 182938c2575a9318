"""The sentence encoder -> an int8 ONNX folder that `onnxruntime` and `tokenizers` read, without torch.

    python -m rag.training.encoder_export --out rag/models/encoder

The graph is the reader's (`onnx_graph`) with its heads cut off and mean pooling and L2 normalisation
put on. Its channels are evened out before it is quantised (`smoothing`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.config import BUNDLED_ENCODER
from rag.encoder import BUNDLED_SHA256, bundled_model_path
from rag.encoder_onnx import ENCODER_FORMAT, MAX_TOKENS
from rag.errors import ModelError, OptionalDependencyError, RagError, SourceError
from rag.inference import check_sha256
from rag.training import smoothing

__all__ = ["MAX_BYTES", "build_encoder", "calibration_ids", "export_encoder", "main", "model_card", "smooth"]

MAX_BYTES = 25_000_000
STRENGTH = 0.7
CALIBRATION_CHARS = 700
CALIBRATION_PIECES = 6
LICENCE = "Apache-2.0"

Ids = Sequence[Sequence[int]]


def build_encoder(model_dir: Path) -> Any:
    """The encoder as a float32 model (its word table int8 by row) with free batch and token axes.

    Inputs `input_ids` and `attention_mask`, int64, (n_texts, n_tokens); output `vectors`, float32,
    (n_texts, dim), rows L2-normalised.

    Args:
        model_dir: with `config.json` and `model.safetensors` of a BERT.
    """
    from onnx import TensorProto, helper, numpy_helper

    from rag.training.model import Reader
    from rag.training.onnx_graph import build_graph

    model = build_graph(Reader.load(model_dir), int8_words=True)
    graph = model.graph
    norms = [i for i, node in enumerate(graph.node) if node.op_type == "LayerNormalization"]
    body = list(graph.node)[: norms[-1] + 1]
    make = helper.make_node
    head = [make("Sub", ["input_ids", "input_ids"], ["token_type_ids"], "one_text")]
    tail = [
        make("Cast", ["attention_mask"], ["counted"], "counted", to=TensorProto.FLOAT),
        make("Unsqueeze", ["counted", "token_row"], ["counted_row"], "counted_row"),
        # The length is divided away by the normalisation, so the sum does for the mean.
        make("MatMul", ["counted_row", body[-1].output[0]], ["sum_row"], "sum_row"),
        make("Squeeze", ["sum_row", "token_row"], ["sum"], "sum"),
        make("LpNormalization", ["sum"], ["vectors"], "vectors", axis=1, p=2),
    ]
    constants = {c.name: c for c in graph.initializer}
    constants["token_row"] = numpy_helper.from_array(np.array([1], np.int64), "token_row")
    places = numpy_helper.to_array(constants["places"])[:MAX_TOKENS]
    constants["places"] = numpy_helper.from_array(places.copy(), "places")
    _put(graph.node, [*head, *body, *tail])
    used = {name for node in graph.node for name in node.input}
    _put(graph.initializer, [c for name, c in constants.items() if name in used])
    _put(graph.input, [i for i in graph.input if i.name != "token_type_ids"])
    axes = ["texts", places.shape[1]]
    _put(graph.output, [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, axes)])
    graph.name = "encoder"
    return model


def calibration_ids(texts: Path, tokenizer: Path) -> list[list[int]]:
    """Tokens of pieces of the folder's `.txt` files, long as chunks and short as questions.

    Raises:
        SourceError: there is no such file.
    """
    from tokenizers import Tokenizer

    pieces = [
        text[i * CALIBRATION_CHARS : (i + 1) * CALIBRATION_CHARS]
        for text in (path.read_text("utf-8") for path in sorted(texts.glob("*.txt")))
        for i in range(CALIBRATION_PIECES)
    ]
    if not pieces:
        raise SourceError(f"{texts}/ holds no .txt file; name a folder of texts with --texts")
    words = Tokenizer.from_file(str(tokenizer))
    words.no_padding()
    words.enable_truncation(MAX_TOKENS)
    pieces += [piece[:60] for piece in pieces[::3]]
    return [encoding.ids for encoding in words.encode_batch(pieces)]


def smooth(model: Any, texts: Ids, strength: float = STRENGTH) -> Any:
    """`smoothing.smooth` over tokens of texts."""
    rows = [np.array([text], np.int64) for text in texts]
    return smoothing.smooth(
        model, [{"input_ids": ids, "attention_mask": np.ones_like(ids)} for ids in rows], strength
    )


def export_encoder(
    out: Path,
    texts: Path,
    *,
    strength: float = STRENGTH,
    reduce_range: bool = False,
    skip: Sequence[str] = (),
) -> dict[str, Any]:
    """Write `encoder.onnx`, `tokenizer.json`, `encoder.json` and the model card to `out`.

    Args:
        texts: folder of `.txt` files to calibrate on.
        strength: of `smooth`; 0 or less leaves it out.
        reduce_range: weights in 7 bits: no saturation on processors without VNNI.
        skip: parts of names of products to leave in float32.

    Returns:
        What `encoder.json` holds.

    Raises:
        ModelError: the source weights are not the expected ones, or the files are over 25 MB.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from tokenizers import Tokenizer

    source = bundled_model_path()
    check_sha256(source / "model.safetensors", BUNDLED_SHA256)
    out.mkdir(parents=True, exist_ok=True)
    model = build_encoder(source)
    if strength > 0:
        smooth(model, calibration_ids(texts, source / "tokenizer.json"), strength)
    products = [n for n in model.graph.node if n.op_type == "MatMul"]
    quantize_dynamic(
        model,
        out / "encoder.onnx",
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        reduce_range=reduce_range,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[n.name for n in products if any(s in i for s in skip for i in n.input)],
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": 1},
    )
    words = Tokenizer.from_file(str(source / "tokenizer.json"))
    words.no_truncation()
    words.no_padding()
    words.save(str(out / "tokenizer.json"), pretty=False)
    contents = {name: (out / name).read_bytes() for name in ("encoder.onnx", "tokenizer.json")}
    total = sum(map(len, contents.values()))
    if total > MAX_BYTES:
        raise ModelError(f"the exported encoder has {total:,} bytes; at most {MAX_BYTES:,} may ship")
    return {
        "format": ENCODER_FORMAT,
        "name": BUNDLED_ENCODER,
        "licence": LICENCE,
        "source": {"file": "model.safetensors", "sha256": BUNDLED_SHA256},
        "files": {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in contents.items()},
        "dim": int(model.graph.output[0].type.tensor_type.shape.dim[1].dim_value),
        "max_tokens": MAX_TOKENS,
        "recipe": {
            "words": "int8, one scale a row",
            "products": f"weights int8, one scale a channel{', 7 bits' if reduce_range else ''}; activations "
            "uint8, one scale a product and text",
            "channels evened": f"SmoothQuant, strength {strength:g}" if strength > 0 else "no",
            "left in float32": list(skip),
        },
    }


def model_card(about: dict[str, Any]) -> str:
    """Markdown for people, from what `encoder.json` says for programs."""
    lines = [
        f"# {about['name']}, int8 ONNX",
        "",
        "A text to a vector of meaning: BERT, 6 layers, 384 wide, mean pooling, L2 norm; English. The "
        "weights are those of sentence-transformers/all-MiniLM-L6-v2 (Wang et al. 2020, MiniLM; Reimers & "
        f"Gurevych 2019, Sentence-BERT), licence {about['licence']}; here they are stored in int8 (changed "
        "files in the sense of that licence).",
        "",
        f"- Source: `{about['source']['file']}`, sha256 `{about['source']['sha256']}`.",
        "- Made by `python -m rag.training.encoder_export`.",
        f"- At most {about['max_tokens']} tokens; longer is cut.",
        "- Texts go in one by one: scales of activations are then the text's own, and its vector depends "
        "on nothing else.",
        "- Processors without VNNI add products in pairs of 16 bits, which can overflow. Simulated on one "
        "text, 4 pairs in 100,000 do: on average an error of 1.2 % of a product's output beside 1.6 % by "
        "rounding, most (11 %) in the first layer's attention output. `--reduce-range` exports without "
        "overflow, with a third more rounding.",
        "",
        "| file | bytes | sha256 |",
        "|---|---|---|",
        *(f"| `{n}` | {f['bytes']:,} | `{f['sha256']}` |" for n, f in about["files"].items()),
        "",
        *(
            f"- {k}: {', '.join(v) or 'nothing' if isinstance(v, list) else v}"
            for k, v in about["recipe"].items()
        ),
    ]
    if "quality" in about:
        lines += ["", "Measured by `python -m benchmarks.encoding quality`:", ""]
        lines += ["| | float32 | int8 |", "|---|---|---|"]
        lines += [f"| {row['what']} | {row['fp32']:.4f} | {row['int8']:.4f} |" for row in about["quality"]]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0, or 2 after an error, which is told on stderr.
    """
    parser = argparse.ArgumentParser(
        prog="python -m rag.training.encoder_export", description="Write the encoder's int8 ONNX folder."
    )
    parser.add_argument("--out", type=Path, required=True, help="such as rag/models/encoder")
    parser.add_argument("--texts", type=Path, default=Path("seeds"), help="folder of .txt to calibrate on")
    parser.add_argument("--strength", type=float, default=STRENGTH, help="of SmoothQuant; 0 leaves it out")
    parser.add_argument("--reduce-range", action="store_true", help="weights in 7 bits")
    parser.add_argument("--skip", nargs="*", default=[], help="products to leave in float32, by name")
    parser.add_argument("--quality", type=Path, help="JSON of benchmarks.encoding quality, for the card")
    args = parser.parse_args(argv)
    try:
        try:
            described = export_encoder(
                args.out, args.texts, strength=args.strength, reduce_range=args.reduce_range, skip=args.skip
            )
        except ImportError as error:
            if isinstance(error, RagError):
                raise
            raise OptionalDependencyError(error.name or "onnx", "train", "to export the encoder") from error
        if args.quality:
            described["quality"] = json.loads(args.quality.read_text("utf-8"))
        (args.out / "encoder.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")
        (args.out / "MODEL_CARD.md").write_text(model_card(described), "utf-8")
    except RagError as error:
        sys.stderr.write(f"rag.training.encoder_export: {error}\n")
        return 2
    sys.stdout.write(json.dumps(described["files"]) + "\n")
    return 0


def _put(field: Any, values: Sequence[Any]) -> None:
    """Replace what a repeated field of a protocol buffer holds."""
    kept = [type(v).FromString(v.SerializeToString()) for v in values]
    del field[:]
    field.extend(kept)


if __name__ == "__main__":
    sys.exit(main())
