"""Runs to files: report.json, report.md, errors.html, pictures, and predictions for the official script."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rag._version import __version__
from rag.evaluation.errors_page import errors_page
from rag.evaluation.pictures import draw_all, matplotlib_missing
from rag.evaluation.tables import run_tables

__all__ = ["describe_machine", "format_report", "write_report"]

_PACKAGES = (
    "numpy",
    "torch",
    "sentence-transformers",
    "onnxruntime",
    "faiss-cpu",
    "bm25s",
    "tiktoken",
    "sentencex",
)


def describe_machine() -> dict[str, Any]:
    """Hardware, versions and date, so that figures can be compared fairly later."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "insources": __version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def format_report(
    report: Mapping[str, Any], pictures: Mapping[str, Sequence[tuple[str, str]]] | None = None
) -> str:
    """The report as Markdown.

    Args:
        report: as written to report.json.
        pictures: run name to (file, caption).
    """
    about = report["about"]
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    parts = [
        "# Evaluation\n",
        f"insources {about['insources']}, {about['date']}, `{about['command']}`; Python {about['python']}, "
        f"{about['processor']}, {about['cores']} cores; {packages}.\n",
    ]
    for run in report["runs"]:
        parts.append(f"## {run['name']}\n")
        if run.get("note"):
            parts.append(f"{run['note']}\n")
        for heading, table in run_tables(run):
            parts.append(f"### {heading}\n\n{table}\n")
        for file, caption in (pictures or {}).get(run["name"], ()):
            parts.append(f"![{caption}]({file})\n")
    if any(run["kind"] == "questions" for run in report["runs"]):
        parts.append("Every question that went wrong: [errors.html](errors.html)\n")
    return "\n".join(parts)


def write_report(runs: Sequence[Mapping[str, Any]], folder: Path, command: str) -> tuple[str, list[str]]:
    """Writes all files of a report.

    Args:
        runs: at least one; the first one's figures stand at the top level of report.json.
        folder: made if need be; files of the same names are replaced.
        command: as given on the command line.

    Returns:
        The Markdown, and what could not be done (matplotlib missing).
    """
    folder.mkdir(parents=True, exist_ok=True)
    first = {name: value for name, value in runs[0].items() if name != "records"}
    report = {**first, "about": {**describe_machine(), "command": command}, "runs": list(runs)}
    pictures: dict[str, list[tuple[str, str]]] = {}
    missing = matplotlib_missing()
    for run in runs:
        prefix = _slug(run["name"])
        if missing is None:
            pictures[run["name"]] = draw_all(run, folder, prefix)
        if run["kind"] == "questions":
            _write_predictions(run, folder, prefix)
    text = format_report(report, pictures)
    (folder / "report.json").write_text(
        json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    (folder / "report.md").write_text(text, encoding="utf-8")
    (folder / "errors.html").write_text(errors_page(runs), encoding="utf-8")
    return text, [str(missing)] if missing else []


def _write_predictions(run: Mapping[str, Any], folder: Path, prefix: str) -> None:
    """What the official script takes: candidates by id, and their probabilities of no answer."""
    candidates = {record["query_id"]: record["short"] for record in run["records"]}
    no_answer = {record["query_id"]: 1.0 - record["confidence"] for record in run["records"]}
    for name, values in (("predictions", candidates), ("na-prob", no_answer)):
        text = json.dumps(values, ensure_ascii=False, indent=0)
        (folder / f"{prefix}-{name}.json").write_text(text + "\n", encoding="utf-8")


def _slug(name: str) -> str:
    """A file name's beginning.

    >>> _slug("tune (open)")
    'tune-open'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
