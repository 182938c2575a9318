"""How much of the encoder's own speed is left when whole articles are indexed, furniture removed.

    python -m benchmarks.indexing docs.jsonl.gz [--articles 1000] [--rounds 3]

The articles are written as `.txt` files and indexed into an empty folder by the command `rag index`, in a process
of its own, start and end included. Then the chunks that came of it are encoded alone, nothing else.
Printed is what the one takes of the other: 100 % would mean that reading, cleaning, cutting, counting words and
writing cost no time at all. With more than one round the middle one counts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rag.encoder import load_encoder
from rag.index import Index


def main() -> None:
    """Print both times, and the share."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("docs", type=Path, help="JSON lines with doc_id and text, perhaps gzipped")
    parser.add_argument("--articles", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    data = args.docs.read_bytes()
    rows = (gzip.decompress(data) if args.docs.suffix == ".gz" else data).decode().split("\n")
    articles = random.Random(0).sample([json.loads(row) for row in rows if row], args.articles)
    print(
        f"{'round':>6}{'index, s':>10}{'encode, s':>11}{'share':>8}    processor seconds: index, encode, share"
    )
    shares = []
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts"
        texts.mkdir()
        for number, article in enumerate(articles):
            (texts / f"{number:05}.txt").write_text(article["text"], encoding="utf-8", newline="")
        for number in range(args.rounds):
            root = Path(folder) / f"index-{number}"
            index, index_cpu = _index(texts, root)
            chunks = list(dict.fromkeys(chunk.text for chunk in Index.load(root).chunks))
            encode, encode_cpu = _encode(chunks)
            shares.append(encode / index)
            print(
                f"{number + 1:6}{index:10.1f}{encode:11.1f}{encode / index:8.1%}    "
                f"{index_cpu:.1f}, {encode_cpu:.1f}, {encode_cpu / index_cpu:.1%}",
                flush=True,
            )
    print(
        f"{args.articles:,} articles, {len(chunks):,} chunks on {os.cpu_count()} processors: "
        f"{statistics.median(shares):.1%} of the embedding-bound speed"
    )


def _index(texts: Path, root: Path) -> tuple[float, float]:
    """Seconds and processor seconds of `rag index`."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "rag", "index", str(texts), "--index", str(root)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    seconds, after = time.perf_counter() - began, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, spent


def _encode(chunks: list[str]) -> tuple[float, float]:
    """Seconds and processor seconds of encoding alone, the model open already."""
    encoder = load_encoder()
    encoder.encode_document(chunks[:4])
    began, spent = time.perf_counter(), time.process_time()
    for at in range(0, len(chunks), 1024):  # as the index does
        encoder.encode_document(chunks[at : at + 1024])
    return time.perf_counter() - began, time.process_time() - spent


if __name__ == "__main__":
    main()
