"""The same questions to the same documents in a folder and in other stores: the same answers? how fast?

python -m benchmarks.stores [PATH...] [--store URI]... [--questions FILE] [--split dev] [--limit N] [--into DIR]
                            [--json FILE]

The stores are LanceDB in DIR, or those that are named: `--store milvus://HOST:PORT/COLLECTION`. Each text is
encoded once for all. Exit status 1 where under 98 % of a store's quotes are those of the folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.encoding import table
from rag.config import Config
from rag.encoder import load_encoder
from rag.evaluation.datasets import load_dataset, own_seed_questions
from rag.evaluation.opening import RememberingEncoder
from rag.locations import folder_of
from rag.opening import mirror, open_index
from rag.pipeline import Pipeline
from rag.progress import bar

LEAST = 0.98


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="*", default=["seeds"], metavar="PATH")
    parser.add_argument("--questions", default=str(own_seed_questions()))
    parser.add_argument("--split", default="dev", help="of the questions; empty for all")
    parser.add_argument("--limit", type=int, default=None, help="questions at most (default: all)")
    parser.add_argument(
        "--store", action="append", metavar="URI", help="compared with a folder (default: LanceDB)"
    )
    parser.add_argument(
        "--into", type=Path, default=None, help="folder for indexes (default: a temporary one)"
    )
    parser.add_argument("--json", type=Path, default=None)
    args = parser.parse_args(argv)
    data: Any = load_dataset(args.questions)
    asked = [one.text for one in data.questions if not args.split or one.split == args.split]
    asked = asked[: args.limit]
    with tempfile.TemporaryDirectory() as temporary:
        place = args.into or Path(temporary)
        found = compare(args.paths, asked, place / "index", args.store or [f"lance://{place / 'lance'}"])
    stores = found["stores"]
    print(
        table(
            f"{len(asked)} questions over {found['n_documents']} documents, {found['n_chunks']} chunks",
            ("", *(one["name"] for one in stores)),
            (
                ("indexing, vectors known, s", *(f"{one['index_s']:.1f}" for one in stores)),
                ("on disk, MB", *("-" if one["mb"] is None else f"{one['mb']:.1f}" for one in stores)),
                ("retrieval, ms, median", *(f"{one['retrieve_ms']:.1f}" for one in stores)),
                ("retrieval, ms, 95 of 100", *(f"{one['retrieve_p95_ms']:.1f}" for one in stores)),
            ),
        )
    )
    for one in stores[1:]:
        print(
            f"{one['name']}: answered or refused alike: {one['found_same']:.1%}; quotes identical: "
            f"{one['quotes_same']:.1%}; hits identical, in order: {one['hits_same']:.1%}; "
            f"confidence differs by {one['confidence_differs']:.2g} at most"
        )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if all(one["quotes_same"] >= LEAST for one in stores[1:]) else 1


def compare(
    paths: Sequence[str], asked: Sequence[str], folder: Path, stores: Sequence[str]
) -> dict[str, Any]:
    """The indexes of some files, what each answers to some questions, and how that differs from the folder's."""
    config = Config()
    encoder = RememberingEncoder(load_encoder(config.encoder))
    names: list[str | Path] = [folder, *stores]
    pipelines, found = [], []
    for name in names:
        with bar("embedding chunks", unit="chunk") as progress:
            report = mirror(paths, name, config=config, encoder=encoder, progress=progress)
        pipelines.append(Pipeline(open_index(name, config=config), encoder, config))
        own = folder_of(name)
        found.append(
            {
                "name": "a folder" if name == folder else str(name).partition(":")[0],
                "index_s": report.seconds,
                "mb": None if own is None else _size(own) / 1e6,
            }
        )
    for pipeline in pipelines:
        pipeline.ask(asked[0])
    answers = [[pipeline.ask(question) for question in asked] for pipeline in pipelines]
    hits = [
        [[hit.chunk for hit in pipeline.retriever.retrieve(question)] for question in asked]
        for pipeline in pipelines
    ]
    for one, given, hit in zip(found, answers, hits, strict=True):
        times = sorted(answer.timings["retrieve"] * 1e3 for answer in given)
        pairs = list(zip(answers[0], given, strict=True))
        one["retrieve_ms"] = statistics.median(times)
        one["retrieve_p95_ms"] = times[int(0.95 * (len(times) - 1))]
        one["found_same"] = statistics.mean(a.found == b.found for a, b in pairs)
        one["quotes_same"] = statistics.mean(a.text == b.text for a, b in pairs)
        one["hits_same"] = statistics.mean(a == b for a, b in zip(hits[0], hit, strict=True))
        one["confidence_differs"] = max(abs(a.confidence - b.confidence) for a, b in pairs)
    index = pipelines[0].index
    return {"n_documents": len(index.documents), "n_chunks": len(index.chunks), "stores": found}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
