"""`Pipeline.ask_many` beside `ask` one by one, and how near both come to what the machine could do at most.

Each way begins with nothing kept of other questions. Operations are counted from the graphs that run and the
tokens that went in; the machine's rates are those of `benchmarks.floor`. What is left of the time after the
arithmetic is the most that any way of asking many questions could win.

    python -m benchmarks.many [--index DIR] [--rounds 3] [--limit 100] [--seconds 3] [--json FILE] [--readme FILE]

Needs the train extra (onnx) unless `--seconds 0` leaves the floor out.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.beside import insert, machine
from benchmarks.encoding import table
from benchmarks.floor import Machine, count, rates
from rag.asking import open_pipeline
from rag.datatypes import Answer
from rag.encoder_onnx import ENCODER_FOLDER
from rag.errors import RagError
from rag.evaluation.datasets import load_dataset, own_seed_questions
from rag.inference import n_threads
from rag.pipeline import Pipeline
from rag.reader import BUNDLED_READER
from rag.retriever import Retriever

ONE, ALONE, MANY = "`ask`, one by one", "`ask`, nothing kept between questions", "`ask_many`"
MODELS = {"encoder": ENCODER_FOLDER / "encoder.onnx", "reader": BUNDLED_READER / "reader.onnx"}


class Counted:
    """A model's session that notes how many tokens went in."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.lengths: list[int] = []
        self.get_inputs = session.get_inputs

    def run(self, outputs: list[str] | None, feed: dict[str, Any]) -> Any:
        self.lengths.append(feed["input_ids"].shape[1])
        return self._session.run(outputs, feed)


@dataclass
class Taken:
    """What one way took: seconds and processor seconds a turn, tokens of each run of the last turn."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    lengths: dict[str, list[int]] = field(default_factory=dict)


def _sessions(pipeline: Pipeline) -> dict[str, Any]:
    """Of both models; there once a question was asked."""
    return {"encoder": pipeline._encoder._session, "reader": pipeline.reader._session}  # type: ignore[attr-defined]


def forgetful(pipeline: Pipeline, remembered: int | None = None) -> Pipeline:
    """The same pipeline with nothing kept of earlier questions, and so many vectors of later ones."""
    other, size = copy.copy(pipeline), {} if remembered is None else {"remembered": remembered}
    other.retriever = Retriever(pipeline.index, pipeline._encoder, pipeline.config.retrieve, **size)
    return other


def measure(taken: Taken, counted: dict[str, Counted], work: Callable[[], list[Answer]]) -> list[Answer]:
    """Answers without their timings."""
    for model in counted.values():
        model.lengths.clear()
    wall, processor = time.perf_counter(), time.process_time()
    answers = work()
    taken.wall.append(time.perf_counter() - wall)
    taken.processor.append(time.process_time() - processor)
    taken.lengths = {name: list(model.lengths) for name, model in counted.items()}
    return [replace(answer, timings={}) for answer in answers]


def turns(pipeline: Pipeline, asked: Sequence[str], rounds: int) -> tuple[dict[str, Taken], bool]:
    """What each way took, and whether all answers are the same."""
    pipeline.ask(asked[0])
    counted = {name: Counted(session) for name, session in _sessions(pipeline).items()}
    pipeline.reader._session = counted["reader"]
    pipeline._encoder._session = counted["encoder"]  # type: ignore[attr-defined]

    def one(fresh: Pipeline) -> list[Answer]:
        return [fresh.ask(question) for question in asked]

    ways: dict[str, Callable[[], list[Answer]]] = {
        ALONE: lambda: one(forgetful(pipeline, 0)),
        ONE: lambda: one(forgetful(pipeline)),
        MANY: lambda: forgetful(pipeline).ask_many(asked),
    }
    taken = {name: Taken() for name in ways}
    same = True
    # In turns, so that what else the machine does falls on all.
    for _ in range(rounds):
        found = [measure(taken[name], counted, work) for name, work in ways.items()]
        same = same and found[0] == found[1] == found[2]
    return taken, same


def arithmetic(taken: Taken, machine_rates: Machine) -> float:
    """Seconds that all its products take at the machine's rate, all cores together."""
    seconds = 0.0
    for name, lengths in taken.lengths.items():
        int8, fp32, _ = count(MODELS[name], lengths or [0])
        seconds += len(lengths) * (int8 / machine_rates.int8 + fp32 / machine_rates.fp32)
    return seconds


def batches(sessions: dict[str, Any], times: int) -> str:
    """Processor milliseconds a text, on one thread, of usual texts alone and of several in one batch."""
    sizes, rows = (1, 2, 4, 8, 16), []
    for name, tokens in (("reader", 130), ("encoder", 36)):
        session, made = sessions[name], np.random.default_rng(0)
        least = dict.fromkeys(sizes, float("inf"))
        for _ in range(times):
            for size in sizes:
                feed = {entry.name: np.ones((size, tokens), np.int64) for entry in session.get_inputs()}
                feed["input_ids"] = made.integers(1_000, 20_000, (size, tokens))
                started = time.process_time()
                session.run(None, feed)
                least[size] = min(least[size], (time.process_time() - started) / size)
        rows.append([f"{name}, {tokens} tokens", *(f"{1e3 * took:.2f}" for took in least.values())])
    return table("Processor ms a text, by texts in a batch", ["", *map(str, sizes)], rows)


def section(taken: dict[str, Taken], n_asked: int, n_chunks: int, found: Machine | None) -> str:
    """The table and what follows from it."""
    rows, floors = [], {}
    for name, way in taken.items():
        wall, processor = statistics.median(way.wall) / n_asked, statistics.median(way.processor) / n_asked
        row = [name, f"{1e3 * wall:.1f}", f"{1e3 * processor:.1f}"]
        row += [f"{sum(way.lengths[model]) / n_asked:,.0f}" for model in ("reader", "encoder")]
        if found is not None:
            floors[name] = arithmetic(way, found) / n_asked
            by_processor = n_threads() * floors[name] / processor
            row += [
                f"{1e3 * floors[name]:.1f}",
                f"{100 * floors[name] / wall:.0f} %",
                f"{100 * by_processor:.0f} %",
            ]
        rows.append(row)
    heads = ["", "ms a question", "processor ms a question", "tokens read", "tokens encoded"]
    if found is not None:
        heads += ["arithmetic ms", "share of the clock", "share of the processors' time"]
    ratio = statistics.median(one / many for one, many in zip(taken[ONE].wall, taken[MANY].wall, strict=True))
    said = f"{ratio:.2f} times the throughput of one by one"
    if found is not None:
        most = statistics.median(taken[ONE].wall) / n_asked / floors[MANY]
        said += f"; with nothing but the products, at the machine's rate, it would be {most:.2f} times"
    title = f"{n_asked} questions over {n_chunks:,} chunks, {n_threads()} threads"
    return f"{table(title, heads, rows)}\n\n`ask_many`: {said}.\n{machine()}"


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--index", default=None, help="folder of an index (default: index/, of seeds/)")
    add("--questions", type=Path, default=own_seed_questions(), help="as `rag eval` takes them")
    add("--rounds", type=int, default=3, help="turns of each (default: 3)")
    add("--batches", type=int, default=25, help="turns of each size of batch (default: 25)")
    add("--limit", type=int, default=100, help="questions (default: 100)")
    add(
        "--seconds",
        type=float,
        default=3.0,
        help="to measure each rate of the machine; 0: leave the floor out",
    )
    add("--json", type=Path, default=None, help="file for the figures")
    add("--readme", type=Path, default=None, help="file with the markers for the table")
    args = parser.parse_args(argv)
    try:
        data: Any = load_dataset(args.questions)
        asked = [question.text for question in data.only("dev", args.limit).questions]
        pipeline = open_pipeline(args.index)
        taken, same = turns(pipeline, asked, args.rounds)
        found = rates(128, args.seconds) if args.seconds else None
        printed = section(taken, len(asked), len(pipeline.index.chunks), found)
        printed += f"\nAnswers {'are all the same' if same else 'DIFFER'}.\n\n"
        printed += batches(_sessions(pipeline), args.batches)
        print(printed)
        if args.json:
            kept = {"same": same, "ways": {name: vars(way) for name, way in taken.items()}}
            args.json.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        if args.readme:
            insert(args.readme, "many", printed)
    except RagError as error:
        print(f"many: {error}", file=sys.stderr)
        return 2
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
