"""The report's pictures, by matplotlib where it is installed (extra `eval`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.errors import OptionalDependencyError

__all__ = ["draw_all", "matplotlib_missing"]

_BLUE, _ORANGE, _GREY, _GREEN = "#2f6f9f", "#c8641e", "#8a8f94", "#4c8a3f"
_PALETTE = (_BLUE, _ORANGE, _GREEN, _GREY, "#8d5a97", "#b0313a")


_KS = (1, 5, 10)


def matplotlib_missing() -> OptionalDependencyError | None:
    """The error to show where matplotlib is absent; tables are written all the same."""
    if importlib.util.find_spec("matplotlib") is None:
        return OptionalDependencyError("matplotlib", "eval", "to draw the pictures of a report")
    return None


def draw_all(run: Mapping[str, Any], folder: Path, prefix: str) -> list[tuple[str, str]]:
    """Draws what the run has figures for.

    Args:
        run: one of the report's runs, with its records.
        folder: where the PNG files go.
        prefix: of their names.

    Returns:
        (file name, what it shows) of each.

    Raises:
        OptionalDependencyError: matplotlib is not installed.
    """
    missing = matplotlib_missing()
    if missing is not None:
        raise missing
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Figure objects instead of pyplot: no window system, no global state.
    drawn = []
    pictures: tuple[tuple[str, str, Callable[[Any, Mapping[str, Any], Any], None], Any], ...] = (
        ("risk-coverage", "Risk against coverage", _risk_coverage, run.get("risk_coverage")),
        ("reliability", "Confidence against accuracy", _reliability, run.get("reliability")),
        (
            "confidence",
            "Confidence by kind of question",
            _histograms,
            run.get("reliability") and run["records"],
        ),
        ("recall", "Recall at k", _recall, _recall_series(run)),
        ("latency", "Latency by stage", _latency, run.get("latency")),
    )
    for name, caption, draw, wanted in pictures:
        if not wanted:
            continue
        figure = Figure(figsize=(5.2, 3.6), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes, run, wanted)
        axes.set_title(caption, loc="left", fontsize=10)
        file = f"{prefix}-{name}.png"
        # No software version or date inside, so that the same figures give the same file.
        figure.savefig(folder / file, metadata={"Software": None})
        drawn.append((file, caption))
    return drawn


def _risk_coverage(axes: Any, run: Mapping[str, Any], points: Sequence[Mapping[str, float]]) -> None:
    axes.plot(
        [p["coverage"] for p in points], [p["risk"] for p in points], color=_BLUE, drawstyle="steps-post"
    )
    axes.set(xlabel="coverage: share of questions answered", ylabel="risk: share of those wrong")
    axes.set(xlim=(0, 1), ylim=(0, None))
    answered, right = run.get("answered"), run.get("answered_right")
    if answered and right is not None:
        axes.plot([answered], [1 - right], "o", color=_ORANGE)
        axes.annotate(
            "decision", (answered, 1 - right), textcoords="offset points", xytext=(6, -12), fontsize=8
        )
    axes.text(0.02, 0.95, f"AURC {run['aurc']:.3f}", transform=axes.transAxes, fontsize=8, va="top")


def _reliability(axes: Any, run: Mapping[str, Any], bins: Sequence[Mapping[str, float]]) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--")
    axes.bar(
        [b["low"] for b in bins],
        [b["accuracy"] for b in bins],
        width=[b["high"] - b["low"] for b in bins],
        align="edge", color=_BLUE, alpha=0.35, edgecolor=_BLUE,
    )  # fmt: skip
    axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o", color=_BLUE, markersize=4)
    for b in bins:
        axes.annotate(str(b["n"]), (b["confidence"], b["accuracy"]), textcoords="offset points", xytext=(0, 5),
                      ha="center", fontsize=7)  # fmt: skip
    axes.set(xlabel="confidence", ylabel="share right", xlim=(0, 1), ylim=(0, 1.05))
    axes.text(0.02, 0.95, f"ECE {run['ece']:.3f}", transform=axes.transAxes, fontsize=8, va="top")


def _histograms(axes: Any, run: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> None:
    groups: dict[str, list[float]] = {}
    for record in records:
        kind = "answerable" if record["answerable"] else record["kind"]
        groups.setdefault(kind, []).append(record["confidence"])
    names = sorted(groups, key=lambda kind: (kind != "answerable", kind))
    edges = [i / 20 for i in range(21)]
    for name, colour in zip(names, _PALETTE, strict=False):
        weights = [1 / len(groups[name])] * len(groups[name])
        axes.hist(groups[name], bins=edges, weights=weights, histtype="step", color=colour, linewidth=1.4,
                  label=f"{name.replace('_', ' ')} ({len(groups[name])})")  # fmt: skip
    axes.set(xlabel="confidence", ylabel="share of the kind", xlim=(0, 1))
    axes.legend(fontsize=7, frameon=False)


def _recall_series(run: Mapping[str, Any]) -> dict[str, list[float]]:
    """What is drawn, each at k = 1, 5, 10: every way of ranking, or documents and passages."""
    ways = {mode: (part, "recall") for mode, part in (run.get("modes") or {}).items()}
    if not ways and run.get("recall@1") is not None:
        ways["a document that answers"] = (run, "recall")
    if not run.get("modes") and run.get("passage_recall@1") is not None:
        ways["a passage that holds the answer"] = (run, "passage_recall")
    return {label: [part[f"{name}@{k}"] for k in _KS] for label, (part, name) in ways.items()}


def _recall(axes: Any, run: Mapping[str, Any], series: Mapping[str, Sequence[float]]) -> None:
    for (label, values), colour in zip(series.items(), _PALETTE, strict=False):
        axes.plot(_KS, values, "o-", color=colour, label=label)
    axes.set(xlabel="k", ylabel="recall@k", ylim=(0, 1.02), xticks=_KS)
    axes.legend(fontsize=7, frameon=False)


def _latency(axes: Any, run: Mapping[str, Any], stages: Mapping[str, Mapping[str, float]]) -> None:
    names = sorted(stages, key=lambda stage: (stage != "total", stage), reverse=True)
    places = range(len(names))
    axes.barh(places, [1000 * stages[n]["p95"] for n in names], color=_BLUE, alpha=0.3, label="p95")
    axes.barh(places, [1000 * stages[n]["p50"] for n in names], color=_BLUE, label="p50")
    axes.set_yticks(list(places), names)
    axes.set(xlabel="milliseconds")
    axes.legend(fontsize=7, frameon=False)
