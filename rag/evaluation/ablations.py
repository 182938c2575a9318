"""What each part is worth: retrieval alone against reading, furniture removal, chunk sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rag.config import Config
from rag.evaluation.metrics import quote_words
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.ranking_run import MODES, differences
from rag.evaluation.records import Record, chunk_rank, document_rank
from rag.evaluation.run import DEPTH, AskedPipeline, ask_all
from rag.retriever import Mode

__all__ = ["CHUNK_SIZES", "ablate", "retrieval_rows"]

CHUNK_SIZES = (60, 120, 180, 240)
_Row = dict[str, list[float]]


def ablate(
    pipeline: AskedPipeline,
    questions: QuestionSet,
    records: Sequence[Record],
    rebuild: Callable[[Config], AskedPipeline],
    note: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Figures of the same questions with parts left out or changed.

    Args:
        pipeline: as it is by default.
        questions: what is asked.
        records: of the default pipeline on them.
        rebuild: makes a pipeline over the same texts with other settings.
        note: told what is being done.

    Returns:
        `rows` (a name and its figures) and `differences` against the default.
    """
    note("retrieval alone")
    ranked = _rank_modes(pipeline, [question for question in questions.questions if question.answerable])
    rows, tests = _mode_rows(ranked)
    default = _reading(records)
    rows.append({"name": "hybrid + reader (default)", **_means(default)})
    tests += _differences("reader - best passage", ranked["hybrid"], default, ("evidence@1",))
    for name, config in _variants(pipeline.config):
        note(name)
        changed = _reading(ask_all(rebuild(config), questions))
        rows.append({"name": name, **_means(changed)})
        tests += _differences(f"{name} - default", default, changed)
    return {"rows": rows, "differences": tests}


def retrieval_rows(
    pipeline: AskedPipeline, questions: Sequence[Question]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """BM25 alone, dense alone and both: figures of each, and the differences.

    `evidence@1` is here whether the best passage holds the answer.

    Args:
        pipeline: its retriever is asked.
        questions: answerable ones.
    """
    return _mode_rows(_rank_modes(pipeline, questions))


def _mode_rows(ranked: Mapping[str, _Row]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows = [{"name": f"{mode} alone, best passage", **_means(row)} for mode, row in ranked.items()]
    tests = [
        test
        for mode in ("bm25", "dense")
        for test in _differences(f"hybrid - {mode}", ranked[mode], ranked["hybrid"])
    ]
    return rows, tests


def _differences(
    what: str, first: _Row, second: _Row, metrics: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    # How many words are shown is a cost, not a score.
    kept = metrics or [name for name in first if name != "words shown"]
    return differences(what, {name: first[name] for name in kept}, {name: second[name] for name in kept})


def _rank_modes(pipeline: AskedPipeline, questions: Sequence[Question]) -> dict[str, _Row]:
    return {mode: _retrieval(pipeline, questions, mode) for mode in MODES}


def _variants(config: Config) -> list[tuple[str, Config]]:
    chunk = config.chunk
    flipped = "furniture kept" if chunk.remove_furniture else "furniture removed"
    out = [(flipped, replace(config, chunk=replace(chunk, remove_furniture=not chunk.remove_furniture)))]
    for size in CHUNK_SIZES:
        if size != chunk.max_tokens:
            out.append((f"chunks of {size} tokens", replace(config, chunk=replace(chunk, max_tokens=size))))
    return out


def _retrieval(pipeline: AskedPipeline, questions: Sequence[Question], mode: Mode) -> _Row:
    out: _Row = {name: [] for name in ("recall@1", "recall@5", "mrr@10", "evidence@1", "words shown")}
    for question in questions:
        chunks = [hit.chunk for hit in pipeline.retriever.retrieve(question.text, DEPTH, mode=mode)]
        rank = document_rank(question, [chunk.doc_id for chunk in chunks])
        out["recall@1"].append(float(rank is not None and rank <= 1))
        out["recall@5"].append(float(rank is not None and rank <= 5))
        out["mrr@10"].append(1 / rank if rank is not None and rank <= 10 else 0.0)
        out["evidence@1"].append(float(chunk_rank(question, chunks) == 1))
        out["words shown"].append(float(quote_words(chunks[0].text) if chunks else 0))
    return out


def _reading(records: Sequence[Record]) -> _Row:
    asked = [record for record in records if record.answerable]
    ranks = [record.doc_rank for record in asked]
    return {
        "recall@1": [float(rank is not None and rank <= 1) for rank in ranks],
        "recall@5": [float(rank is not None and rank <= 5) for rank in ranks],
        "mrr@10": [1 / rank if rank is not None and rank <= 10 else 0.0 for rank in ranks],
        "evidence@1": [float(record.right) for record in asked],
        "f1": [record.candidate_f1 for record in asked],
        "handled right": [float(record.stage is None) for record in records],
        "words shown": [float(quote_words(record.quote)) for record in asked],
    }


def _means(row: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: sum(values) / len(values) if values else 0.0 for name, values in row.items()}
