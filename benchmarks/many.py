"""`Pipeline.ask_many` beside `ask` one by one: time, processor time, and whether the answers are the same.

python -m benchmarks.many [--index DIR] [--rounds 3] [--limit 100] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.encoding import table
from rag.asking import open_pipeline
from rag.datatypes import Answer
from rag.evaluation.datasets import load_dataset, own_seed_questions
from rag.inference import n_threads


def measure(work: Callable[[], list[Answer]]) -> tuple[list[Answer], float, float]:
    """Answers without their timings, seconds and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    answers = work()
    took = time.perf_counter() - wall, time.process_time() - processor
    return [replace(answer, timings={}) for answer in answers], *took


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--index", default=None, help="folder of an index (default: index/, of seeds/)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parser.add_argument("--limit", type=int, default=100, help="questions (default: 100)")
    parser.add_argument("--json", type=Path, default=None)
    args = parser.parse_args(argv)
    pipeline = open_pipeline(args.index)
    data: Any = load_dataset(str(own_seed_questions()))
    asked = [question.text for question in data.questions][: args.limit]
    pipeline.ask(asked[0])
    rows: list[dict[str, float]] = []
    same = True
    # In turns, so that what else the machine does falls on both.
    for _ in range(args.rounds):
        one, wall, processor = measure(lambda: [pipeline.ask(question) for question in asked])
        many, wall_many, processor_many = measure(lambda: pipeline.ask_many(asked))
        same = same and one == many
        rows.append({"one": wall, "many": wall_many, "one_cpu": processor, "many_cpu": processor_many})
    middle = {name: statistics.median(row[name] for row in rows) / len(asked) * 1e3 for name in rows[0]}
    ratio = statistics.median(row["one"] / row["many"] for row in rows)
    print(
        table(
            f"{len(asked)} questions over {len(pipeline.index.chunks)} chunks, {n_threads()} threads",
            ("", "ms a question", "processor ms a question"),
            (
                ("`ask`, one by one", f"{middle['one']:.1f}", f"{middle['one_cpu']:.1f}"),
                ("`ask_many`", f"{middle['many']:.1f}", f"{middle['many_cpu']:.1f}"),
            ),
        )
    )
    print(f"\n{ratio:.2f} times the throughput; answers {'all the same' if same else 'DIFFER'}")
    if args.json:
        args.json.write_text(
            json.dumps({"ratio": ratio, "same": same, "rounds": rows}, indent=1) + "\n", "utf-8"
        )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
