"""`python -m rag.training train | score | export | restore | average | wording`: the arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rag.errors import OptionalDependencyError, RagError

__all__ = ["main", "parser"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0, or 2 after an error, which is told on stderr.
    """
    args = parser().parse_args(argv)
    try:
        try:
            from rag.training import commands
        except ImportError as err:
            if isinstance(err, RagError):
                raise
            raise OptionalDependencyError(err.name or "torch", "train", "to train a reader") from err
        getattr(commands, f"run_{args.command}")(args)
    except RagError as err:
        sys.stderr.write(f"rag.training: {err}\n")
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="python -m rag.training", description="Train the reader.")
    commands = top.add_subparsers(dest="command", required=True)
    _train_arguments(commands.add_parser("train", help="train a reader on SQuAD-style files"))
    score = commands.add_parser("score", help="score a trained or exported reader")
    score.add_argument("model", type=Path, help="folder of a trained or an exported reader")
    export = commands.add_parser("export", help="write the int8 ONNX folder")
    export.add_argument("model", type=Path, help="folder of a trained reader")
    export.add_argument("--out", type=Path, required=True)
    export.add_argument("--run-json", type=Path, help="the run's description, for the model card")
    export.add_argument("--reduce-range", action="store_true", help="weights in 7 bits")
    export.add_argument("--weight-only", nargs="*", help="products to run in float32, by name")
    restore = commands.add_parser("restore", help="an exported reader's weights, to train on from them")
    restore.add_argument("model", type=Path, help="folder of an exported reader, such as the one that ships")
    restore.add_argument("--out", type=Path, required=True)
    average = commands.add_parser("average", help="write the weights between two trained readers")
    average.add_argument("first", type=Path, help="folder of a trained reader")
    average.add_argument("second", type=Path, help="another that was trained on from it, or beside it")
    average.add_argument("--share", type=float, default=0.5, help="the second one's, 0 to 1")
    average.add_argument("--out", type=Path, required=True)
    average.add_argument("--tokenizer", type=Path)
    wording = commands.add_parser("wording", help="what a file's questions betray without reading")
    wording.add_argument("squad", type=Path, help="SQuAD 2.0 file")
    for p in (score, wording):
        p.add_argument("--ids", help="only questions whose id matches this regular expression")
    for p in (score, export):
        p.add_argument("--tune", type=Path, required=p is score, help="SQuAD 2.0 file to score on")
        p.add_argument("--nth", type=int, default=1, help="score every nth question")
        p.add_argument("--tokenizer", type=Path)
    return top


def _train_arguments(p: argparse.ArgumentParser) -> None:
    data = p.add_argument_group("data")
    data.add_argument("--squad", type=Path, required=True, help="SQuAD 2.0 training file")
    data.add_argument("--qed", type=Path, help="QED in SQuAD's form")
    data.add_argument("--qamr", type=Path, help="QAMR's Wikinews part in SQuAD's form")
    data.add_argument("--qamr-each", type=int, default=10, help="its questions kept a sentence")
    data.add_argument("--written", type=Path, help="questions written for this project, in SQuAD's form")
    data.add_argument("--written-times", type=int, default=4, help="how often an epoch shows each of them")
    data.add_argument("--negatives", type=int, default=14000, help="easy negatives to make")
    data.add_argument("--tune", type=Path, help="SQuAD 2.0 file to score on; never trained on")
    data.add_argument("--nth", type=int, default=8, help="score every nth of its questions")

    model = p.add_argument_group("model")
    model.add_argument("--start", type=Path, help="BERT to start from (default: the encoder package's)")
    model.add_argument("--tokenizer", type=Path, help="its tokenizer.json (default: likewise)")
    model.add_argument("--teacher", help="a larger question-answering model to learn from")
    model.add_argument(
        "--teacher-record",
        type=Path,
        help="folder that keeps what it says, for runs with the same seed and data",
    )
    model.add_argument("--soft-weight", type=float, default=0.7, help="the teacher's share of the loss")
    model.add_argument("--answerable-weight", type=float, default=1.0, help="of the head's loss")
    model.add_argument("--dropout", type=float, default=0.1)
    model.add_argument("--freeze-words", action=argparse.BooleanOptionalAction, default=True)
    model.add_argument(
        "--freeze-layers", type=int, default=0, help="lowest layers to keep as they are, and all embeddings"
    )

    run = p.add_argument_group("run")
    run.add_argument("--out", type=Path, required=True)
    run.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    run.add_argument("--device", default="cpu", help="cpu, or cuda (then a batch of 128 or more)")
    run.add_argument("--workers", type=int, default=2, help="threads on a CPU, one a core")
    run.add_argument("--seed", type=int, default=13)
    run.add_argument("--batch", type=int, default=32)
    run.add_argument("--lr", type=float, default=1.5e-4)
    run.add_argument("--warmup", type=int, default=150, help="steps")
    run.add_argument("--save-every", type=float, default=300, help="seconds")
    run.add_argument("--score-every", type=float, default=1500, help="seconds")

    end = p.add_argument_group("end: after so many steps, or by the clock")
    end.add_argument("--steps", type=int)
    end.add_argument("--hours", type=float, default=2.0)
    end.add_argument("--stop-at", help="local time, such as 2030-01-31T17:45")
    end.add_argument("--decay-from", help="when the learning rate begins to fall, likewise")
    end.add_argument("--decay-share", type=float, default=0.3, help="of the run, where no time is given")
