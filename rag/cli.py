"""The command `rag`: index, ask, eval, serve, doctor, calibrate.

Exit status: 0 done or found, 1 not in sources, 2 an error, 75 another process is indexing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from rag._version import __version__
from rag.config import BUNDLED_ENCODER, INDEX_KINDS
from rag.errors import ConfigError, IndexBusy, RagError

if TYPE_CHECKING:
    from rag.index import IndexReport
    from rag.prepared import Prepare

__all__ = ["main"]

EX_TEMPFAIL = 75


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after `rag`; those of the process by default.

    Returns:
        The exit status.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        status: int = args.run(args)
    except IndexBusy as error:
        return _fail(error, EX_TEMPFAIL)
    except RagError as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 2
    return status


def _fail(error: Exception, status: int) -> int:
    print(f"rag: {' '.join(str(error).split())}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rag", description="Ask your own documents; get their own words, or “not in sources”."
    )
    parser.add_argument("--version", action="version", version=f"insources {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    index_help = "folder of the index, lance://FOLDER or milvus://HOST/COLLECTION (default: index/)"

    index = commands.add_parser("index", help="make the index mirror files and folders")
    index.add_argument("paths", nargs="+", metavar="PATH", help="file or folder")
    index.add_argument("--index", default="index", help=index_help)
    index.add_argument(
        "--kind",
        choices=INDEX_KINDS,
        default="auto",
        help="how vectors are kept from now on: flat, ivf or exact; auto chooses by their number",
    )
    index.add_argument(
        "--encoder",
        metavar="NAME",
        default=BUNDLED_ENCODER,
        help="a sentence-transformers name or path, for texts in other languages (default: %(default)s)",
    )
    index.add_argument("--keep-furniture", action="store_true", help="index site furniture too")
    index.add_argument(
        "--text-column",
        metavar="NAME",
        help="column of .csv and field of .jsonl files that holds the text (default: text, body, content ...)",
    )
    index.add_argument("--check", action="store_true", help="read every file, whatever its times say")
    index.add_argument(
        "--watch", action="store_true", help="follow the paths until Ctrl-C (needs insources[watch])"
    )
    index.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="have a Ray cluster read and encode: auto, local or HOST:PORT "
        "(needs insources[cluster] and an index in a database)",
    )
    index.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="with --ray: most workers (default: one a processor of the cluster)",
    )
    index.add_argument(
        "--staging",
        metavar="DIR",
        help="with --ray: where finished shards are kept until the index holds them (default: beside the index)",
    )
    index.set_defaults(run=_index)

    ask = commands.add_parser("ask", help="ask one question")
    ask.add_argument("question")
    ask.add_argument("--json", action="store_true", help="print Answer.to_dict() on one line")
    ask.add_argument("--index", default=None, help=index_help)
    ask.add_argument("--top-k", type=_positive, default=3, help="most citations shown (default: 3)")
    ask.add_argument(
        "--documents", action="append", metavar="GLOB", help="search only in these documents; may be repeated"
    )
    when = "a year, a month or a day (2024, 2024-05, 2024-05-31), inclusive"
    ask.add_argument("--since", metavar="DATE", help=f"only documents of this date or later: {when}")
    ask.add_argument("--until", metavar="DATE", help="only documents of this date or earlier")
    ask.add_argument("--language", metavar="CODE", help="only documents in this language, such as en")
    ask.add_argument("--author", metavar="PART", help="only documents that state such an author")
    ask.add_argument("--source", metavar="PART", help="only documents that state such a source")
    careful = ask.add_mutually_exclusive_group()
    careful.add_argument("--min-confidence", type=float, default=None, help="answer only at this probability")
    careful.add_argument("--max-risk", type=float, default=None, help="accept this share of wrong answers")
    ask.set_defaults(run=_ask)

    import rag.evaluation.command as evaluation

    evaluate = commands.add_parser("eval", help="measure, offline")
    evaluation.add_arguments(evaluate)
    evaluate.set_defaults(run=evaluation.run)

    serve = commands.add_parser("serve", help="open the web chat")
    import rag.web.command as web

    web.add_arguments(serve)
    serve.set_defaults(run=web.run)

    doctor = commands.add_parser("doctor", help="say what is installed and what is wrong")
    doctor.add_argument("--index", default=None, help=index_help)
    doctor.set_defaults(run=_doctor)

    calibrate = commands.add_parser("calibrate", help="fit the decision to your own corpus")
    calibrate.add_argument("questions", help="CSV or JSONL: question, answer or empty, doc_id or empty")
    calibrate.add_argument("--index", default=None, help=index_help)
    calibrate.set_defaults(run=_calibrate)
    return parser


def _positive(text: str) -> int:
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return value


def _index(args: argparse.Namespace) -> int:
    from rag.config import ChunkConfig, Config, EncoderConfig, FormatConfig, IndexConfig
    from rag.encoder import load_encoder
    from rag.locations import folder_of
    from rag.opening import mirror
    from rag.prepared import prepare_here
    from rag.progress import bar
    from rag.watching import follow

    prepare: Prepare = prepare_here
    label, unit = "embedding chunks", "chunk"
    if args.ray is not None:
        from rag.cluster_ingest import preparing_on

        if args.watch:
            raise ConfigError("--watch and --ray are both given; expected one: a cluster is for much at once")
        prepare = preparing_on(args.ray, args.paths, args.index, staging=args.staging, n_workers=args.workers)
        label, unit = "documents", "document"
    elif args.workers is not None or args.staging is not None:
        raise ConfigError("--workers and --staging say how a cluster works; expected --ray ADDRESS with them")
    config = Config(
        chunk=ChunkConfig(remove_furniture=not args.keep_furniture),
        encoder=EncoderConfig(args.encoder),
        index=IndexConfig(args.kind),
        formats=FormatConfig(args.text_column),
    )
    encoder = load_encoder(config.encoder)
    paths, place = [Path(path) for path in args.paths], folder_of(args.index)
    last: list[object] = [None]

    def update() -> None:
        # What Ray says of lost machines goes where the progress goes.
        out = nullcontext() if args.ray is None else redirect_stdout(sys.stderr)
        with bar(label, unit=unit) as progress, out:
            report = mirror(
                paths,
                args.index,
                config=config,
                encoder=encoder,
                progress=progress,
                check=args.check,
                prepare=prepare,
            )
        if report.written or report.failed != last[0]:
            _tell(args.index, report)
        last[0] = report.failed

    if not args.watch:
        update()
        return 0
    try:
        follow(
            paths,
            place or os.devnull,
            update,
            failed=lambda error: print(f"rag: {error}", file=sys.stderr, flush=True),
        )
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
    return 0


def _tell(place: str, report: IndexReport) -> None:
    """What an update did: problems line by line, and a line of counts."""
    if report.rebuilt:
        print(f"built anew: {report.rebuilt}", file=sys.stderr)
    if report.n_resumed:
        print(f"went on: {report.n_resumed} chunks were encoded by a run that was stopped", file=sys.stderr)
    for name, message in report.failed:
        print(f"not read: {name}: {message}", file=sys.stderr)
    for name, note in report.notes:
        print(f"note: {name}: {note}", file=sys.stderr)
    for name, message in report.left_out:
        print(f"left out: {name}: {message}", file=sys.stderr)
    for before, now in report.moved:
        print(f"moved: {before} to {now}", file=sys.stderr)
    moved = f"{len(report.moved)} moved, " if report.moved else ""
    print(
        f"{place}: {report.n_documents} documents, {report.n_chunks} chunks "
        f"({len(report.added)} added, {len(report.changed)} changed, {len(report.removed)} removed, "
        f"{moved}{len(report.unchanged)} unchanged, {len(report.failed)} not read) in {report.seconds:.1f} s",
        flush=True,
    )
    if not report.n_documents:
        print(
            f"{place} holds no document now: every question will be answered with “not in sources”",
            flush=True,
        )


def _ask(args: argparse.Namespace) -> int:
    from rag.asking import open_pipeline
    from rag.config import DecideConfig
    from rag.filters import Filter
    from rag.question import check_question

    check_question(args.question)
    where = Filter.of(
        args.documents,
        since=args.since,
        until=args.until,
        language=args.language,
        author=args.author,
        source=args.source,
    )
    decide = DecideConfig(min_confidence=args.min_confidence, max_risk=args.max_risk)
    pipeline = open_pipeline(args.index).deciding(decide)
    answer = pipeline.ask(args.question, top_k=args.top_k, documents=where)
    if args.json:
        print(json.dumps(answer.to_dict(), ensure_ascii=False))
        return 0 if answer.found else 1
    print(answer.text)
    for citation in answer.citations if answer.found else answer.nearest:
        page = f" page {citation.page}" if citation.page is not None else ""
        place = f"{citation.doc_id}{page} [{citation.start}:{citation.end}]"
        title = f" “{citation.title}”" if citation.title else ""
        title += "".join(f", {said}" for said in (citation.author, citation.source, citation.date) if said)
        if answer.found and citation is answer.citations[0]:
            print(f"  — {place}{title}  (confidence {answer.confidence:.2f})")
        else:
            print(
                f"  {'also' if answer.found else 'nearest'}: {place}{title}\n    {' '.join(citation.quote.split())}"
            )
    if answer.reason:
        print(f"  why: {answer.reason}")
    return 0 if answer.found else 1


def _doctor(args: argparse.Namespace) -> int:
    from rag.doctor import examine

    return examine(args.index)


def _calibrate(args: argparse.Namespace) -> int:
    from rag.calibrating import calibrate_command

    return calibrate_command(args.questions, args.index)


if __name__ == "__main__":
    sys.exit(main())
