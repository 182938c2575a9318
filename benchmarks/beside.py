"""Runs several systems over the same passages and questions, each in processes of its own, and judges them.

`benchmarks.tutorial` and `benchmarks.peers` say which systems; `benchmarks/systems/` holds one file a
system. Systems take turns, so that what else the machine does falls on all of them; ratios are those
of a turn, and their median is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encoding import table
from rag.config import Config
from rag.encoder import bundled_model_path, load_encoder
from rag.errors import RagError
from rag.evaluation.answer_metrics import f1_score, holds_answer
from rag.evaluation.confidence_metrics import auroc
from rag.evaluation.datasets import load_dataset, own_seed_questions
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.resources import percentile
from rag.index import Index, update_index
from rag.reader import BUNDLED_READER
from rag.sentences import split_sentences

ROOT = Path(__file__).resolve().parents[1]
MEASURE = Path(__file__).parent / "systems" / "measure.py"


@dataclass(frozen=True)
class System:
    """One row: a file in `benchmarks/systems/`, the Python that runs it, and its settings."""

    name: str
    module: str
    python: str = sys.executable
    settings: dict[str, Any] = field(default_factory=dict)
    shares: str | None = None  # the system whose index it opens; None builds its own

    @property
    def ours(self) -> bool:
        return self.module == "insources_pipeline"


@dataclass
class Figures:
    """What one system took, a value a turn, and what it showed in the first."""

    p50: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    encode: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    cold_work: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    disk: float = 0.0
    shown: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Corpus:
    """Documents, the passages that all systems share, and questions."""

    name: str
    folder: Path
    place: Path
    texts: dict[str, str]
    passages: list[dict[str, Any]]
    questions: list[Question]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--weights", type=Path, required=True, help="the reader's folder with config.json, model.safetensors")
    add("--texts", type=Path, default=ROOT / "seeds", help="folder that the questions are about")
    add("--more", type=Path, default=None, help="folder of other texts, for a second, larger corpus")
    add("--questions", type=Path, default=own_seed_questions(), help="as `rag eval` takes them")
    add("--split", default="dev", help="of the questions: dev, report, all")
    add("--limit", type=int, default=None, help="questions at most")
    add("--rounds", type=int, default=3, help="turns of each system")
    add("--again", type=int, default=60, help="questions at most in all turns but the first")
    add("--cold", type=int, default=5, help="fresh processes of each system")
    add("--k", type=int, default=Config().retrieve.k, help="passages read for a question")
    add("--json", type=Path, default=None, help="file for the figures")
    add("--readme", type=Path, default=None, help="file with the markers for the tables")


def run(args: argparse.Namespace, systems: Sequence[System], name: str) -> str:
    """Every corpus, every system.

    Returns:
        The tables.

    Raises:
        RagError: a system failed, or a folder lacks what is needed.
    """
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        reader = reader_folder(args.weights, work / "reader")
        parts, kept = [], {}
        for corpus in corpora(args, work):
            found = measure(args, systems, corpus, reader)
            parts += [speed_table(corpus, systems, found, args.k), quality_table(corpus, systems, found)]
            kept[corpus.name] = {system.name: vars(found[system.name]) for system in systems}
        parts.append(about(systems))
    if args.json:
        args.json.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    section = "\n".join(parts)
    if args.readme:
        insert(args.readme, name, section)
    return section


def reader_folder(weights: Path, folder: Path) -> Path:
    """The trained reader as transformers opens it: float32, with its tokenizer beside it."""
    from safetensors.numpy import load_file, save_file

    try:
        config = json.loads((weights / "config.json").read_text("utf-8"))
        tensors = load_file(weights / "model.safetensors")
    except OSError as error:
        raise RagError(f"--weights {weights}: {error}; expected config.json and model.safetensors") from error
    folder.mkdir()
    # Kept as float16, which a CPU computes slowly; every system gets what it would get by default.
    save_file(
        {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    config |= {"dtype": "float32", "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    shutil.copy(BUNDLED_READER / "tokenizer.json", folder)
    specials = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    about_words = {"tokenizer_class": "BertTokenizerFast", "model_max_length": 512, "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(specials | about_words), "utf-8")
    return folder


def corpora(args: argparse.Namespace, work: Path) -> Iterator[Corpus]:
    """The texts alone, then with the other ones."""
    data = load_dataset(args.questions)
    if not isinstance(data, QuestionSet):
        raise RagError(f"--questions {args.questions} holds a ranking set; expected questions with answers")
    asked = data.only(args.split, args.limit)
    for number, added in enumerate([None, args.more] if args.more else [None]):
        folder, place = work / f"texts{number}", work / f"ours{number}"
        shutil.copytree(args.texts, folder)
        if added:
            shutil.copytree(added, folder / "more")
        update_index([folder], place, config=Config(), encoder=load_encoder())
        index = Index.load(place)
        passages = [
            {"text": c.text, "doc_id": c.doc_id, "start": c.span.start, "end": c.span.end}
            for c in index.chunks
        ]
        texts = {doc_id: document.text for doc_id, document in index.documents.items()}
        name = f"{len(texts):,} documents, {len(passages):,} passages, {len(asked.questions)} questions"
        yield Corpus(name, folder, place, texts, passages, list(asked.questions))


def measure(
    args: argparse.Namespace, systems: Sequence[System], corpus: Corpus, reader: Path
) -> dict[str, Figures]:
    """Each system builds, answers in turns and starts afresh."""
    jobs = {}
    places = {s.name: corpus.place.with_name(f"{corpus.place.name}-{n}") for n, s in enumerate(systems)}
    found = {system.name: Figures() for system in systems}
    for number, system in enumerate(systems):
        job = {
            "passages": corpus.passages,
            "questions": [question.text for question in corpus.questions],
            "folders": [str(corpus.folder)],
            "encoder": str(bundled_model_path()),
            "reader": str(reader),
            "place": str(places[system.shares or system.name]),
            "batch": 32,
            "k": args.k,
            **system.settings,
        }
        jobs[system.name] = corpus.place.with_name(f"{corpus.place.name}-{number}.json")
        jobs[system.name].write_text(json.dumps(job), "utf-8")
        figures = found[system.name]
        if system.shares:
            figures.encode, figures.whole = found[system.shares].encode, found[system.shares].whole
            figures.disk = found[system.shares].disk
            continue
        built = child(system, "build", jobs[system.name])
        if built["seconds"]["encode"]:
            figures.encode.append(len(corpus.passages) / built["seconds"]["encode"])
        figures.whole.append(len(corpus.passages) / built["seconds"]["whole"])
        figures.disk = built["disk_bytes"]
    for turn in range(args.rounds):
        for system in systems:
            path = jobs[system.name]
            if turn:  # the first told what is shown; the others are for the time
                path = _fewer(path, args.again)
            answered = child(system, "ask", path)
            figures = found[system.name]
            figures.p50.append(percentile(answered["times"], 50) or 0.0)
            figures.p95.append(percentile(answered["times"], 95) or 0.0)
            figures.work.append(answered["processor_ms"])
            figures.resident.append(answered["resident_bytes"])
            figures.shown = figures.shown or answered["shown"]
    for _ in range(args.cold):
        for system in systems:
            started, worked = time.perf_counter(), processor_seconds()
            if system.ours:
                place = json.loads(jobs[system.name].read_text("utf-8"))["place"]
                _done(
                    [sys.executable, "-m", "rag", "ask", corpus.questions[0].text, "--index", place], (0, 1)
                )
            else:
                child(system, "first", jobs[system.name])
            found[system.name].cold.append(time.perf_counter() - started)
            found[system.name].cold_work.append(processor_seconds() - worked)
    return found


def processor_seconds() -> float:
    """What all child processes have used so far, on all cores."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fewer(job: Path, n: int) -> Path:
    """The same job with so many of its questions, spread over them."""
    given = json.loads(job.read_text("utf-8"))
    asked = given["questions"]
    given["questions"] = asked[:: max(1, len(asked) // n)]
    fewer = job.with_suffix(".fewer.json")
    fewer.write_text(json.dumps(given), "utf-8")
    return fewer


def child(system: System, action: str, job: Path) -> dict[str, Any]:
    """What `measure.py` prints."""
    print(f"  {system.name}: {action}", file=sys.stderr, flush=True)
    printed = _done([system.python, str(MEASURE), system.module, action, str(job)], (0,))
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def _done(command: list[str], expected: Sequence[int]) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if done.returncode not in expected:
        last = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise RagError(f"{' '.join(command)} ended with {done.returncode}:\n{last}")
    return done.stdout


def against(values: Sequence[float], ours: Sequence[float]) -> str:
    """How many times ours, turn by turn: the median, and the range where it is worth saying."""
    ratios = [value / own for value, own in zip(values, ours, strict=True)]
    middle = statistics.median(ratios)
    if len(ratios) < 2:
        return f"{middle:.2f}"
    return f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def speed_table(corpus: Corpus, systems: Sequence[System], found: dict[str, Figures], k: int) -> str:
    own = found[next(system.name for system in systems if system.ours)]
    rows = []
    for system in systems:
        f = found[system.name]
        rows.append(
            (
                system.name,
                f"{f.encode[0]:.1f}" if f.encode else "-",
                f"{f.whole[0]:.1f}",
                f"{statistics.median(f.p50):.1f}",
                f"{statistics.median(f.p95):.1f}",
                against(f.p50, own.p50),
                against(f.p95, own.p95),
                f"{statistics.median(f.work):.0f}",
                f"{statistics.median(f.cold):.2f}",
                against(f.cold, own.cold),
                f"{statistics.median(f.cold_work):.2f}",
                f"{f.resident[0] / 2**20:,.0f}",
                f"{f.disk / 2**20:.2f}",
            )
        )
    return table(
        f"Speed: {corpus.name}, {k} passages read unless said",
        ("", "encode chunks/s", "whole index chunks/s", "ask p50 ms", "p95 ms", "p50, times ours",
         "p95, times ours", "processor ms a question", "cold start s", "times ours", "processor s",
         "memory MiB", "index MiB"),
        rows,
    )  # fmt: skip


def quality_table(corpus: Corpus, systems: Sequence[System], found: dict[str, Figures]) -> str:
    heads = (
        "",
        "evidence@1 of the sentence",
        "words",
        "evidence@1 of the passage",
        "words",
        "short answer F1",
        "answerable AUROC",
    )
    rows = [(system.name, *_quality(corpus, found[system.name].shown)) for system in systems]
    return table(f"Quality: {corpus.name}", heads, rows)


def _quality(corpus: Corpus, shown: Sequence[dict[str, Any]]) -> list[str]:
    """Over the answerable questions: does what is shown hold the answer; over all: does the score tell."""
    asked = list(zip(corpus.questions, shown, strict=True))
    golds = [(q.answers, *_texts(corpus, one)) for q, one in asked if q.answerable]
    spans = any("short" in one for one in shown)
    passages = [(passage, answers) for answers, passage, _, _ in golds]
    quotes = [(quote, answers) for answers, _, quote, _ in golds]
    f1 = statistics.mean(f1_score(short, answers) for answers, _, _, short in golds)
    tells = auroc([one["score"] for _, one in asked], [question.answerable for question, _ in asked])
    unknown = ["-", "-"]
    return [
        *(_held(quotes) if spans else unknown),
        *_held(passages),
        f"{100 * f1:.1f}" if spans else "-",
        "-" if tells is None else f"{tells:.3f}",
    ]


def _held(pairs: Sequence[tuple[str, list[str]]]) -> list[str]:
    share = statistics.mean(holds_answer(text, answers) for text, answers in pairs)
    return [f"{100 * share:.1f} %", f"{statistics.median(len(text.split()) for text, _ in pairs):.0f}"]


def _texts(corpus: Corpus, shown: dict[str, Any]) -> tuple[str, str, str]:
    """(passage, sentence, short answer) that a system shows first."""
    if "passage" in shown:
        passage = str(corpus.passages[shown["passage"]]["text"])
        start, end = shown.get("short", (0, 0))
        around = [s for s in split_sentences(passage) if s[0] < end and start < s[1]]
        return passage, passage[around[0][0] : around[-1][1]] if around else "", passage[start:end]
    if "doc_id" not in shown:
        return "", "", ""
    text = corpus.texts[shown["doc_id"]]
    start, end = shown["quote"]

    def shared(passage: dict[str, Any]) -> int:
        if passage["doc_id"] != shown["doc_id"]:
            return 0
        return int(min(end, passage["end"]) - max(start, passage["start"]))

    passage = str(max(corpus.passages, key=shared)["text"])
    short = shown["short"]
    return passage, text[start:end], text[short[0] : short[1]]


def about(systems: Sequence[System]) -> str:
    """Versions of each environment, and the machine."""
    with tempfile.TemporaryDirectory() as temporary:
        job = Path(temporary) / "job.json"
        job.write_text("{}", "utf-8")
        lines = []
        for python in dict.fromkeys(system.python for system in systems):
            names = [system.name for system in systems if system.python == python]
            found = child(System(names[0], "none", python), "versions", job)
            lines.append(f"{'; '.join(names)}: {', '.join(f'{n} {v}' for n, v in found.items())}.")
    return "\n" + "\n".join([*lines, machine()])


def machine() -> str:
    """Processor and how many of them; that nobody else used it can't be promised."""
    info = Path("/proc/cpuinfo")
    model = platform.processor()
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return f"{model}, {cores} cores of a machine that others share; load at the end {load:.1f}."


def insert(readme: Path, name: str, section: str) -> None:
    """Put the tables between the markers of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = readme.read_text("utf-8")
    if begin not in text or end not in text:
        raise RagError(f"{readme} lacks the markers {begin} and {end}; add them where the tables go")
    before, rest = text.split(begin, 1)
    readme.write_text(f"{before}{begin}\n{section.strip()}\n{end}{rest.split(end, 1)[1]}", "utf-8")
