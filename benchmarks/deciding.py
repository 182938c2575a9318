"""What reading adds to retrieval, in answers and in the decision to answer or refuse.

Three systems over `seeds/`, each with its own decision, fitted on the development questions and judged
on the report questions:

- retrieval only: the sentence of the retrieved chunks that is nearest to the question; the decision
  sees cosines, BM25 and shared words, never the reader;
- reader only: the reader's best span of the retrieved chunks, by its own scores alone;
- both: what ships.

Then, with both, how many chunks are read, and (given the trained weights) float32 against int8.

    python -m benchmarks.deciding --out DIR [--report FILE] [--weights TRAINED] [--images docs/images]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rag.calibrating import Example, fit
from rag.candidates import RankWeights
from rag.config import Config, ReadConfig, RetrieveConfig
from rag.encoder import load_encoder
from rag.errors import RagError
from rag.evaluation.answer_metrics import holds_answer
from rag.evaluation.confidence_metrics import aurc, auroc, calibration_error, risk_coverage
from rag.evaluation.datasets import own_seed_questions
from rag.evaluation.opening import RememberingEncoder, rebuild, seed_texts
from rag.evaluation.own_questions import load_questions
from rag.evaluation.question_sets import Question
from rag.features import DECIDING
from rag.pipeline import Pipeline
from rag.progress import bar
from rag.reader import BUNDLED_READER, N_BEST, Reader, Reading
from rag.sentences import split_sentences

READS = (1, 2, 4, 8, 12, 16)
WITHOUT_READER = (
    "similarity",
    "retrieval",
    "dense_top",
    "bm25",
    "coverage",
    "names_missing",
    "numbers_missing",
)
READER_ALONE = ("reader", "answerable", "answerable_top")
KINDS = ("near_miss", "far_off", "furniture")


class SentenceReader(Reader):
    """Instead of reading: every sentence of a passage, by its cosine with the question."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self._encoder = encoder

    def read(self, question: str, passages: Sequence[str], n_best: int = N_BEST) -> list[Reading]:
        asked = self._encoder.encode_query(question)
        spans = [(i, a, b) for i, text in enumerate(passages) for a, b in split_sentences(text)]
        if not spans:
            return []
        cosines = self._encoder.encode_document([passages[i][a:b] for i, a, b in spans]) @ asked
        # Ten to the cosine, so that the sentence decides and the chunk's own score breaks near ties.
        found = [
            Reading(i, a, b, 10.0 * float(c), 10.0 * float(c))
            for (i, a, b), c in zip(spans, cosines, strict=True)
        ]
        return sorted(found, key=lambda reading: -reading.score)


@dataclass(frozen=True)
class Seen:
    """One question as a system saw it."""

    question: Question
    features: dict[str, float] | None
    right: bool


@dataclass(frozen=True)
class Judged:
    """A system's confidence in each report question, and its figures."""

    name: str
    seen: list[Seen]
    confidence: list[float]
    figures: dict[str, float]


def ask(pipeline: Pipeline, rank: RankWeights, questions: Sequence[Question], note: str) -> list[Seen]:
    """Every question, up to the decision."""
    pipeline.calibration = replace(pipeline.calibration, rank=rank)
    found = []
    with bar(note, unit="question") as progress:
        for question in questions:
            considered = pipeline.consider(question.text)
            best = considered.candidates[0] if considered.candidates else None
            right = best is not None and holds_answer(best.quote.of(best.document.text), question.answers)
            found.append(Seen(question, considered.features, right))
            progress(len(found), len(questions))
    return found


def judge(name: str, seen: Sequence[Seen], features: Sequence[str], floor: float) -> Judged:
    """Fit the decision on the development questions, judge it on the others."""
    dev = [s for s in seen if s.question.split == "dev" and s.features]
    made = fit(
        [Example(s.features or {}, s.right, s.question.answerable) for s in dev],
        reader_id="", fitted_on="", names=features,
    )  # fmt: skip
    made = replace(made, floor=floor)
    report = [s for s in seen if s.question.split == "report"]
    said = [made.confidence(s.features) if s.features else 0.0 for s in report]
    return Judged(name, report, said, _figures(report, said))


def _figures(seen: Sequence[Seen], said: Sequence[float]) -> dict[str, float]:
    answerable = np.array([s.question.answerable for s in seen])
    kinds = np.array([s.question.kind for s in seen])
    right = [s.right and s.question.answerable for s in seen]
    scores = np.array(said)
    near = answerable | (kinds == "near_miss")
    figures = {
        "evidence@1": float(np.mean([s.right for s in seen if s.question.answerable])),
        "AUROC": auroc(list(said), answerable.tolist()) or 0.0,
        "AUROC near": auroc(scores[near].tolist(), answerable[near].tolist()) or 0.0,
    }
    for share in (0.90, 0.93):
        cut = float(np.quantile(scores[answerable], 1 - share))
        for kind in (kind for kind in KINDS if (kinds == kind).any()):
            figures[f"{kind}@{share:.0%}"] = float(np.mean(scores[kinds == kind] < cut))
    figures["ECE"] = calibration_error(list(said), right) or 0.0
    figures["AURC"] = aurc(list(said), right) or 0.0
    return figures


def table(rows: Sequence[Judged]) -> str:
    """The figures as Markdown."""
    names = list(rows[0].figures)
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for row in rows:
        lines.append(f"| {row.name} | " + " | ".join(f"{row.figures[n]:.3f}" for n in names) + " |")
    return "\n".join(lines)


def draw(before: Judged, after: Judged, folder: Path) -> None:
    """Histograms, risk against coverage and reliability, before and after."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(10.4, 3.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    pair = figure.subplots(1, 2, sharey=True)
    for axes, judged in zip(pair, (before, after), strict=True):
        _histograms(axes, judged)
    figure.savefig(folder / "deciding-histograms.png", metadata={"Software": None})
    figure = Figure(figsize=(10.4, 3.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    left, other = figure.subplots(1, 2)
    for judged, colour in ((before, "#8a8f94"), (after, "#2f6f9f")):
        right = [float(s.right and s.question.answerable) for s in judged.seen]
        points = risk_coverage(judged.confidence, right)
        left.plot([p.coverage for p in points], [p.risk for p in points], color=colour,
                  drawstyle="steps-post", label=f"{judged.name} (AURC {judged.figures['AURC']:.3f})")  # fmt: skip
        edges = np.linspace(0, 1, 11)
        places = np.clip(np.digitize(judged.confidence, edges) - 1, 0, 9)
        kept = [i for i in range(10) if (places == i).any()]
        said = np.array(judged.confidence)
        other.plot(
            [said[places == i].mean() for i in kept], [np.array(right)[places == i].mean() for i in kept],
            "o-", color=colour, label=f"{judged.name} (ECE {judged.figures['ECE']:.3f})",
        )  # fmt: skip
    left.set(xlabel="coverage: share of questions answered", ylabel="risk: share of those wrong", xlim=(0, 1))
    other.plot([0, 1], [0, 1], "--", color="#8a8f94", linewidth=1)
    other.set(xlabel="confidence", ylabel="share right", xlim=(0, 1), ylim=(0, 1.02))
    for axes in (left, other):
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(folder / "deciding-risk.png", metadata={"Software": None})


def _histograms(axes: Any, judged: Judged) -> None:
    edges = np.linspace(0, 1, 21)
    colours = ("#2f6f9f", "#c8641e", "#4c8a3f", "#8d5a97")
    for kind, colour in zip(("answerable", *KINDS), colours, strict=True):
        said = [
            c for s, c in zip(judged.seen, judged.confidence, strict=True)
            if ("answerable" if s.question.answerable else s.question.kind) == kind
        ]  # fmt: skip
        axes.hist(said, bins=edges, weights=[1 / max(1, len(said))] * len(said), histtype="step", color=colour,
                  linewidth=1.4, label=f"{kind.replace('_', ' ')} ({len(said)})")  # fmt: skip
    axes.set(xlabel="confidence", ylabel="share of the kind", xlim=(0, 1))
    axes.set_title(judged.name, loc="left", fontsize=10)
    axes.legend(fontsize=8, frameon=False)


def float_reader(weights: Path, folder: Path) -> Path:
    """The trained weights as a float32 reader's folder."""
    from rag.training.export import to_onnx
    from rag.training.model import Reader as Trained

    folder.mkdir(parents=True, exist_ok=True)
    to_onnx(Trained.load(weights), folder / "reader.onnx", int8=False)
    words = BUNDLED_READER / "tokenizer.json"
    (folder / "tokenizer.json").write_bytes(words.read_bytes())
    card = json.loads((BUNDLED_READER / "reader.json").read_text(encoding="utf-8"))
    for name in ("reader.onnx", "tokenizer.json"):
        card["files"][name]["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "reader.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Asks everything, prints the tables, returns the figures."""
    questions = load_questions(own_seed_questions()).questions
    if args.report:
        dev = [question for question in questions if question.split == "dev"]
        questions = (*dev, *load_questions(args.report).only("report").questions)
    if args.limit:
        questions = questions[:: max(1, len(questions) // args.limit)]
    texts = seed_texts()
    encoder = RememberingEncoder(load_encoder())
    shipped = rebuild(texts, encoder, Config())
    rank, floor = shipped.calibration.rank, shipped.calibration.floor

    def opened(config: Config, reader: Reader | None = None) -> Pipeline:
        pipeline = rebuild(texts, encoder, config)
        if reader is not None:
            pipeline.reader = reader
        return pipeline

    # The sentence's own cosine is its score already.
    sentences = ask(
        opened(Config(), SentenceReader(encoder.plain)), RankWeights(10.0, 0.0, rank.name_only), questions, "sentences"
    )  # fmt: skip
    alone = ask(opened(Config()), RankWeights(0.0, 0.0, 0.0), questions, "reader alone")
    both = ask(opened(Config()), rank, questions, "both")
    systems = [
        judge("retrieval only", sentences, WITHOUT_READER, floor),
        judge("reader only", alone, READER_ALONE, 0.0),
        judge("both", both, DECIDING, floor),
    ]
    said = f"{sum(q.split == 'dev' for q in questions)} development, {len(systems[0].seen)} report questions"
    print(f"\n### Retrieval, reading, both ({said})\n\n{table(systems)}")
    reads = []
    for k in READS:
        config = Config(retrieve=RetrieveConfig(k=k))
        seen = both if k == Config().retrieve.k else ask(opened(config), rank, questions, f"{k} chunks")
        reads.append(judge(f"{k} chunks read", seen, DECIDING, floor))
    print(f"\n### Chunks read\n\n{table(reads)}")
    result: dict[str, Any] = {"systems": _rows(systems), "reads": _rows(reads)}
    if args.weights:
        with tempfile.TemporaryDirectory() as folder:
            reader = Reader(ReadConfig(model=str(float_reader(args.weights, Path(folder) / "reader"))))
            exact = ask(opened(Config(), reader), rank, questions, "float32")
        kinds = [judge("int8", both, DECIDING, floor), judge("float32", exact, DECIDING, floor)]
        print(f"\n### The reader's precision\n\n{table(kinds)}")
        result["precision"] = _rows(kinds)
    if args.images:
        draw(systems[0], systems[-1], args.images)
    return result


def _rows(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    return [{"name": j.name, **j.figures} for j in judged]


def main(argv: Sequence[str] | None = None, note: Callable[[str], object] = sys.stderr.write) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.deciding",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--out", type=Path, help="folder for deciding.json")
    parser.add_argument("--report", type=Path, help="judge on this file's report questions instead")
    parser.add_argument("--weights", type=Path, help="folder of the trained reader, for float32 against int8")
    parser.add_argument("--images", type=Path, help="folder for the pictures")
    parser.add_argument("--limit", type=int, help="about so many questions only, to try the command")
    args = parser.parse_args(argv)
    try:
        result = run(args)
    except RagError as error:
        note(f"benchmarks.deciding: {error}\n")
        return 2
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "deciding.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
