"""The bundled int8 encoder beside the same weights on sentence-transformers and torch.

1. `quality`: ranking figures with all vectors, of documents and of questions, from the one or the
   other, and how near the vectors are.
2. `speed`: chunks a second, one question's latency and `rag ask` from process start to answer, of both
   in turns, so that what else the machine does falls on both.

    python -m benchmarks.encoding quality --nfcorpus nfcorpus.zip --squad tune.json.gz [--cache DIR]
    python -m benchmarks.encoding speed [--texts seeds] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.config import Config, EncoderConfig
from rag.corpus import find_files, read_file
from rag.encoder import Encoder, bundled_model_path, load_encoder
from rag.encoder_onnx import ENCODER_FOLDER, OnnxEncoder
from rag.errors import RagError
from rag.evaluation.ablations import retrieval_rows
from rag.evaluation.datasets import load_dataset
from rag.evaluation.opening import RememberingEncoder, ranking_retriever, rebuild
from rag.evaluation.question_sets import QuestionSet, RankingSet
from rag.evaluation.ranking_run import rank_all
from rag.index import Index, update_index

QUESTION = "Between whom is Trump's camp divided?"
TORCH_BATCHES = (1, 2, 4, 8, 16, 32)
PADDED_BATCHES = (2, 4, 8)


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table with a title line."""
    lines = [f"\n### {title}\n", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def whole_config() -> EncoderConfig:
    """The float32 weights as anyone would run them."""
    return EncoderConfig(name=str(bundled_model_path()))


def quality(args: argparse.Namespace) -> Iterator[str]:
    """Ranking figures of both encoders, and the cosine of their vectors."""
    both: dict[str, Encoder] = {"fp32": load_encoder(whole_config()), "int8": load_encoder()}
    rows: dict[str, dict[str, float]] = {}
    for name, encoder in both.items():
        for what, value in _figures(args, name, encoder):
            rows.setdefault(what, {})[name] = value
    found = [{"what": what, **values} for what, values in rows.items()]
    found += [{"what": what, "fp32": 1.0, "int8": value} for what, value in _cosines(args, both)]
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    yield table(
        "Quality",
        ("", "float32, torch", "int8", "difference"),
        ((r["what"], f"{r['fp32']:.4f}", f"{r['int8']:.4f}", f"{r['int8'] - r['fp32']:+.4f}") for r in found),
    )


def _figures(args: argparse.Namespace, name: str, encoder: Encoder) -> Iterable[tuple[str, float]]:
    for path in filter(None, (args.nfcorpus, args.squad)):
        data = load_dataset(path)
        cache = args.cache / f"{name}-{Path(path).name.split('.')[0]}.npz" if args.cache else None
        kept = RememberingEncoder(encoder, cache)
        if isinstance(data, RankingSet):
            modes = rank_all(ranking_retriever(data, kept, Config()), data)["modes"]
            for mode in ("dense", "hybrid"):
                for metric in ("ndcg@10", "recall@10"):
                    yield f"{data.name} {mode} {metric}", modes[mode][metric]
        elif isinstance(data, QuestionSet):
            pipeline = rebuild(data.texts, kept, Config())
            asked = [q for q in data.questions if q.answerable][:: args.nth]
            for row in retrieval_rows(pipeline, asked)[0][1:]:
                mode = str(row["name"]).split()[0]
                for metric in ("recall@1", "recall@5", "mrr@10"):
                    yield f"{data.name} {mode} {metric}, {len(asked):,} questions", row[metric]


def _cosines(args: argparse.Namespace, both: dict[str, Encoder]) -> Iterable[tuple[str, float]]:
    """Mean and least cosine of the two vectors of the same text, over passages and questions."""
    data = load_dataset(args.squad)
    if not isinstance(data, QuestionSet):
        return
    texts = {
        "passages": list(data.texts.values())[:200],
        "questions": [q.text for q in data.questions[::20]],
    }
    for kind, given in texts.items():
        first, second = (encoder.encode_document(given) for encoder in both.values())
        cosines = (first * second).sum(1)
        yield f"cosine, mean of {len(given)} {kind}", float(cosines.mean())
        yield f"cosine, least of {len(given)} {kind}", float(cosines.min())


def speed(args: argparse.Namespace) -> Iterator[str]:
    """Chunks a second, question latency and cold start."""
    chunks = _chunks(args.texts)[: args.n]
    whole, ours = load_encoder(whole_config()), OnnxEncoder()
    yield _bulk(chunks, ours, args.rounds)
    yield _latency(whole, ours, args.rounds * 10)
    yield _cold_start(args.texts, args.rounds)


def _chunks(folder: Path) -> list[str]:
    texts = {source.doc_id: read_file(source)[0] for source in find_files([folder]).files}
    index = Index.from_texts(texts, config=Config(), encoder=load_encoder())
    return [chunk.text for chunk in index.chunks]


def _bulk(chunks: list[str], ours: OnnxEncoder, rounds: int) -> str:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(bundled_model_path()), device="cpu", local_files_only=True)
    # Opening a model is measured by the cold start, not here.
    model.encode(chunks[:1], show_progress_bar=False)
    ours.encode_document(chunks[:1])
    ways: dict[str, Callable[[], Any]] = {
        f"sentence-transformers on torch, batch {size}": _torch(model, chunks, size) for size in TORCH_BATCHES
    }
    ways["ours: one text a thread"] = lambda: ours.encode_document(chunks)
    for size in PADDED_BATCHES:
        ways[f"the same model padded, batch {size}, 2 threads inside"] = _padded(ours, chunks, size)
    best = _best_times(ways, rounds)
    torch_best = min(seconds for name, seconds in best.items() if "torch" in name)
    return table(
        f"Encoding {len(chunks)} chunks (best of {rounds})",
        ("", "chunks/s", "times torch's best"),
        ((n, f"{len(chunks) / s:.1f}", f"{torch_best / s:.2f}") for n, s in best.items()),
    )


def _torch(model: Any, chunks: list[str], size: int) -> Callable[[], Any]:
    return lambda: model.encode(chunks, batch_size=size, normalize_embeddings=True, show_progress_bar=False)


def _padded(ours: OnnxEncoder, chunks: list[str], size: int) -> Callable[[], Any]:
    """The exported graph as runtimes are usually fed: sorted, padded batches."""
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(
        str(ENCODER_FOLDER / "encoder.onnx"),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],
    )
    words = Tokenizer.from_file(str(ENCODER_FOLDER / "tokenizer.json"))
    words.enable_truncation(ours.max_tokens)
    words.enable_padding()

    def encode() -> None:
        ordered = sorted(chunks, key=len)
        for begin in range(0, len(ordered), size):
            batch = words.encode_batch(ordered[begin : begin + size])
            ids = np.array([e.ids for e in batch], np.int64)
            mask = np.array([e.attention_mask for e in batch], np.int64)
            session.run(None, {"input_ids": ids, "attention_mask": mask})

    return encode


def _latency(whole: Encoder, ours: Encoder, n: int) -> str:
    rows = []
    for name, encoder in (("sentence-transformers on torch", whole), ("ours", ours)):
        encoder.encode_query(QUESTION)
        times = []
        for _ in range(n):
            started = time.perf_counter()
            encoder.encode_query(QUESTION)
            times.append(time.perf_counter() - started)
        rows.append((name, f"{1000 * statistics.median(times):.1f}", f"{1000 * min(times):.1f}"))
    return table(f"One question ({n} times)", ("", "median ms", "least ms"), rows)


def _cold_start(texts: Path, rounds: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        ways = {}
        for name, config in (
            ("encoder on torch", Config(encoder=whole_config())),
            ("ours", Config()),
        ):
            index = Path(folder) / name.replace(" ", "-")
            update_index([texts], index, config=config, encoder=load_encoder(config.encoder))
            ways[name] = _process(["-m", "rag", "ask", QUESTION, "--index", str(index)])
        best = _best_times(ways, rounds)
    return table(
        f"`rag ask`, process start to answer (best of {rounds})",
        ("", "seconds", "times torch's"),
        ((n, f"{s:.2f}", f"{best['encoder on torch'] / s:.2f}") for n, s in best.items()),
    )


def _process(arguments: list[str]) -> Callable[[], Any]:
    return lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=True)


def _best_times(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The least seconds of each, all of them once a round."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoding", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    ranked = commands.add_parser("quality", help="ranking figures of int8 and float32")
    ranked.add_argument("--nfcorpus", help="a BEIR folder or zip")
    ranked.add_argument("--squad", help="a SQuAD file; its paragraphs are the corpus", required=True)
    ranked.add_argument("--nth", type=int, default=1, help="every nth answerable question of it")
    ranked.add_argument("--cache", type=Path, help="folder to keep document vectors in between runs")
    ranked.add_argument("--json", type=Path, help="file for the figures, for the model card")
    ranked.set_defaults(run=quality)
    timed = commands.add_parser("speed", help="chunks a second, latency, cold start")
    timed.add_argument("--texts", type=Path, default=Path("seeds"), help="folder of documents")
    timed.add_argument("--n", type=int, default=200, help="chunks at most")
    timed.add_argument("--rounds", type=int, default=3)
    timed.set_defaults(run=speed)
    args = parser.parse_args(argv)
    try:
        for part in args.run(args):
            print(part, flush=True)
    except RagError as error:
        print(f"encoding: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
