"""`rag eval`: measure, offline, on the project's questions, a SQuAD file, a BEIR set or one's own."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.errors import DatasetError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `rag eval`. Nothing heavy is imported for them."""
    parser.add_argument(
        "datasets", nargs="*", metavar="DATASET",
        help="SQuAD .json or .json.gz, BEIR folder or .zip, or questions as .csv or .jsonl "
        "(default: the project's own questions over seeds/)",
    )  # fmt: skip
    parser.add_argument(
        "--setting", choices=("reader", "open"), default="open",
        help="reader: each question with its own paragraph; open: retrieve first (default: open)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help="folder of the report (default: eval/)")
    parser.add_argument("--questions", metavar="FILE", help="your own questions: question,answer,doc_id")
    parser.add_argument("--index", metavar="DIR", help="index that your own questions are about")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="compare two report.json and stop")
    parser.add_argument("--limit", type=_positive, metavar="N", help="ask N questions, spread over the file")
    parser.add_argument(
        "--split",
        choices=("dev", "report", "all"),
        help="half of the questions (default: all; of the project's own the report half, never tuned on)",
    )
    parser.add_argument("--beir-split", default="test", metavar="NAME", help="qrels/NAME.tsv (default: test)")
    parser.add_argument("--ablations", action="store_true", help="also with parts left out or changed")
    parser.add_argument("--cache", metavar="FILE", help="keep document vectors in this file between runs")


def _positive(text: str) -> int:
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return value


def run(args: argparse.Namespace) -> int:
    """Runs the command; the report goes to `--out`, its tables to the terminal.

    Returns:
        0.

    Raises:
        RagError: whatever is wrong with data, index or models; the command line makes it status 2.
    """
    if args.compare:
        return _compare(args)
    from rag.evaluation.report import write_report

    folder = _writable(Path(args.out or "eval"))
    runs = evaluate(args)
    text, problems = write_report(runs, folder, _command(args))
    print(text)
    for problem in problems:
        print(f"rag: no pictures: {problem}", file=sys.stderr)
    print(
        f"report: {folder / 'report.md'}, {folder / 'report.json'}, {folder / 'errors.html'}", file=sys.stderr
    )
    return 0


def _compare(args: argparse.Namespace) -> int:
    from rag.evaluation.compare import compare_reports, format_comparison

    found = compare_reports(*args.compare)
    print(format_comparison(found))
    if args.out:
        path = _writable(Path(args.out)) / "compare.md"
        path.write_text(format_comparison(found, shown=None), encoding="utf-8")
        print(f"report: {path}", file=sys.stderr)
    return 0


def _writable(folder: Path) -> Path:
    """Tries the folder before the work, not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".writable"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise DatasetError(
            f"--out {folder}: can't be written ({error.strerror}); expected a folder, name another with --out"
        ) from error
    return folder


def evaluate(args: argparse.Namespace) -> list[dict[str, Any]]:
    """All runs that the arguments ask for; the first one's figures head the report."""
    from rag.config import Config
    from rag.encoder import load_encoder
    from rag.evaluation.datasets import load_dataset, own_seed_questions
    from rag.evaluation.opening import RememberingEncoder
    from rag.evaluation.question_sets import QuestionSet

    given = [*args.datasets, *([args.questions] if args.questions else [])]
    paths = given or [str(own_seed_questions())]
    split = args.split or ("all" if given else "report")
    # All are read before the first is asked: a typo in the second must not cost an hour.
    sets = [load_dataset(path, args.beir_split) for path in paths]
    chosen = [s.only(split, args.limit) if isinstance(s, QuestionSet) else s for s in sets]
    config = Config()
    encoder = RememberingEncoder(load_encoder(config.encoder), Path(args.cache) if args.cache else None)
    runs: list[dict[str, Any]] = []
    for data in chosen:
        if isinstance(data, QuestionSet):
            runs.extend(_question_runs(data, args, encoder, config))
        else:
            runs.append(_ranking_run(data, encoder, config))
    return runs


def _question_runs(data: Any, args: argparse.Namespace, encoder: Any, config: Any) -> list[dict[str, Any]]:
    from rag.evaluation.ablations import ablate
    from rag.evaluation.metrics import peak_memory_mib
    from rag.evaluation.opening import set_pipeline
    from rag.evaluation.run import ask_all
    from rag.evaluation.summary import summarize
    from rag.progress import bar

    _note(f"{data.name}: opening the pipeline")
    started = time.perf_counter()
    pipeline = set_pipeline(data, args.setting, encoder, index=args.index, config=config)
    opened = time.perf_counter() - started
    # Models are loaded at the first question, which is no question's latency.
    pipeline.ask(data.questions[0].text)
    with bar(f"{data.name} ({args.setting})", unit="question") as progress:
        started = time.perf_counter()
        records = ask_all(pipeline, data, args.setting, progress)
        asked = time.perf_counter() - started
    splits = sorted({question.split for question in data.questions}, reverse=True)
    runs = []
    for split in splits:
        part = [record for record in records if record.split == split]
        label = f"{args.setting}, {split} half" if split else args.setting
        out = {
            "name": f"{data.name} ({label})",
            "kind": "questions",
            "setting": args.setting,
            "split": split or None,
            **summarize(part),
            "peak_memory_mib": peak_memory_mib(),
            "seconds": {"open": opened, "ask": asked},
            "config": config.to_dict(),
        }
        if args.ablations and args.setting == "open":
            half = replace(data, questions=tuple(q for q in data.questions if q.split == split))
            ablation = ablate(pipeline, half, part, _rebuilder(pipeline, encoder), _note)
            out.update(ablations=ablation["rows"], differences=ablation["differences"])
        out["records"] = [record.to_dict() for record in part]
        runs.append(out)
    return runs


def _rebuilder(pipeline: Any, encoder: Any) -> Callable[[Any], Any]:
    """Makes pipelines over the same texts with other settings."""
    from rag.evaluation.opening import rebuild

    texts = {doc_id: document.text for doc_id, document in pipeline.index.documents.items()}
    return lambda config: rebuild(texts, encoder, config, pipeline)


def _ranking_run(data: Any, encoder: Any, config: Any) -> dict[str, Any]:
    from rag.evaluation.metrics import peak_memory_mib
    from rag.evaluation.opening import ranking_retriever
    from rag.evaluation.ranking_run import rank_all
    from rag.progress import bar

    _note(f"{data.name}: encoding {len(data.corpus):,} documents")
    with bar(f"{data.name}: encoding", unit="document") as progress:
        started = time.perf_counter()
        retriever = ranking_retriever(data, encoder, config, progress)
        opened = time.perf_counter() - started
    with bar(f"{data.name}: ranking", unit="query") as progress:
        started = time.perf_counter()
        figures = rank_all(retriever, data, progress)
        asked = time.perf_counter() - started
    return {
        "name": f"{data.name} ({data.split})",
        "kind": "ranking",
        "setting": "ranking",
        **figures,
        "peak_memory_mib": peak_memory_mib(),
        "seconds": {"open": opened, "ask": asked},
        "config": config.to_dict(),
    }


def _note(text: str) -> None:
    print(f"rag eval: {text}", file=sys.stderr)


def _command(args: argparse.Namespace) -> str:
    """The command with file names only: a report is shared, the folders of one's machine are not."""
    parts = ["rag", "eval", *(Path(path).name for path in args.datasets)]
    if args.questions:
        parts += ["--questions", Path(args.questions).name]
    for name in ("setting", "limit", "split"):
        value = getattr(args, name)
        if value not in (None, "all"):
            parts += [f"--{name}", str(value)]
    if args.ablations:
        parts.append("--ablations")
    return shlex.join(parts)
