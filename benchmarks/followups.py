"""Follow-up questions, measured three ways; tables on the terminal.

1. CAsT 2019 (turns as asked, and as people resolved them): how near the question as understood comes
   to the resolved one, by the encoder's cosine. No passages, no answers: the earlier turns as asked.
2. MT-RAG (`mtrag.json`: conversations over 350 passages): recall@5 of the question as asked, as
   understood wherever it refers back, as taken by the pipeline (which weighs both where it is not
   sure), and as rewritten by a person.
3. The project's own scripted follow-ups over its articles: whether the answer's quote holds the
   answer, or, where the articles have none, whether it is refused.

    python -m benchmarks.followups --cast FOLDER --mtrag mtrag.json [--index index] [--cache FILE]

FOLDER has CAsT's `evaluation_topics_v1.0.json` and `evaluation_topics_annotated_resolved_v1.0.tsv`,
under whatever prefix. What is not given is not measured; the third is, unless `--no-own` is given.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.config import Config
from rag.conversation import understand
from rag.encoder import load_encoder
from rag.errors import DatasetError, RagError
from rag.evaluation.opening import RememberingEncoder, rebuild, seed_texts
from rag.pipeline import Pipeline

OWN = Path(__file__).resolve().parents[1] / "rag" / "evaluation" / "questions" / "followups.jsonl"
K = 5


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table with a title line."""
    lines = [f"\n### {title}\n", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        cells = (f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cast_turns(folder: Path) -> list[tuple[str, str, str]]:
    """(topic and turn, as asked, as resolved) in order.

    Raises:
        DatasetError: a file is missing.
    """
    found = {}
    for name in ("evaluation_topics_v1.0.json", "evaluation_topics_annotated_resolved_v1.0.tsv"):
        paths = sorted(folder.glob(f"*{name}"))
        if not paths:
            raise DatasetError(f"no *{name} in {folder}; expected CAsT 2019's evaluation topics there")
        found[name] = paths[0].read_text(encoding="utf-8")
    topics, lines = found.values()
    resolved = dict(line.split("\t", 1) for line in lines.splitlines() if "\t" in line)
    turns = []
    for topic in json.loads(topics):
        for turn in topic["turn"]:
            key = f"{topic['number']}_{turn['number']}"
            turns.append((key, _one_line(turn["raw_utterance"]), _one_line(resolved[key])))
    return turns


def _one_line(text: str) -> str:
    return " ".join(text.split())


def measure_cast(folder: Path, encoder: Any) -> str:
    """How much of the distance to the resolved question is closed."""
    rows = []
    history: list[tuple[str, None]] = []
    before = ""
    for key, asked, resolved in cast_turns(folder):
        topic = key.split("_")[0]
        if topic != before:
            history, before = [], topic
        understood = understand(asked, history)
        history.append((asked, None))
        rows.append((int(topic), asked, understood.question, resolved))
    texts = sorted({text for row in rows for text in row[1:]})
    vectors = dict(zip(texts, encoder.encode_document(texts), strict=True))

    def distance(one: str, other: str) -> float:
        return 1.0 - float(np.dot(vectors[one], vectors[other]))

    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, asked, meant, resolved in rows:
        pair = distance(asked, resolved), distance(meant, resolved)
        groups["all turns"].append(pair)
        groups["topics with even numbers (looked at)" if number % 2 == 0 else "odd (not looked at)"].append(
            pair
        )
        groups["people changed them" if asked != resolved else "stand alone as asked"].append(pair)
    table_rows = []
    for name, pairs in sorted(groups.items()):
        mean_bare, mean_ours = (float(np.mean(side)) for side in zip(*pairs, strict=True))
        closed = f"{1 - mean_ours / mean_bare:.1%}" if mean_bare > 1e-4 else "-"
        table_rows.append((name, len(pairs), mean_bare, mean_ours, closed))
    return table(
        "CAsT 2019: mean distance (1 - cosine) to the resolved question",
        ("turns", "n", "as asked", "as understood", "closed"),
        table_rows,
    )


def measure_mtrag(path: Path, encoder: Any) -> str:
    """Recall@5 over the passages."""
    data = json.loads(path.read_text(encoding="utf-8"))
    pipeline = rebuild(data["documents"], encoder, Config())
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for task in data["tasks"]:
        if not task["relevant"]:
            continue
        history: list[tuple[str, str | None]] = []
        for said in task["history"]:
            if said["speaker"] == "user":
                history.append((said["text"], None))
            elif history:
                history[-1] = (history[-1][0], said["text"])
        understood = understand(task["question"], history)
        bare = _recall(pipeline, task["question"], task["relevant"])
        ours = _recall(pipeline, understood.question, task["relevant"])
        chosen = ours
        if understood.refers_back and understood.may_stand_alone:
            taken = pipeline.follow(task["question"], history)
            chosen = ours if taken.question == understood.question else bare
        person = _recall(pipeline, task["rewrite"] or task["question"], task["relevant"])
        found["all turns"].append((bare, ours, chosen, person))
        kind = "not changed" if not understood.refers_back else "sure" if understood.sure else "unsure"
        found[f"of these, {kind}"].append((bare, ours, chosen, person))
    rows = [
        (name, len(triples), *(float(np.mean(side)) for side in zip(*triples, strict=True)))
        for name, triples in found.items()
    ]
    return table(
        f"MT-RAG: recall@{K} over {len(data['documents'])} passages",
        ("turns", "n", "as asked", "as understood", "as taken", "rewritten by a person"),
        rows,
    )


def _recall(pipeline: Pipeline, question: str, relevant: Sequence[str]) -> float:
    doc_ids: list[str] = []
    for hit in pipeline.retriever.retrieve(question, k=10 * K):
        if hit.chunk.doc_id not in doc_ids:
            doc_ids.append(hit.chunk.doc_id)
    return len(set(doc_ids[:K]) & set(relevant)) / len(relevant)


def measure_own(pipeline: Pipeline, splits: Sequence[str], *, verbose: bool) -> str:
    """Share of the scripted follow-ups answered right."""
    right: dict[tuple[str, str], list[tuple[bool, bool, bool]]] = defaultdict(list)
    for line in OWN.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] not in splits:
            continue
        first = pipeline.ask(row["first"])
        answer = pipeline.ask(row["followup"], history=[(row["first"], first)])
        alone = pipeline.ask(row["resolved"])
        kind = "needs its context" if row["needs_context"] else "changes the topic"
        marks = _is_right(answer, row), _is_right(alone, row), first.found
        for name in (kind, "all"):
            right[row["split"], name].append(marks)
        if verbose and row["split"] == "dev" and not marks[0]:
            print(
                f"wrong: {row['first']} [{first.short}] / {row['followup']} -> {answer.understood}",
                file=sys.stderr,
            )
            print(
                f"       {answer.confidence:.2f} {answer.text[:150]!r}; resolved: {marks[1]}", file=sys.stderr
            )
    rows = [
        (split, name, len(marks), *(f"{np.mean(side):.1%}" for side in zip(*marks, strict=True)))
        for (split, name), marks in sorted(right.items())
    ]
    return table(
        "Scripted follow-ups over the five articles: right",
        ("half", "follow-ups", "n", "as a conversation", "resolved by a person", "first question answered"),
        rows,
    )


def _is_right(answer: Any, row: dict[str, Any]) -> bool:
    if not row["answers"]:
        return not answer.found
    if not answer.found:
        return False
    best = answer.citations[0]
    return any(
        best.doc_id == gold["doc_id"] and best.start <= gold["start"] and gold["end"] <= best.end
        for gold in row["answers"]
    )


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cast", type=Path, help="folder of the CAsT 2019 evaluation topics")
    parser.add_argument("--mtrag", type=Path, help="mtrag.json")
    parser.add_argument(
        "--no-own", dest="own", action="store_false", help="leave out the scripted follow-ups"
    )
    parser.add_argument("--split", default="dev,report", help="halves of the scripted ones (default: both)")
    parser.add_argument("--index", help="index over the five articles (default: built from seeds/ in memory)")
    parser.add_argument("--cache", type=Path, help="keep vectors in this file between runs")
    parser.add_argument("--verbose", action="store_true", help="print the dev half's mistakes")
    args = parser.parse_args(argv)
    try:
        encoder = RememberingEncoder(load_encoder(), args.cache)
        if args.cast:
            print(measure_cast(args.cast, encoder))
        if args.mtrag:
            print(measure_mtrag(args.mtrag, encoder))
        if args.own:
            pipeline = Pipeline.load(args.index) if args.index else rebuild(seed_texts(), encoder, Config())
            print(measure_own(pipeline, args.split.split(","), verbose=args.verbose))
    except RagError as error:
        print(f"followups: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
