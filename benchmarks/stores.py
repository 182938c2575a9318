"""The same questions to the same documents in a folder and in LanceDB: the same answers? how fast?

python -m benchmarks.stores [PATH...] [--questions FILE] [--split dev] [--limit N] [--into DIR] [--json FILE]

Both indexes are made in DIR, each text encoded once for both. Exit status 1 where under 98 % of the quotes
are identical.
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
        "--into", type=Path, default=None, help="folder for both indexes (default: a temporary one)"
    )
    parser.add_argument("--json", type=Path, default=None)
    args = parser.parse_args(argv)
    data: Any = load_dataset(args.questions)
    asked = [one.text for one in data.questions if not args.split or one.split == args.split]
    asked = asked[: args.limit]
    with tempfile.TemporaryDirectory() as temporary:
        found = compare(args.paths, asked, args.into or Path(temporary))
    print(
        table(
            f"{len(asked)} questions over {found['n_documents']} documents, {found['n_chunks']} chunks",
            ("", "in a folder", "LanceDB"),
            (
                ("indexing, vectors known, s", *(f"{s:.1f}" for s in found["index_s"])),
                ("on disk, MB", *(f"{mb:.1f}" for mb in found["mb"])),
                ("retrieval, ms, median", *(f"{ms:.1f}" for ms in found["retrieve_ms"])),
                ("retrieval, ms, 95 of 100", *(f"{ms:.1f}" for ms in found["retrieve_p95_ms"])),
            ),
        )
    )
    print(
        f"answered or refused alike: {found['found_same']:.1%}; quotes identical: {found['quotes_same']:.1%}; "
        f"hits identical, in order: {found['hits_same']:.1%}; "
        f"confidence differs by {found['confidence_differs']:.2g} at most"
    )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if found["quotes_same"] >= LEAST else 1


def compare(paths: Sequence[str], asked: Sequence[str], place: Path) -> dict[str, Any]:
    """Both indexes of some files, and what each answers to some questions."""
    config = Config()
    encoder = RememberingEncoder(load_encoder(config.encoder))
    names: list[str | Path] = [place / "index", f"lance://{place / 'lance'}"]
    pipelines, seconds = [], []
    for name in names:
        with bar("embedding chunks", unit="chunk") as progress:
            report = mirror(paths, name, config=config, encoder=encoder, progress=progress)
        seconds.append(report.seconds)
        pipelines.append(Pipeline(open_index(name, config=config), encoder, config))
    folder, lance = pipelines
    taken: list[list[float]] = [[], []]
    same: dict[str, list[bool]] = {name: [] for name in ("found", "quotes", "hits")}
    differs = 0.0
    for pipeline in pipelines:
        pipeline.ask(asked[0])
    for question in asked:
        one, other = folder.ask(question), lance.ask(question)
        for times, answer in zip(taken, (one, other), strict=True):
            times.append(answer.timings["retrieve"] * 1e3)
        same["found"].append(one.found == other.found)
        same["quotes"].append(one.text == other.text)
        hits = [[hit.chunk for hit in p.retriever.retrieve(question)] for p in pipelines]
        same["hits"].append(hits[0] == hits[1])
        differs = max(differs, abs(one.confidence - other.confidence))
    return {
        "n_documents": len(folder.index.documents),
        "n_chunks": len(folder.index.chunks),
        "index_s": seconds,
        "mb": [_size(place / "index") / 1e6, _size(place / "lance") / 1e6],
        "retrieve_ms": [statistics.median(times) for times in taken],
        "retrieve_p95_ms": [sorted(times)[int(0.95 * (len(times) - 1))] for times in taken],
        **{f"{name}_same": sum(each) / len(each) for name, each in same.items()},
        "confidence_differs": differs,
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
