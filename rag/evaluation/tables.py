"""Figures as Markdown tables, which read well on a terminal too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rag.evaluation.records import STAGES

__all__ = ["ablation_tables", "difference_tables", "format_table", "run_tables", "show"]

_FIGURE = re.compile(r"[-+*\[\d]")
_MAIN = (
    ("questions", "n", "count"),
    ("EM", "exact", "percent"),
    ("F1", "f1", "percent"),
    ("HasAns EM", "HasAns_exact", "percent"),
    ("HasAns F1", "HasAns_f1", "percent"),
    ("NoAns accuracy", "NoAns_accuracy", "percent"),
    ("best F1", "best_f1", "percent"),
    ("best F1 threshold (probability of no answer)", "best_f1_thresh", "number"),
    ("F1 of answerable questions, never refused", "answerable_only_f1", "percent"),
    ("answerable AUROC", "answerable_auroc", "number"),
    ("best F1 by the raw score", "score_best_f1", "percent"),
    ("answerable AUROC by the raw score", "score_auroc", "number"),
    ("quote 1 holds the answer (evidence@1)", "evidence@1", "share"),
    ("evidence@3", "evidence@3", "share"),
    ("evidence@5", "evidence@5", "share"),
    ("quote 1 covers the gold place", "evidence_place@1", "share"),
    ("answerable questions answered", "answerable_answered", "share"),
    ("answered questions that are right", "answered_right", "share"),
    ("recall@1", "recall@1", "share"),
    ("recall@5", "recall@5", "share"),
    ("recall@10", "recall@10", "share"),
    ("MRR@10", "mrr@10", "number"),
    ("passage recall@5", "passage_recall@5", "share"),
    ("quotes equal to their source", "citation_exact", "share"),
    ("AURC", "aurc", "number"),
    ("ECE, equal width", "ece", "number"),
    ("ECE, equal mass", "ece_equal_mass", "number"),
    ("latency p50", "latency_p50", "ms"),
    ("latency p95", "latency_p95", "ms"),
    ("peak memory", "peak_memory_mib", "MiB"),
)


def show(value: Any, unit: str = "number") -> str:
    """A figure as text; a dash where there is none.

    >>> show(0.93456, "share"), show(12.3456, "percent"), show(0.0123, "ms"), show(None)
    ('93.5 %', '12.3', '12.3 ms', '-')
    """
    if value is None:
        return "-"
    if unit == "count":
        return f"{value:,}"
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "percent":
        return f"{value:.1f}"
    if unit == "ms":
        return f"{1000 * value:.1f} ms"
    if unit == "MiB":
        return f"{value:,.0f} MiB"
    return f"{value:.3f}"


def format_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with padded columns; those of figures are flush right.

    >>> print(format_table(["what", "n"], [["a|b", "12"]]))
    | what |  n |
    | :--- | -: |
    | a\\|b | 12 |
    """
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in [headings, *rows]]
    widths = [max(2, *(len(row[i]) for row in cells)) for i in range(len(headings))]
    right = [i > 0 and all(_FIGURE.match(row[i]) for row in cells[1:]) for i in range(len(headings))]
    marks = ["-" * (w - 1) + ":" if r else ":" + "-" * (w - 1) for r, w in zip(right, widths, strict=True)]
    lines = [_line(row, widths, right) for row in cells]
    return "\n".join([lines[0], "| " + " | ".join(marks) + " |", *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)]
    return "| " + " | ".join(padded) + " |"


def run_tables(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The tables of one run, each with its heading."""
    if run["kind"] == "ranking":
        return _ranking_tables(run)
    out = [("Figures", format_table(["", "value"], _main_rows(run)))]
    refused = [
        [kind, show(part["n"], "count"), show(part["refused"], "share")]
        + [_refused_at(run, share, kind) for share in run["refused_at_answered"]]
        + [show(run["answerable_auroc_by_kind"].get(kind))]
        for kind, part in run["refused_by_kind"].items()
    ]
    if refused:
        at = [f"at {float(share):.0%} answered" for share in run["refused_at_answered"]]
        out.append(
            (
                "Refused, by kind",
                format_table(["kind", "n", "refused", *at, "AUROC against answerable"], refused),
            )
        )
    kinds = []
    for kind, part in run["evidence_by_kind"].items():
        shares = [show(part[name], "share") for name in ("evidence@1", "evidence@3", "answered")]
        kinds.append([kind, show(part["n"], "count"), *shares, show(part["f1"], "percent")])
    if kinds:
        heads = ["kind", "n", "evidence@1", "evidence@3", "answered", "F1"]
        out.append(("Answerable questions, by kind", format_table(heads, kinds)))
    wrong = [[stage, show(run["stages"][stage], "count"), STAGES[stage]] for stage in STAGES]
    out.append(("Where it went wrong", format_table(["stage", "n", "what that means"], wrong)))
    out.append(("Latency by stage", format_table(["stage", "p50", "p95"], _latency_rows(run))))
    return out + ablation_tables(run)


def _main_rows(run: Mapping[str, Any]) -> list[list[str]]:
    return [[label, show(run[key], unit)] for label, key, unit in _MAIN if run.get(key) is not None]


def _refused_at(run: Mapping[str, Any], share: str, kind: str) -> str:
    at = run["refused_at_answered"][share]
    return show(at["refused_by_kind"][kind]["refused"] if at else None, "share")


def _latency_rows(run: Mapping[str, Any]) -> list[list[str]]:
    return [
        [stage, show(part["p50"], "ms"), show(part["p95"], "ms")] for stage, part in run["latency"].items()
    ]


def _ranking_tables(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    metrics = ("ndcg@10", "recall@1", "recall@5", "recall@10", "recall@100", "mrr@10")
    rows = [[mode, *(show(part[name]) for name in metrics)] for mode, part in run["modes"].items()]
    return [("Ranking", format_table(["retrieval", *metrics], rows)), *difference_tables(run)]


def ablation_tables(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The rows of `--ablations`; nothing where they were not asked for."""
    rows = run.get("ablations")
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row if name != "name"))
    units = {"words shown": "number", "mrr@10": "number"}
    cells = [
        [row["name"], *(show(row.get(name), units.get(name, "share")) for name in names)] for row in rows
    ]
    return [("Ablations", format_table(["", *names], cells)), *difference_tables(run)]


def difference_tables(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Differences with interval and p-value, bold only where significant."""
    rows = []
    for part in run.get("differences", ()):
        mean = f"{part['mean']:+.4f}"
        rows.append(
            [
                part["what"],
                part["metric"],
                f"**{mean}**" if part["p"] < 0.05 else mean,
                f"[{part['low']:+.4f}, {part['high']:+.4f}]",
                f"{part['p']:.4f}",
                str(part["n"]),
            ]
        )
    if not rows:
        return []
    heads = ["difference", "metric", "mean", "95 % interval", "p", "n"]
    return [("Differences (paired; bold where p < 0.05)", format_table(heads, rows))]
