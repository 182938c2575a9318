"""Search over LanceDB from ten thousand chunks to a million: time, recall, memory, disk and building.

Each size is written, searched and compared in processes of its own, through the code that `rag index` and the
chat use for `lance://`. Recall of vectors is against every vector, of words against every chunk's BM25, and of
hybrid search against the same fusion over both exact lists. Texts and vectors are made from real ones, see
`benchmarks.scale_corpus`; encoding them is not part of the times.

    python -m benchmarks.scale_out [TEXTS...] --sizes 10000 100000 1000000 --json benchmarks/scale_out.json --resume

TEXTS are folders or files of articles (see `read_texts`); without any, this project's own. Sizes take about
5 minutes for each 100,000 chunks. The tables and pictures are made by `python -m benchmarks.scale_plan`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.scale import CANDIDATES, K, timed, versions
from benchmarks.scale_corpus import Real, portions, questions, read_texts
from benchmarks.scale_exact import Nearest, exact_lists
from rag.config import Config
from rag.encoder import Encoder, load_encoder
from rag.errors import RagError
from rag.evaluation.opening import RememberingEncoder
from rag.index import IndexReport
from rag.lance_index import LanceIndex
from rag.retriever import Retriever
from rag.stores.lance import TABLES, Database

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Questions whose words are compared with all chunks' BM25, which takes a pass over all texts.
COMPARED = 50


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if args.stage:
        print(json.dumps(_STAGES[args.stage](args)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        args.work = args.work or Path(temporary)
        args.work.mkdir(parents=True, exist_ok=True)
        rows = _known(args.json)
        for size in args.sizes:
            if args.resume and size in rows:
                print(f"{size:,}: there already", file=sys.stderr)
                continue
            rows[size] = _measured(args, size)
            print(json.dumps(rows[size]), file=sys.stderr)
            if args.json:  # after each size, so that a run that is stopped has lost one at most
                told = {"versions": _versions(), "rows": [rows[n] for n in sorted(rows)]}
                args.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for size in args.sizes:
        row = rows[size]
        print(
            f"{size:,} chunks: hybrid {row['retrieve']['p50']:.0f} ms (95 of 100: {row['retrieve']['p95']:.0f}), "
            f"recall@{K} {row['recall']['vectors']:.3f} of vectors, {row['recall']['words']:.3f} of words, "
            f"{row['recall']['hybrid']:.3f} of hybrid; memory {row['open']['rss'] / 2**20:,.0f} MiB, "
            f"disk {row['disk']['all'] / 2**20:,.0f} MiB, built in {row['write_s'] + row['index_s']:.0f} s"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("texts", type=Path, nargs="*", help="(default: this project's own)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000], metavar="CHUNKS")
    parser.add_argument(
        "--real", type=int, default=5_000, help="real chunks to encode at most (default: 5000)"
    )
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--work", type=Path, default=None, help="folder for what is built and kept")
    parser.add_argument("--cache", type=Path, default=None, help="file of vectors by text, read and added to")
    parser.add_argument("--json", type=Path, default=None, help="file for the rows; other sizes in it stay")
    parser.add_argument("--resume", action="store_true", help="leave out sizes that are in --json already")
    parser.add_argument(
        "--keep", action="store_true", help="keep what was built, under --work, old versions too"
    )
    parser.add_argument("--stage", choices=sorted(_STAGES), default=None, help=argparse.SUPPRESS)
    return parser


def _known(path: Path | None) -> dict[int, dict[str, Any]]:
    """The rows of earlier runs, by size."""
    if path is None or not path.exists():
        return {}
    return {row["size"]: row for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}


def _measured(args: argparse.Namespace, size: int) -> dict[str, Any]:
    """One size, each stage of it in a process of its own, so that memory is that stage's."""
    row: dict[str, Any] = {"size": size, "load": os.getloadavg()[0]}
    own = [f"--work={args.work}", f"--real={args.real}", f"--questions={args.questions}"]
    own += [f"--cache={args.cache}"] if args.cache else []
    own += ["--keep"] if args.keep else []
    try:
        for stage in ("build", "open", "compare", "change", "weigh"):
            command = [sys.executable, "-m", "benchmarks.scale_out", *map(str, args.texts)]
            started = time.perf_counter()
            done = subprocess.run(
                [*command, f"--sizes={size}", f"--stage={stage}", *own],
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RagError(f"size {size:,}: {stage} ended with status {done.returncode}; see above")
            row.update(json.loads(done.stdout))
            print(f"{size:,}: {stage} took {time.perf_counter() - started:.0f} s", file=sys.stderr)
    finally:
        if not args.keep:
            shutil.rmtree(_place(args.work, size), ignore_errors=True)
    return row


def _place(work: Path, size: int) -> Path:
    return work / f"lance-{size}"


def _uri(args: argparse.Namespace) -> str:
    return f"lance://{_place(args.work, args.sizes[0])}"


def _real(args: argparse.Namespace) -> tuple[Real, Encoder]:
    encoder = load_encoder()
    remembering = RememberingEncoder(encoder, args.cache) if args.cache else encoder
    return read_texts(args.texts, args.real, remembering, args.work), encoder


def build(args: argparse.Namespace) -> dict[str, Any]:
    """Write an index of some size; each query's exact nearest are found on the way, outside the times."""
    from rag.lance_update import _Draft

    (size,) = args.sizes
    shutil.rmtree(_place(args.work, size), ignore_errors=True)
    real, encoder = _real(args)
    # The first half is asked before the times are taken.
    asked = questions(real, 2 * args.questions)
    queries = np.stack([encoder.encode_query(one) for one in asked])
    nearest = Nearest(queries)
    config, n_documents = Config(), 0
    database = Database(_uri(args))
    write_s = cpu_s = 0.0
    with _timing_indexes() as indexes:
        draft = _Draft(database, None, encoder.dim)
        for parts, vectors in portions(real, size):
            started, busy = time.perf_counter(), time.process_time()
            draft.add(parts, vectors)
            write_s += time.perf_counter() - started
            cpu_s += time.process_time() - busy
            nearest.add(vectors)
            n_documents += len(parts)
        started, busy = time.perf_counter(), time.process_time()
        state = draft.commit(None, config, encoder, ["made"], IndexReport())
        index_s, index_cpu_s = time.perf_counter() - started, time.process_time() - busy
    np.savez(args.work / f"asked-{size}.npz", asked=np.array(asked), queries=queries, nearest=nearest.scores)
    return {
        "n_documents": n_documents,
        "n_real": min(size, len(real.vectors)),
        "vectors_indexed": bool(state.about["vectors_indexed"]),
        "write_s": write_s,
        "write_cpu_s": cpu_s,
        "index_s": index_s,
        "index_cpu_s": index_cpu_s,
        "indexes": indexes,
        "build_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "disk_most": _disk(_place(args.work, size))["all"],
    }


@contextmanager
def _timing_indexes() -> Iterator[dict[str, dict[str, float]]]:
    """Seconds, by the clock and of the processors, that each of LanceDB's indexes takes to build, by column."""
    from lancedb.table import LanceTable

    found: dict[str, dict[str, float]] = {}
    plain = LanceTable.create_index

    def create_index(self: Any, column: str, *rest: Any, **settings: Any) -> Any:
        started, busy = time.perf_counter(), time.process_time()
        made = plain(self, column, *rest, **settings)
        found[f"{self.name}.{column}"] = {
            "s": time.perf_counter() - started,
            "cpu_s": time.process_time() - busy,
        }
        return made

    LanceTable.create_index = create_index
    try:
        yield found
    finally:
        LanceTable.create_index = plain


def _disk(place: Path) -> dict[str, int]:
    """Bytes by what they are for."""
    found = Counter({"vector index": 0, "word index": 0, "chunks": 0, "documents": 0, "other": 0})
    for path in place.rglob("*"):
        if path.is_file():
            found[_kind(path.relative_to(place))] += path.stat().st_size
    return {**found, "all": found.total()}


def _kind(path: Path) -> str:
    table, folder = path.parts[0], path.parts[1] if len(path.parts) > 1 else ""
    if folder == "data" and table in ("chunks.lance", "documents.lance"):
        return table.removesuffix(".lance")
    if table == "chunks.lance" and folder == "_indices":
        if path.name == "auxiliary.idx" or path.name == "index.idx":
            return "vector index"
        if not path.name.startswith(("page_data", "page_lookup")):
            return "word index"
    return "other"


def opened(args: argparse.Namespace) -> dict[str, Any]:
    """Ask an index as the chat does."""
    asked, queries, _ = _given(args)
    encoder = load_encoder()
    encoder.encode_query("Any question, so that the model is there.")
    Database(_uri(args)).connection()  # what every index needs is not this one's
    before = _resident()
    started = time.perf_counter()
    index = LanceIndex.load(_uri(args))
    opening = time.perf_counter() - started
    retriever = Retriever(index, encoder)
    n = len(asked) // 2
    # Rows of chunks stay at hand for some questions: those that are timed are none that were asked before.
    early = timed(lambda at: retriever.retrieve(asked[at]), list(range(n)))[1]
    places = list(range(n, 2 * n))
    found = {"retrieve": timed(lambda at: retriever.retrieve(asked[at]), places)[1]}
    again = LanceIndex.load(_uri(args))
    found["vectors"] = timed(lambda at: again.vectors.search(queries[at][None], CANDIDATES), places)[1]
    found["words"] = timed(lambda at: again.words.search(asked[at], CANDIDATES), places)[1]
    found["encode"] = timed(lambda at: encoder.encode_query(asked[at]), places)[1]
    (first,) = index.documents.several([index.chunks[_some_place(index)].doc_id])
    _, found["one_document"] = timed(
        lambda at: retriever.retrieve(asked[at], documents=[first.doc_id]), places[:20]
    )
    after = _resident()
    return {
        **found,
        "early": early,
        "open": {
            "s": opening,
            "rss": after["VmRSS"],
            "grown": after["VmRSS"] - before["VmRSS"],
            "grown_own": after["RssAnon"] - before["RssAnon"],
        },
    }


def _some_place(index: LanceIndex) -> int:
    return int(index.vectors.search(np.ones((1, index.vectors.dim), np.float32), 1)[1][0, 0])


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """How much of what exact search finds is found."""
    asked, queries, nearest = _given(args)
    encoder, index = load_encoder(), LanceIndex.load(_uri(args))
    n = len(asked) // 2
    places = list(range(n, 2 * n))
    # By scores, not by names: texts that are the same are equally near.
    shares = [
        np.mean(index.vectors.search(queries[at][None], CANDIDATES)[0][0, :K] >= nearest[at, K - 1] - 1e-6)
        for at in places
    ]
    compared = places[:COMPARED]
    vectors, words = exact_lists(index, [asked[at] for at in compared], queries[compared])
    same_words, same = [], []
    exact = replace(index, vectors=vectors, words=words)
    for at in compared:
        got = index.words.search(asked[at], K)[1].tolist()
        wanted = words.search(asked[at], K)[1].tolist()
        same_words.append(len(set(got) & set(wanted)) / max(1, len(wanted)))
        hits = [
            {hit.chunk_idx for hit in Retriever(one, encoder).retrieve(asked[at], K)}
            for one in (index, exact)
        ]
        same.append(len(hits[0] & hits[1]) / max(1, len(hits[1])))
    return {
        "recall": {
            "vectors": float(np.mean(shares)),
            "vectors_least": float(np.min(shares)),
            "words": float(np.mean(same_words)),
            "hybrid": float(np.mean(same)),
        }
    }


def change(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds to add one document of a dozen chunks to the index, to take it out, and to ask in between."""
    from rag.lance_update import _Draft

    asked, _, _ = _given(args)
    real, encoder = _real(args)
    part = replace(max(real.parts, key=lambda one: len(one.texts)), doc_id="added.txt")
    (at,) = (place for place, one in enumerate(real.parts) if one.texts is part.texts)
    first = sum(len(one.texts) for one in real.parts[:at])
    vectors = real.vectors[first : first + len(part.texts)]
    database, found = Database(_uri(args)), {}
    for what in ("add_s", "remove_s"):
        started = time.perf_counter()
        before = database.state()
        index = LanceIndex.of(database, before)
        draft = _Draft(database, index, encoder.dim)
        if what == "add_s":
            draft.add([part], vectors)
        else:
            draft.remove([part.doc_id])
        draft.commit(before, index.config, encoder, ["made"], IndexReport())
        found[what] = time.perf_counter() - started
        if what == "add_s":
            retriever = Retriever(LanceIndex.load(_uri(args)), encoder)
            times = timed(retriever.retrieve, asked[: len(asked) // 2])[1]
            found["retrieve_after_s"] = times["p50"] / 1e3
    return {"change": found}


def weigh(args: argparse.Namespace) -> dict[str, Any]:
    """Bytes of the newest versions alone, as they are some hours later; the index can't be opened any more."""
    tables = Database(_uri(args)).connection()
    for name in TABLES:
        if not args.keep:
            tables.open_table(name).optimize(cleanup_older_than=timedelta(0))
    return {"disk": _disk(_place(args.work, args.sizes[0]))}


_STAGES = {"build": build, "open": opened, "compare": compare, "change": change, "weigh": weigh}


def _given(args: argparse.Namespace) -> tuple[list[str], Floats, Floats]:
    """Questions, their vectors and the cosines of their exact nearest chunks, as building left them."""
    given = np.load(args.work / f"asked-{args.sizes[0]}.npz")
    return [str(one) for one in given["asked"]], given["queries"], given["nearest"]


def _resident() -> dict[str, int]:
    """Bytes of this process in memory, all of them and its own."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    told = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "RssAnon"))}
    return {name: int(kilobytes) * 1024 for name, kilobytes in told.items()}


def _versions() -> dict[str, str]:
    import importlib.metadata

    return {**versions(), **{name: importlib.metadata.version(name) for name in ("lancedb", "pyarrow")}}


if __name__ == "__main__":
    raise SystemExit(main())
