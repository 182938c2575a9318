"""`rag eval --compare A.json B.json`: what got better and what got worse, question by question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.errors import DatasetError
from rag.evaluation.ranking_run import differences
from rag.evaluation.reading_files import fail, parse_json, read_text
from rag.evaluation.tables import difference_tables, format_table

__all__ = ["compare_reports", "format_comparison"]

_SHOWN = 25  # questions listed on a terminal; report files hold all of them


def compare_reports(first: str | Path, second: str | Path) -> list[dict[str, Any]]:
    """Pairs the runs of two reports and their questions by id.

    Args:
        first: `report.json` of before.
        second: of after.

    Returns:
        One comparison for each run that both have.

    Raises:
        DatasetError: not a report, or the two have no run or no question in common.
    """
    before, after = _runs(Path(first)), _runs(Path(second))
    shared = [name for name in before if name in after]
    if not shared:
        raise DatasetError(
            f"{first} has the runs {sorted(before)}, {second} has {sorted(after)}; expected one in common: "
            "evaluate the same data set in the same setting twice"
        )
    return [_compare(name, before[name], after[name], f"{first} and {second}") for name in shared]


def _runs(path: Path) -> dict[str, Mapping[str, Any]]:
    name = str(path)
    report = parse_json(read_text(path), name)
    runs = report.get("runs") if isinstance(report, dict) else None
    if not isinstance(runs, list):
        raise fail(name, "runs", "no such list; expected a report.json that rag eval wrote")
    out: dict[str, Mapping[str, Any]] = {}
    for i, run in enumerate(runs):
        if not isinstance(run, dict) or not isinstance(run.get("records"), list) or "name" not in run:
            raise fail(name, f"runs[{i}].records", "missing; expected a report.json that rag eval wrote")
        out[str(run["name"])] = run
    return out


def _compare(name: str, before: Mapping[str, Any], after: Mapping[str, Any], files: str) -> dict[str, Any]:
    old = {record["query_id"]: record for record in before["records"]}
    new = {record["query_id"]: record for record in after["records"]}
    ids = [query_id for query_id in old if query_id in new]
    if not ids:
        raise DatasetError(f"{files}: the runs {name!r} share no question id; expected the same data set")
    rows: list[dict[str, Any]] = []
    for metric in _metrics(old[ids[0]]):
        pairs = [(_score(old[i], metric), _score(new[i], metric)) for i in ids]
        kept = [(a, b) for a, b in pairs if a is not None and b is not None]
        if kept:
            first, second = [a for a, _ in kept], [b for _, b in kept]
            rows.extend(differences("second - first", {metric: first}, {metric: second}))
    changed = [(old[i], new[i]) for i in ids if _total(new[i]) != _total(old[i])]
    return {
        "name": name,
        "n": len(ids),
        "only_first": len(old) - len(ids),
        "only_second": len(new) - len(ids),
        "differences": rows,
        "better": [_change(a, b) for a, b in changed if _total(b) > _total(a)],
        "worse": [_change(a, b) for a, b in changed if _total(b) < _total(a)],
    }


def _metrics(record: Mapping[str, Any]) -> list[str]:
    return (
        ["ndcg@10", "recall@10", "mrr@10"] if "ndcg@10" in record else ["handled right", "f1", "evidence@1"]
    )


def _score(record: Mapping[str, Any], metric: str) -> float | None:
    if metric == "handled right":
        return float(record["stage"] is None)
    if metric == "evidence@1":
        return float(record["evidence"] == 1) if record["answerable"] else None
    return float(record[metric])


def _total(record: Mapping[str, Any]) -> tuple[float, float]:
    """What a question is called better or worse by."""
    if "ndcg@10" in record:
        return record["ndcg@10"], 0.0
    return float(record["stage"] is None), float(record["f1"])


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "query_id": before["query_id"],
        "question": before["question"],
        "before": _said(before),
        "after": _said(after),
    }


def _said(record: Mapping[str, Any]) -> str:
    if "ndcg@10" in record:
        return f"nDCG {record['ndcg@10']:.3f}"
    said = json.dumps(record["short"], ensure_ascii=False) if record["found"] else "not in sources"
    return f"{said} ({record['stage'] or 'right'}, F1 {record['f1']:.2f})"


def format_comparison(comparisons: Sequence[Mapping[str, Any]], shown: int | None = _SHOWN) -> str:
    """The comparison as Markdown.

    Args:
        comparisons: from `compare_reports`.
        shown: most questions listed in each direction; None for all.
    """
    parts = []
    for part in comparisons:
        parts.append(f"## {part['name']}: {part['n']} questions in both\n")
        if part["only_first"] or part["only_second"]:
            parts.append(
                f"Left out: {part['only_first']} only in the first, {part['only_second']} only in the second.\n"
            )
        parts.extend(f"{table}\n" for _, table in difference_tables(part))
        for direction in ("better", "worse"):
            rows = part[direction]
            parts.append(f"### {direction.capitalize()}: {len(rows)}\n")
            kept = rows if shown is None else rows[:shown]
            if kept:
                heads = ["question", "before", "after"]
                parts.append(
                    format_table(heads, [[r["question"], r["before"], r["after"]] for r in kept]) + "\n"
                )
            if len(kept) < len(rows):
                parts.append(
                    f"... and {len(rows) - len(kept)} more; name a folder with --out for a list of all.\n"
                )
    return "\n".join(parts)
