"""Retrieval from a thousand chunks to a million: kinds of index beside each other, and what one costs.

1. `kinds`: flat, IVF and FAISS's HNSW over the same vectors, the latter two scored again exactly: build,
   latency, recall. What `rag.stores.kind_for` rests on.
2. `index`: whole indexes as `rag index` writes them: latency of dense, words and both, recall against
   exact search, memory and disk, opening, adding and removing one document. In a process of its own.

Texts and vectors of the large sizes are made from real ones, see `benchmarks.scale_corpus`. Encoding is not
part of the times; it is what takes longest (`benchmarks.encoding`).

    python -m benchmarks.scale kinds TEXTS [--sizes 1000 10000 100000] [--work DIR]
    python -m benchmarks.scale index TEXTS [--sizes 1000 10000 100000 1000000] [--work DIR] [--images DIR]
        [--json FILE] [--readme FILE]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.encoding import table
from benchmarks.scale_corpus import copies, questions, read_real
from rag.assembly import read_part
from rag.config import Config, IndexConfig
from rag.encoder import load_encoder
from rag.errors import RagError
from rag.generations import writing
from rag.index import Index
from rag.retriever import Retriever
from rag.segments import build_segment, next_name, settle, without
from rag.snapshot import describe, pack
from rag.stores import kind_for

K = 10
CANDIDATES = 50
MARKERS = ("<!-- scale {}: begin -->", "<!-- scale {}: end -->")

Floats = npt.NDArray[np.float32]


def exact(vectors: Floats, queries: Floats, k: int) -> npt.NDArray[np.int64]:
    """The `k` nearest rows of each query, best first, by comparing with every row."""
    best = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for begin in range(0, len(vectors), 1 << 16):
        part = queries @ vectors[begin : begin + (1 << 16)].T
        both = np.concatenate([scores, part], axis=1)
        rows = np.concatenate(
            [best, np.broadcast_to(np.arange(begin, begin + part.shape[1]), part.shape)], axis=1
        )
        order = np.argsort(-both, axis=1, kind="stable")[:, :k]
        scores, best = np.take_along_axis(both, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return best


def recall(found: Sequence[Sequence[int]], expected: npt.NDArray[np.int64]) -> float:
    """Share of the exact `K` best that are among those found."""
    shares = [
        len(set(map(int, f[:K])) & set(e[:K].tolist())) / K for f, e in zip(found, expected, strict=True)
    ]
    return statistics.mean(shares)


def timed(work: Callable[[Any], Any], items: Sequence[Any]) -> tuple[list[Any], dict[str, float]]:
    """What `work` gives for each item, and milliseconds: p50, p95, p99, and p50 of the processor's."""
    made, times, processor = [], [], []
    for item in items:
        started, busy = time.perf_counter(), time.process_time()
        made.append(work(item))
        times.append((time.perf_counter() - started) * 1e3)
        processor.append((time.process_time() - busy) * 1e3)
    p50, p95, p99 = np.percentile(times, [50, 95, 99]).tolist()
    return made, {"p50": p50, "p95": p95, "p99": p99, "cpu": statistics.median(processor)}


def kinds(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Kinds of vector store over the same vectors."""
    encoder = load_encoder()
    real = read_real(args.texts, args.real, encoder, args.work)
    queries = np.stack([encoder.encode_query(q) for q in questions(real, args.questions)])
    rows = []
    for size in args.sizes:
        vectors = copies(real, size)[1]
        expected = exact(vectors, queries, K)
        for kind in ("flat", "ivf", *(["hnsw"] if size <= args.hnsw_up_to else [])):
            started = time.perf_counter()
            search = _hnsw(vectors) if kind == "hnsw" else _store(vectors, kind)
            built = time.perf_counter() - started
            search(queries[0])
            found, took = timed(search, list(queries))
            rows.append(
                {"size": size, "kind": kind, "build_s": built, "recall": recall(found, expected), **took}
            )
            print(rows[-1], file=sys.stderr)
            del search
    return rows


def _store(vectors: Floats, kind: str) -> Callable[[Floats], list[int]]:
    store = kind_for(len(vectors), kind).build(vectors)
    return lambda query: store.search(query[None], CANDIDATES)[1][0].tolist()


def _hnsw(vectors: Floats) -> Callable[[Floats], list[int]]:
    """FAISS's graph over one byte a number, 16 neighbours, scored again exactly as our lists are."""
    import faiss

    index = faiss.IndexHNSWSQ(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80
    index.train(vectors[:50_000])
    index.add(vectors)
    index.hnsw.efSearch = 256

    def search(query: Floats) -> list[int]:
        rows = index.search(query[None], 200)[1][0]
        rows = np.sort(rows[rows >= 0])
        return [int(row) for row in rows[np.argsort(-(vectors[rows] @ query))[:CANDIDATES]]]

    return search


def whole(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Whole indexes of each size."""
    encoder = load_encoder()
    real = read_real(args.texts, args.real, encoder, args.work)
    asked = questions(real, args.questions)
    queries = np.stack([encoder.encode_query(q) for q in asked])
    config = Config(index=IndexConfig(kind=args.kind))
    rows = []
    for size in args.sizes:
        place = args.work / f"index-{size}"
        shutil.rmtree(place, ignore_errors=True)
        parts, vectors = copies(real, size)
        expected = exact(vectors, queries, K)
        started = time.perf_counter()
        segment = build_segment("s000001", parts, vectors, config.index.kind)
        built = time.perf_counter()
        with writing(place) as writer:
            writer.commit(pack([segment]), describe([segment], config, encoder.encoder_id, ["made"]))
        row: dict[str, Any] = {
            "size": size,
            "kind": segment.vectors.kind,
            "vectors": segment.vectors.describe(),
            "n_documents": len(parts),
            "build_s": built - started,
            "write_s": time.perf_counter() - built,
            "disk_bytes": sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) / size,
        }
        del parts, vectors, segment
        given = args.work / "asked.npz"
        np.savez(given, queries=queries, expected=expected, asked=np.array(asked))
        command = [sys.executable, "-m", "benchmarks.scale", "open", str(place), str(given)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RagError(f"size {size}: {done.stderr}")
        row.update(json.loads(done.stdout))
        row.update(_revised(place, args.texts, config))
        rows.append(row)
        print(json.dumps(row), file=sys.stderr)
        if not args.keep:
            shutil.rmtree(place)
    return rows


def opened(place: Path, given: Path) -> dict[str, Any]:
    """One index in this process: opening, then every question; memory is this process's growth."""
    asked = np.load(given)
    texts = [str(text) for text in asked["asked"]]
    encoder = load_encoder()
    encoder.encode_query("Any question, so that the model is there.")
    import faiss  # noqa: F401  what every index needs is not this one's memory

    before = _resident()
    started = time.perf_counter()
    index = Index.load(place)
    opening = time.perf_counter() - started
    retriever = Retriever(index, encoder)
    first = timed(lambda at: retriever.retrieve(texts[at]), [0])[1]["p50"]
    places = list(range(len(texts)))
    queries = asked["queries"]
    cold = timed(lambda at: _dense(index, queries[at]), places)[1]
    found, dense = timed(lambda at: _dense(index, queries[at]), places)
    _, words = timed(lambda at: index.words.search(texts[at], CANDIDATES), places)
    _, both = timed(
        lambda at: (_dense(index, queries[at]), index.words.search(texts[at], CANDIDATES)), places
    )
    _, all_of_it = timed(lambda at: retriever.retrieve(texts[at]), places)
    one_document = [next(iter(index.documents))]
    _, narrow = timed(lambda at: retriever.retrieve(texts[at], documents=one_document), places[:20])
    after = _resident()
    slow = places[:10]
    return {
        "open_s": opening,
        "first_ms": first,
        "dense_untouched": cold,
        "dense": dense,
        "words": words,
        "both": both,
        "retrieve": all_of_it,
        "one_document": narrow,
        "recall": recall(found, asked["expected"]),
        "words_same": all(_same_words(index, texts[at]) for at in slow),
        "anonymous_bytes": (after["RssAnon"] - before["RssAnon"]) / len(index.chunks),
        "mapped_bytes": (after["RssFile"] - before["RssFile"]) / len(index.chunks),
        "searched_bytes": _searched(index),
    }


def _dense(index: Index, query: Floats) -> list[int]:
    found: list[int] = index.vectors.search(query[None], CANDIDATES)[1][0].tolist()
    return found


def _same_words(index: Index, text: str) -> bool:
    """Whether the search finds, to the bit, what adding up all postings does."""
    scores, places = index.words.search(text, CANDIDATES)
    every = index.words.scores(text)
    best = np.argsort(-every, kind="stable")[: len(places)]
    return bool((best == places).all() and (every[best] == scores).all())


def _searched(index: Index) -> float:
    """Bytes a chunk of vectors and lists that must be at hand: all but those that results are scored by."""
    total = 0
    for segment in index.segments:
        for name, parts in segment.vectors.to_files().items():
            if name != "vectors.npy":
                total += sum(memoryview(part).nbytes for part in parts)
    return total / len(index.chunks)


def _revised(place: Path, texts: Path, config: Config) -> dict[str, float]:
    """Seconds to add one document of ten thousand characters, and to remove it again."""
    encoder = load_encoder()
    source = max(texts.rglob("*.txt"), key=lambda path: path.stat().st_size).read_text(encoding="utf-8")
    part = read_part("added.txt", source[:10_000], "0" * 64, config, encoder)
    vectors = encoder.encode_document(part.texts)
    seconds = {}
    for what in ("add_s", "remove_s"):
        started = time.perf_counter()
        with writing(place) as writer:
            index = Index.load(place)
            segments = list(index.segments)
            if what == "add_s":
                segments.append(build_segment(next_name(segments), [part], vectors, config.index.kind))
            else:
                gone = [segment.doc_ids.find("added.txt") for segment in segments]
                segments = [
                    without(segment, np.array([at] if at >= 0 else [], np.int64))
                    for segment, at in zip(segments, gone, strict=True)
                ]
            segments = settle(segments, config.index.kind)
            writer.commit(pack(segments), describe(segments, config, index.encoder_id, ["made"]))
        seconds[what] = time.perf_counter() - started
    return seconds


def _resident() -> dict[str, int]:
    """Bytes of this process in memory: its own (RssAnon) and of files (RssFile)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss")}


_ALONE = ("build_s", "p50", "p95", "cpu")


def kinds_table(rows: Sequence[dict[str, Any]]) -> str:
    heads = ("chunks", "kind", "build s", "p50 ms", "p95 ms", "processor p50 ms", "recall@10")
    return table(
        f"Vectors alone, {CANDIDATES} results",
        heads,
        (
            (f"{r['size']:,}", r["kind"], *(f"{r[what]:.2f}" for what in _ALONE), f"{r['recall']:.3f}")
            for r in rows
        ),
    )  # fmt: skip


_ASKED = ("dense", "words", "both", "retrieve", "one_document")


def index_tables(rows: Sequence[dict[str, Any]]) -> str:
    speed = table(
        f"Milliseconds a question, p50 / p95; {CANDIDATES} candidates each of vectors and words",
        (
            "chunks",
            "kind",
            "vectors",
            "words",
            "both",
            "both, processor p50",
            "`retrieve`",
            "in one document",
            "recall@10",
        ),
        (
            (
                f"{r['size']:,}",
                r["kind"],
                *(f"{r[what]['p50']:.2f} / {r[what]['p95']:.2f}" for what in _ASKED[:3]),
                f"{r['both']['cpu']:.2f}",
                *(f"{r[what]['p50']:.2f} / {r[what]['p95']:.2f}" for what in _ASKED[3:]),
                f"{r['recall']:.3f}",
            )
            for r in rows
        ),
    )  # fmt: skip
    size = table(
        "Size and change",
        ("chunks", "build s", "write s", "disk B/chunk", "vectors and lists B/chunk", "own memory B/chunk",
         "mapped B/chunk", "open s", "first question ms", "add one s", "remove one s"),
        (
            (
                f"{r['size']:,}", f"{r['build_s']:.1f}", f"{r['write_s']:.1f}", f"{r['disk_bytes']:,.0f}",
                f"{r['searched_bytes']:,.0f}", f"{r['anonymous_bytes']:,.0f}", f"{r['mapped_bytes']:,.0f}",
                f"{r['open_s']:.2f}", f"{r['first_ms']:.0f}", f"{r['add_s']:.2f}", f"{r['remove_s']:.2f}",
            )
            for r in rows
        ),
    )  # fmt: skip
    return f"{speed}\n{size}"


def draw(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Pictures of cost against size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sizes = [row["size"] for row in rows]
    folder.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for what, label in (("dense", "vectors"), ("words", "words"), ("both", "both")):
        left.loglog(sizes, [row[what]["p50"] for row in rows], marker="o", label=label)
    left.set(xlabel="chunks", ylabel="milliseconds a question, p50", title="Retrieval")
    for what, label in (("disk_bytes", "on disk"), ("searched_bytes", "vectors and lists searched")):
        right.loglog(sizes, [row[what] * row["size"] / 2**20 for row in rows], marker="o", label=label)
    right.set(xlabel="chunks", ylabel="MiB", title="Size")
    for axes in (left, right):
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend()
    figure.savefig(folder / "scale.png", dpi=120)


def versions() -> dict[str, str]:
    names = ("insources", "numpy", "faiss-cpu", "onnxruntime", "PyStemmer")
    found = {"Python": platform.python_version(), "processors": str(os.cpu_count())}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def insert(readme: Path, which: str, section: str) -> None:
    """Put the tables between their markers."""
    begin, end = (marker.format(which) for marker in MARKERS)
    text = readme.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise RagError(f"{readme} lacks the markers {begin} and {end}; add them where the tables go")
    before, rest = text.split(begin, 1)
    readme.write_text(f"{before}{begin}\n{section.strip()}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("kinds", "index"):
        one = commands.add_parser(name)
        one.add_argument("texts", type=Path, help="folder with text files")
        one.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
        one.add_argument("--real", type=int, default=5_000, help="real chunks to encode (default: 5000)")
        one.add_argument("--questions", type=int, default=200)
        one.add_argument("--work", type=Path, default=None, help="folder for what is built and kept")
        one.add_argument("--json", type=Path, default=None, help="file for the rows; other sizes in it stay")
        one.add_argument("--hnsw-up-to", type=int, default=100_000, help="largest size to build HNSW for")
        one.add_argument("--kind", default="auto", help="of index: auto, flat, ivf")
        one.add_argument("--keep", action="store_true", help="keep the indexes")
        one.add_argument("--images", type=Path, default=None, help="folder for the picture")
        one.add_argument("--readme", type=Path, default=None, help="file with the markers for the tables")
    child = commands.add_parser("open")
    child.add_argument("place", type=Path)
    child.add_argument("given", type=Path)
    args = parser.parse_args(argv)
    if args.command == "open":
        print(json.dumps(opened(args.place, args.given)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        args.work = args.work or Path(temporary)
        args.work.mkdir(parents=True, exist_ok=True)
        rows = kinds(args) if args.command == "kinds" else whole(args)
    if args.json and args.json.exists():
        # A size takes long: runs of other sizes are kept.
        before = json.loads(args.json.read_text(encoding="utf-8"))["rows"]
        rows = sorted([r for r in before if r["size"] not in args.sizes] + rows, key=lambda r: r["size"])
    section = kinds_table(rows) if args.command == "kinds" else index_tables(rows)
    print(section)
    if args.json:
        args.json.write_text(json.dumps({"versions": versions(), "rows": rows}, indent=1) + "\n", "utf-8")
    if args.images and args.command == "index":
        draw(rows, args.images)
    if args.readme:
        insert(args.readme, args.command, section)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
