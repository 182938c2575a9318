"""What ten million, a hundred million and a thousand million chunks would take: scale.md from measured sizes.

    python -m benchmarks.scale_plan [--vcpu-hour 0.04] [--questions-s 10] ...

Reads the rows of `benchmarks.scale index` (an index in a folder) and of `benchmarks.scale_out` (LanceDB), fits
growth to them, and writes the tables and the picture. All prices are assumptions, and options.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.encoding import table
from benchmarks.scale_growth import GB, PUBLISHED, Assumed, Growth, Need, fit, nodes
from rag.errors import RagError

HERE = Path(__file__).resolve().parent
PLANNED = (10**7, 10**8, 10**9)

# Smaller sizes say more of what is there at any size.
FITTED_FROM = 10_000

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that was measured of each size.

    Attributes:
        name: with its unit.
        of: its value in a row of an index in a folder, and in one of LanceDB; None where there is none.
        digits: behind the point.
        fitted: whether it grows with size in a way that can be fitted.
    """

    name: str
    of: tuple[Callable[[Any], float] | None, Callable[[Any], float] | None]
    digits: int = 0
    fitted: bool = True


def _each(name: str) -> Callable[[Any], float]:
    """What a row has of each chunk, times chunks, in MiB."""
    return lambda row: row[name] * row["size"] / MIB


def _disk(name: str) -> Callable[[Any], float]:
    return lambda row: row["disk"][name] / MIB


MEASURES = {
    "p50": Measure(
        "a question, p50, ms", (lambda r: r["retrieve"]["p50"], lambda r: r["retrieve"]["p50"]), 1
    ),
    "p95": Measure(
        "p95, ms", (lambda r: r["retrieve"]["p95"], lambda r: r["retrieve"]["p95"]), 1, fitted=False
    ),
    "cpu": Measure(
        "processors, p50, ms", (lambda r: r["retrieve"]["cpu"], lambda r: r["retrieve"]["cpu"]), 1
    ),
    "recall": Measure(
        "recall@10 of vectors", (lambda r: r["recall"], lambda r: r["recall"]["vectors"]), 3, fitted=False
    ),
    "recall_words": Measure("of words", (None, lambda r: r["recall"]["words"]), 3, fitted=False),
    "recall_hybrid": Measure("of hybrid search", (None, lambda r: r["recall"]["hybrid"]), 3, fitted=False),
    "disk": Measure("disk, MiB", (_each("disk_bytes"), _disk("all"))),
    "disk_most": Measure("disk while old versions stay, MiB", (None, lambda r: r["disk_most"] / MIB)),
    "at_hand": Measure(
        "of it lists that are searched, MiB",
        (_each("searched_bytes"), lambda r: (r["disk"]["vector index"] + r["disk"]["word index"]) / MIB),
        1,
    ),
    "own": Measure(
        "memory of its own, MiB", (_each("anonymous_bytes"), lambda r: r["open"]["grown_own"] / MIB)
    ),
    "build": Measure(
        "building, s",
        (lambda r: r["build_s"] + r["write_s"], lambda r: r["write_s"] + r["index_s"]),
        1,
    ),
    "build_cpu": Measure("building, processors, s", (None, lambda r: r["write_cpu_s"] + r["index_cpu_s"]), 1),
    "add": Measure("one document more, s", (lambda r: r["add_s"], lambda r: r["change"]["add_s"]), 2),
}

KINDS = ("an index in a folder", "LanceDB")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--folder", type=Path, default=HERE / "scale.json", help="rows of benchmarks.scale index"
    )
    parser.add_argument("--lance", type=Path, default=HERE / "scale_out.json", help="of benchmarks.scale_out")
    parser.add_argument("--out", type=Path, default=HERE / "scale.md")
    parser.add_argument("--images", type=Path, default=HERE.parent / "docs" / "images")
    for name, said, default in Assumed.named():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(
            option, type=type(default), default=default, help=f"{said} (default: {default:g})"
        )
    args = parser.parse_args(argv)
    assumed = Assumed(**{name: getattr(args, name) for name, _, _ in Assumed.named()})
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (args.folder, args.lance)]
    rows = [one["rows"] for one in found]
    growths = [_growths(of, rows[of]) for of in range(len(KINDS))]
    said = _text(found, growths, assumed)
    args.out.write_text(said, encoding="utf-8")
    args.images.mkdir(parents=True, exist_ok=True)
    draw(rows, growths, args.images / "scale_out.png")
    print(said)
    return 0


def _growths(of: int, rows: Sequence[Any]) -> dict[str, Growth]:
    """How each measure grows."""
    used = [row for row in rows if row["size"] >= FITTED_FROM]
    found = {}
    for name, measure in MEASURES.items():
        value = measure.of[of]
        if value is not None and measure.fitted:
            found[name] = fit([row["size"] for row in used], [value(row) for row in used])
    return found


def _text(found: Sequence[Any], growths: Sequence[dict[str, Growth]], assumed: Assumed) -> str:
    """The whole of scale.md."""
    given = ((name, getattr(assumed, name), default) for name, _, default in Assumed.named())
    options = "".join(
        f" --{name.replace('_', '-')} {value:g}" for name, value, default in given if value != default
    )
    parts = [
        f"# A plan in numbers\n\nWritten by `python -m benchmarks.scale_plan{options}`; not by hand. The sizes in "
        "the first two tables were measured, on 2 processors, with real vectors of real text first and then copies "
        "of it with other words and moved vectors (`benchmarks/scale_corpus.py`); encoding is not part of the times. "
        "A question is what the chat asks: vectors and words, joined, the question's own vector included. All beyond "
        "is computed.",
    ]
    for of, kind in enumerate(KINDS):
        rows = found[of]["rows"]
        parts.append(_measured(of, kind, rows, growths[of]))
        parts.append(f"With {_versions(found[of]['versions'])}{_load(rows)}.")
    parts.append(
        "An exponent of 1 means that twice the chunks take twice as much. It is fitted to the sizes from "
        f"{FITTED_FROM:,} on; with three of them it says how they lie, and little of what comes at a thousand times "
        "as many.\n\n![Measured and fitted](../docs/images/scale_out.png)"
    )
    parts.append("## Beyond what was measured\n\n" + _planned(growths, assumed))
    assumptions = table(
        "Assumptions, each an option of the command",
        ("option", "what it is", "value"),
        (
            (f"`--{name.replace('_', '-')}`", said, f"{getattr(assumed, name):g}")
            for name, said, _ in Assumed.named()
        ),
    )
    parts += [assumptions, _honest(growths[1])]
    published = table("What the engines' makers publish", ("engine", "figure", "source"), PUBLISHED)
    parts.append(published)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _measured(of: int, kind: str, rows: Sequence[Any], growth: dict[str, Growth]) -> str:
    lines = []
    for name, measure in MEASURES.items():
        value = measure.of[of]
        if value is None:
            continue
        exponent = f"{growth[name].exponent:.2f}" if name in growth else ""
        lines.append((measure.name, *(f"{value(row):,.{measure.digits}f}" for row in rows), exponent))
    heads = ("", *(f"{row['size']:,}" for row in rows), "exponent")
    return table(f"Measured: {kind}, by chunks", heads, lines)


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _load(rows: Sequence[Any]) -> str:
    loads = [f"{row['load']:.1f}" for row in rows if "load" in row]
    return f"; processes waiting when each size began: {', '.join(loads)}" if loads else ""


def _need(of: int, growth: dict[str, Growth], size: int) -> Need:
    """What some size takes: bytes as for each chunk of the largest size, time as fitted, but not less than there."""
    own = growth["own"].linear(size) if of == 0 else growth["own"].last[1]
    build = growth["build_cpu"] if of else growth["build"]
    return Need(
        disk=growth["disk"].linear(size) * MIB,
        at_hand=growth["at_hand"].linear(size) * MIB,
        own=own * MIB + _LIBRARIES,
        cpu_ms=max(growth["cpu"].at(size), growth["cpu"].last[1]),
        build_s=max(build.at(size), build.linear(size)),
    )


# The process with its models and libraries, before any index.
_LIBRARIES = 3e8


def _planned(growths: Sequence[dict[str, Growth]], assumed: Assumed) -> str:
    lines = []
    for size in PLANNED:
        for of, kind in enumerate(KINDS):
            need = _need(of, growths[of], size)
            made = nodes(size, need, assumed, shared=of == 1)
            p50 = max(growths[of]["p50"].at(size), growths[of]["p50"].last[1])
            lines.append(
                (
                    f"{size:,}", kind, f"{need.disk / GB:,.0f}", f"{need.at_hand / GB:,.0f}", f"{p50:,.0f}",
                    f"{made.n} of {made.vcpus} processors, {made.ram_gb:,} GB, {made.disk_gb:,.0f} GB of disk"
                    + (f", {made.parts} parts" if made.parts > 1 else ""),
                    f"{made.core_hours[0]:,.0f} + {made.core_hours[1]:,.0f}",
                    f"{made.once:,.0f}", f"{made.month:,.0f}",
                )
            )  # fmt: skip
    heads = (
        "chunks", "kept in", "disk, GB", "lists, GB", "p50, ms, fitted", "nodes",
        "processor hours: encoding + building", "once, $", "a month, $",
    )  # fmt: skip
    return table("Nodes and money, computed", heads, lines)


def _honest(lance: dict[str, Growth]) -> str:
    size, _ = lance["disk"].last
    return (
        f"Bytes are those of each chunk at {size:,}, times chunks; times follow the fit, and are not taken below "
        "what was measured. Each replica holds the whole, lists in memory and the rest on its own disk: from an "
        "object store alone a question would be some hundred reads of it (LanceDB's own figure is below). As used "
        "here, LanceDB answers each question on one node; what must be split into parts needs an engine that splits "
        "it (Milvus, LanceDB Enterprise), whose own cost is not in the table. While `rag index` writes, and two "
        "hours after, the disk holds the old state too. The index of a folder lies on each node; copying it there "
        "is not counted, and its lists are those of vectors alone."
    )


def draw(rows: Sequence[Sequence[Any]], growths: Sequence[dict[str, Growth]], path: Path) -> None:
    """Measured points, and the fits to the sizes that are planned."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
    shown = ("p50", "disk", "at_hand", "build")
    for axes, name in zip(panels.flat, shown, strict=True):
        for of, kind in enumerate(KINDS):
            value, growth = MEASURES[name].of[of], growths[of][name]
            if value is None:
                raise RagError(f"{name} was not measured of {kind}; choose another for the picture")
            sizes = [row["size"] for row in rows[of]]
            (line,) = axes.loglog(
                sizes, [value(row) for row in rows[of]], marker="o", linestyle="", label=kind
            )
            beyond = [FITTED_FROM, PLANNED[-1]]
            axes.loglog(beyond, [growth.at(n) for n in beyond], linestyle=":", color=line.get_color())
        axes.set(xlabel="chunks", title=MEASURES[name].name)
        axes.grid(visible=True, which="major", alpha=0.3)
    panels[0, 0].legend()
    figure.suptitle("Measured (dots) and fitted (lines)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
