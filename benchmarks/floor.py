"""How near encoder and reader come to what this machine could do at most.

1. The machine: products a second of fp32 matrices (numpy) and int8 ones (onnxruntime's MatMulInteger), of the
   models' own sizes, on one thread a core as the models run; bytes a second read from memory (numpy).
2. The models: multiplications and additions a passage, int8 and fp32 ones apart, counted from the graphs
   that run; bytes of weights, read once a passage.
3. The floor of a passage is the longer of arithmetic and reading; the share is floor by measured time. The
   same weights on torch in fp32, against an fp32 floor, stand beside.

Seconds are those of the processor, over all cores, so that other programs' hardly count. Where they do take
turns with this one, threads that wait for each other spin: `taskset -c 0` then keeps to one core.

    python -m benchmarks.floor [--weights FOLDER] [--n 64] [--rounds 3] [--images DIR] [--readme FILE]

Needs the train extra (onnx), and matplotlib for the picture.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.beside import ROOT, insert, machine, reader_folder
from benchmarks.encoding import QUESTION, table
from rag.config import Config
from rag.corpus import find_files, read_file
from rag.encoder import bundled_model_path, load_encoder
from rag.encoder_onnx import ENCODER_FOLDER, OnnxEncoder
from rag.errors import RagError
from rag.index import Index
from rag.inference import n_threads
from rag.reader import BUNDLED_READER, Reader

Ids = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Machine:
    """Rates of all cores together: operations a second, bytes a second."""

    fp32: float
    int8: float
    memory: float


@dataclass(frozen=True)
class Work:
    """What one passage costs on average.

    Attributes:
        int8, fp32: operations; a multiplication and an addition are two.
        weights: bytes that every passage reads: all constants but tables that rows are looked up in.
        seconds: as it runs here, per passage, when many are done.
    """

    name: str
    int8: float
    fp32: float
    weights: float
    seconds: float

    def floor(self, rates: Machine) -> tuple[float, float]:
        """Seconds of arithmetic, seconds of reading weights."""
        return self.int8 / rates.int8 + self.fp32 / rates.fp32, self.weights / rates.memory


def rates(tokens: int, seconds: float) -> Machine:
    """What the machine does at most, at products of (tokens, 384) by (384, 1536) and back.

    Args:
        tokens: rows of the left matrix: a usual passage.
        seconds: to spend on each.
    """
    made = np.random.default_rng(0)
    left = made.standard_normal((tokens, 384)).astype(np.float32)
    wide = made.standard_normal((384, 1536)).astype(np.float32)
    back = made.standard_normal((1536, 384)).astype(np.float32)
    operations = 2 * 2 * tokens * 384 * 1536

    def whole() -> None:
        _ = (left @ wide) @ back

    fp32 = max(operations * _rate(whole, seconds, 1), operations * _rate(whole, seconds, n_threads()))
    session = _int8_product()
    feed = {
        "left": made.integers(0, 255, (tokens, 384), dtype=np.uint8),
        "wide_left": made.integers(0, 255, (tokens, 1536), dtype=np.uint8),
    }
    int8 = operations * _rate(lambda: session.run(None, feed), seconds, n_threads())
    block = np.ones(1 << 25, np.float32)
    parts = np.array_split(block, n_threads())
    memory = block.nbytes / _least(lambda: list(_pool.map(np.sum, parts)), max(3, int(seconds * 20)))
    return Machine(fp32, int8, memory)


_pool = ThreadPoolExecutor(n_threads())


def _int8_product() -> Any:
    """Both products in int8, weights constant as in the models."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    made = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(made.integers(-127, 127, shape, dtype=np.int8), name)
        for name, shape in (("wide", (384, 1536)), ("back", (1536, 384)))
    ]
    nodes = [
        helper.make_node("MatMulInteger", ["left", "wide"], ["one"]),
        helper.make_node("MatMulInteger", ["wide_left", "back"], ["two"]),
    ]
    given = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, ["n", width])
        for name, width in (("left", 384), ("wide_left", 1536))
    ]
    made_here = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["n", width])
        for name, width in (("one", 1536), ("two", 384))
    ]
    graph = helper.make_graph(nodes, "products", given, made_here, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _rate(work: Callable[[], Any], seconds: float, threads: int) -> float:
    """Runs a second of `work`, on so many threads at once; the best of five stretches."""
    work()
    best = 0.0
    for _ in range(5):
        until = time.perf_counter() + seconds / 5

        def repeat(stop: float = until) -> int:
            n = 0
            while time.perf_counter() < stop:
                work()
                n += 1
            return n

        started = time.process_time()
        done = sum(_pool.map(lambda _: repeat(), range(threads)))
        best = max(best, n_threads() * done / (time.process_time() - started))
    return best


def _least(work: Callable[[], Any], times: int) -> float:
    """Least of several: seconds of processor, shared out over the cores."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append((time.process_time() - started) / n_threads())
    return min(taken)


def count(model: Path, lengths: Sequence[int]) -> tuple[float, float, float]:
    """(int8 operations, fp32 operations, bytes of weights) a passage, from the graph that runs."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(model)).graph
    constants = {c.name: c for c in graph.initializer}
    mean, mean_square = statistics.mean(lengths), statistics.mean(n * n for n in lengths)
    # Weights kept in int8 and computed in fp32 pass through these.
    made_by = {out: node for node in graph.node for out in node.output}
    operations = {"int8": 0.0, "fp32": 0.0}
    for node in graph.node:
        if node.op_type in ("MatMul", "MatMulInteger"):
            weight = _constant(node.input[1], constants, made_by)
            if weight is not None:
                kind = "int8" if node.op_type == "MatMulInteger" else "fp32"
                operations[kind] += 2 * mean * float(np.prod(weight.dims))
        elif node.op_type == "MultiHeadAttention":
            # Scores and their product with the values: two products of (n, n) and all of the width.
            operations["fp32"] += 2 * 2 * mean_square * _width(graph, constants)
    looked_up = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    read = sum(
        numpy_helper.to_array(constant).nbytes
        for name, constant in constants.items()
        if name not in looked_up
    )
    return operations["int8"], operations["fp32"], float(read)


def _constant(name: str, constants: dict[str, Any], made_by: dict[str, Any]) -> Any:
    """The constant behind a product's right side, through what only turns its type."""
    while name not in constants:
        node = made_by.get(name)
        if node is None or node.op_type not in ("DequantizeLinear", "Cast", "Mul", "Transpose"):
            return None
        name = node.input[0]
    return constants[name]


def _width(graph: Any, constants: dict[str, Any]) -> int:
    """Width of the model: of its normalisations."""
    norm = next(node for node in graph.node if node.op_type == "LayerNormalization")
    return int(constants[norm.input[1]].dims[0])


def measured(args: argparse.Namespace) -> list[Work]:
    """Each model over the passages, ours and on torch."""
    texts = {source.doc_id: read_file(source)[0] for source in find_files([args.texts]).files}
    encoder, reader = OnnxEncoder(), Reader()
    index = Index.from_texts(texts, config=Config(), encoder=load_encoder())
    passages = [chunk.text for chunk in index.chunks][: args.n]
    lengths = encoder.count_tokens(passages)
    encoder.encode_document(passages[:2])
    reader.read(QUESTION, passages[:2])
    windows = [len(w.ids) for _, w in reader._windows(QUESTION, passages)]
    # A reader's passage is a question's share of eight, as `ask` reads them.
    groups = [passages[at : at + 8] for at in range(0, len(passages), 8)]
    ways: dict[str, Callable[[], Any]] = {
        "encoder": lambda: encoder.encode_document(passages),
        "reader": lambda: [reader.read(QUESTION, group) for group in groups],
        "encoder on torch, fp32": _torch_encoder(passages),
    }
    if args.weights:
        ways["reader on torch, fp32"] = _torch_reader(args.weights, groups)
    taken = {name: _least(way, args.rounds) / len(passages) for name, way in ways.items()}
    found = []
    for name, model, sizes in (
        ("encoder", ENCODER_FOLDER / "encoder.onnx", lengths),
        ("reader", BUNDLED_READER / "reader.onnx", windows),
    ):
        int8, fp32, read = count(model, sizes)
        found.append(Work(name, int8, fp32, read, taken[name]))
        whole = f"{name} on torch, fp32"
        if whole in taken:
            found.append(Work(whole, 0.0, int8 + fp32, 4 * read, taken[whole]))
    return found


def _torch_encoder(passages: list[str]) -> Callable[[], Any]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(bundled_model_path()), device="cpu", local_files_only=True)
    return lambda: model.encode(passages, batch_size=4, show_progress_bar=False)


def _torch_reader(weights: Path, groups: list[list[str]]) -> Callable[[], Any]:
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    with tempfile.TemporaryDirectory() as temporary:
        folder = reader_folder(weights, Path(temporary) / "reader")
        words = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()

    def read() -> None:
        with torch.inference_mode():
            for group in groups:
                given = words(
                    [QUESTION] * len(group), group, truncation="only_second", max_length=384,
                    padding=True, return_tensors="pt",
                )  # fmt: skip
                model(**given)

    return read


def section(found: Sequence[Work], rates: Machine) -> str:
    """The tables."""
    cores = n_threads()
    first = table(
        f"What the machine does at most, {cores} cores together",
        ("fp32 GFLOP/s", "int8 GOP/s", "int8, times fp32", "memory read GB/s"),
        [
            (
                f"{rates.fp32 / 1e9:.0f}",
                f"{rates.int8 / 1e9:.0f}",
                f"{rates.int8 / rates.fp32:.1f}",
                f"{rates.memory / 1e9:.1f}",
            )
        ],
    )
    second = table(
        "A passage, and how near it comes to the floor",
        ("", "GOP int8", "GFLOP fp32", "weights MB", "arithmetic ms", "weights ms", "measured ms", "share"),
        (
            (
                work.name,
                f"{work.int8 / 1e9:.2f}",
                f"{work.fp32 / 1e9:.2f}",
                f"{work.weights / 1e6:.1f}",
                *(f"{1e3 * part:.2f}" for part in work.floor(rates)),
                f"{1e3 * work.seconds:.2f}",
                f"{100 * max(work.floor(rates)) / work.seconds:.0f} %",
            )
            for work in found
        ),
    )
    return f"{first}\n{second}\n\n{machine()}"


def draw(found: Sequence[Work], rates: Machine, folder: Path) -> None:
    """Floor and measured time beside each other."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.7 * len(found)), layout="constrained")
    places: npt.NDArray[np.float64] = np.arange(len(found), dtype=np.float64)
    arithmetic = [1e3 * work.floor(rates)[0] for work in found]
    reading = [1e3 * work.floor(rates)[1] for work in found]
    axes.barh(places, [1e3 * work.seconds for work in found], 0.75, color="#cfd8d7", label="measured")
    axes.barh(places - 0.14, arithmetic, 0.28, color="#0f766e", label="arithmetic at the machine's rate")
    axes.barh(places + 0.14, reading, 0.28, color="#b45309", label="reading the weights from memory")
    axes.set_yticks(places, [work.name for work in found])
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds a passage", title="Distance to the floor")
    axes.legend(loc="upper right", fontsize="small")
    figure.savefig(folder / "floor.png", dpi=120)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.floor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--weights", type=Path, default=None, help="the reader's trained folder, for torch")
    add("--texts", type=Path, default=ROOT / "seeds")
    add("--n", type=int, default=64, help="passages at most")
    add("--rounds", type=int, default=5, help="the least of so many counts")
    add("--seconds", type=float, default=3.0, help="to measure each rate of the machine")
    add("--images", type=Path, default=None, help="folder for the picture")
    add("--json", type=Path, default=None, help="file for the figures")
    add("--readme", type=Path, default=None, help="file with the markers for the tables")
    args = parser.parse_args(argv)
    try:
        machine_rates = rates(128, args.seconds)
        found = measured(args)
        printed = section(found, machine_rates)
        print(printed)
        if args.json:
            kept = {"machine": vars(machine_rates), "work": [vars(work) for work in found]}
            args.json.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        if args.images:
            draw(found, machine_rates, args.images)
        if args.readme:
            insert(args.readme, "floor", printed)
    except RagError as error:
        print(f"floor: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
