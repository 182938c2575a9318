"""The 2024 news set: weekly quiz questions over thousands of articles as they were crawled.

The articles belong to their publishers, so they are not part of the project; the two files are
given as arguments. Whether an article holds an answer is known by string match only: a question
that counts as unsupported may still be answered by words that differ.

    python -m benchmarks.news docs.jsonl.gz questions.json --out DIR [--cache FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from rag.config import Config
from rag.encoder import load_encoder
from rag.errors import RagError
from rag.evaluation.ablations import retrieval_rows
from rag.evaluation.metrics import peak_memory_mib
from rag.evaluation.opening import RememberingEncoder, rebuild
from rag.evaluation.question_sets import Gold, Question, QuestionSet
from rag.evaluation.reading_files import fail, get_field, json_lines, parse_json, read_text
from rag.evaluation.report import write_report
from rag.evaluation.run import ask_all
from rag.evaluation.summary import summarize
from rag.progress import bar


def load_articles(path: Path) -> dict[str, str]:
    """Title, a blank line and text of each article, by doc_id."""
    texts: dict[str, str] = {}
    for place, row in json_lines(read_text(path), str(path)):
        doc_id = get_field(row, "doc_id", str, str(path), place)
        if doc_id in texts:
            raise fail(str(path), f"{place}, field 'doc_id'", f"{doc_id!r} is used twice; ids are unique")
        body = get_field(row, "text", str, str(path), place)
        texts[doc_id] = f"{row.get('title') or ''}\n\n{body}".strip() + "\n"
    return texts


def load_quiz(path: Path) -> QuestionSet:
    """The questions; those that no article supports count as unanswerable."""
    name = str(path)
    rows = parse_json(read_text(path), name)
    if not isinstance(rows, list):
        raise fail(name, "", f"{type(rows).__name__}; expected a list of questions")
    questions = []
    for i, row in enumerate(rows):
        place = f"[{i}]"
        answers = get_field(row, "answers", list, name, place)
        supporting = get_field(row, "supporting", list, name, place)
        golds = tuple(Gold(str(answer), str(doc_id)) for answer in answers for doc_id in supporting)
        questions.append(
            Question(
                get_field(row, "id", str, name, place),
                get_field(row, "question", str, name, place),
                golds if get_field(row, "supported", bool, name, place) else (),
                None,
                "supported" if row["supported"] else "unsupported",
            )
        )
    return QuestionSet("news 2024", name, tuple(questions))


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Indexes the articles in memory and asks every question."""
    texts, quiz = load_articles(Path(args.docs)), load_quiz(Path(args.questions)).only("all", args.limit)
    config = Config()
    encoder = RememberingEncoder(load_encoder(config.encoder), Path(args.cache) if args.cache else None)
    print(f"indexing {len(texts):,} articles in memory", file=sys.stderr)
    started = time.perf_counter()
    pipeline = rebuild(texts, encoder, config)
    opened = time.perf_counter() - started
    pipeline.ask(quiz.questions[0].text)
    with bar("asking", unit="question") as progress:
        started = time.perf_counter()
        records = ask_all(pipeline, quiz, "open", progress)
        asked = time.perf_counter() - started
    rows, tests = retrieval_rows(pipeline, [question for question in quiz.questions if question.answerable])
    return {
        "name": "news 2024 (open)",
        "kind": "questions",
        "setting": "open",
        **summarize(records),
        "n_documents": len(texts),
        "n_chunks": len(pipeline.index.chunks),
        "peak_memory_mib": peak_memory_mib(),
        "seconds": {"open": opened, "ask": asked},
        "ablations": rows,
        "differences": tests,
        "config": config.to_dict(),
        "records": [record.to_dict() for record in records],
    }


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("docs", help="docs.jsonl or .jsonl.gz: doc_id, title, text")
    parser.add_argument("questions", help="questions.json: id, question, answers, supported, supporting")
    parser.add_argument("--out", default="eval", help="folder of the report (default: eval/)")
    parser.add_argument("--limit", type=int, help="ask only so many questions")
    parser.add_argument("--cache", help="keep document vectors in this file between runs")
    args = parser.parse_args(argv)
    try:
        text, problems = write_report(
            [run(args)], Path(args.out), "python -m benchmarks.news docs.jsonl.gz questions.json"
        )
    except RagError as error:
        print(f"news: {error}", file=sys.stderr)
        return 2
    print(text)
    for problem in problems:
        print(f"news: no pictures: {problem}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
