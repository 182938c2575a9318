"""Makes the calibration that comes with the reader: `python -m rag.fitting SQUAD --out rag/models/reader`.

Fitted on development questions only: the development half of the project's own questions over
`seeds/`, and SQuAD 2.0 files, each asked of all its paragraphs at once, which count half as much in all,
because their unanswerable questions (half of them) are written to deceive. They are asked once more in small
collections of a few dozen paragraphs, and with `--among` the first file's among thousands of other paragraphs: how
much there is to find by mistake counts too. A second calibration, for reading given texts without retrieval, is fitted
on the SQuAD questions asked of their own paragraphs.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rag.calibrating import Example, fit, save
from rag.candidates import Candidate, RankWeights
from rag.config import Config
from rag.encoder import load_encoder
from rag.errors import DatasetError
from rag.evaluation.answer_metrics import holds_answer
from rag.evaluation.confidence_metrics import auroc, calibration_error
from rag.evaluation.datasets import own_seed_questions
from rag.evaluation.opening import RememberingEncoder, rebuild, set_pipeline
from rag.evaluation.own_questions import load_questions
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.reading_files import parse_json, read_text
from rag.evaluation.squad_files import load_squad
from rag.pipeline import Considered, Pipeline
from rag.progress import bar

__all__ = ["main"]

READING_FEATURES = ("reader", "answerable")
SQUAD_SHARE = 0.5
# Share of the answerable development questions over seeds/ that are answered.
COVERAGE = 0.915
# The least best cosine of the answerable development questions over seeds/ is 0.27.
FLOOR = 0.2
# Paragraphs in a small collection, at least.
SMALL = 20
Asked = list[tuple[Question, Considered]]


def main(argv: Sequence[str] | None = None) -> int:
    """Fit both calibrations and print how well they do, by cross-validation."""
    parser = argparse.ArgumentParser(prog="python -m rag.fitting", description=__doc__)
    parser.add_argument("squad", type=Path, help="SQuAD 2.0 .json or .json.gz to tune on")
    parser.add_argument("--also", type=Path, help="another such file, never trained on: written articles")
    parser.add_argument(
        "--among", type=Path, help="another: the questions of the first are asked among its paragraphs too"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the reader")
    parser.add_argument(
        "--limit", type=int, default=1500, help="questions of each file to use (default: 1500)"
    )
    parser.add_argument("--cache", type=Path, help="keep document vectors in this file between runs")
    parser.add_argument("--weights", action="store_true", help="only compare weights of the ranking")
    args = parser.parse_args(argv)

    encoder = RememberingEncoder(load_encoder(), args.cache)
    seeds = load_questions(own_seed_questions()).only("dev")
    squad = load_squad(args.squad).only(limit=args.limit)
    seed_pipeline = set_pipeline(seeds, "open", encoder, fitted=False)
    asked = {"seeds": _ask(seed_pipeline, seeds), **_ask_twice(squad, encoder, seed_pipeline)}
    if args.also:
        also = load_squad(args.also).only(limit=args.limit)
        if also.name in asked:
            raise DatasetError(
                f"{args.also} has the name of another set, {also.name!r}; rename one of the files"
            )
        asked.update(_ask_twice(also, encoder, seed_pipeline))
    if args.among:
        many = _among(squad, args.among)
        asked[many.name] = _ask(set_pipeline(many, "open", encoder, fitted=False), many)
    if args.weights:
        _compare_weights(asked)
        return 0
    _fit_open(asked, seed_pipeline, args.out)
    _fit_reading(seed_pipeline, squad, args.out)
    return 0


def _ask(pipeline: Pipeline, questions: QuestionSet) -> Asked:
    with bar(f"asking {questions.name}", unit="question") as progress:
        found = []
        considered = pipeline.consider_many([question.text for question in questions.questions])
        for pair in zip(questions.questions, considered, strict=True):
            found.append(pair)
            progress(len(found), len(questions.questions))
    return found


def _ask_twice(questions: QuestionSet, encoder: RememberingEncoder, like: Pipeline) -> dict[str, Asked]:
    """Asked of all paragraphs of the file at once, and in small collections."""
    small: Asked = []
    for part in _in_small(questions):
        small += _ask(rebuild(part.texts or {}, encoder, Config(), like, fitted=False), part)
    whole = set_pipeline(questions, "open", encoder, fitted=False)
    return {questions.name: _ask(whole, questions), f"{questions.name} in small collections": small}


def _in_small(questions: QuestionSet) -> Iterator[QuestionSet]:
    """The questions with as many of the file's articles as hold `SMALL` paragraphs, one after another."""
    articles: dict[str, dict[str, str]] = {}
    for doc_id, text in (questions.texts or {}).items():
        articles.setdefault(doc_id.rpartition("/")[0], {})[doc_id] = text
    small: list[dict[str, str]] = [{}]
    for texts in articles.values():
        if len(small[-1]) >= SMALL:
            small.append({})
        small[-1].update(texts)
    for together in small:
        held = tuple(question for question in questions.questions if question.doc_id in together)
        if held:
            yield dataclasses.replace(questions, questions=held, texts=together)


def _among(questions: QuestionSet, path: Path) -> QuestionSet:
    """The same questions with another file's paragraphs about: in a large collection more passages look right."""
    found = parse_json(read_text(path), str(path))["data"]
    contexts = [paragraph["context"] for article in found for paragraph in article["paragraphs"]]
    name = f"{questions.name} among {len(contexts):,} more paragraphs"
    others = {f"among/{number}": context for number, context in enumerate(contexts)}
    return dataclasses.replace(questions, name=name, texts={**others, **(questions.texts or {})})


def _examples(asked: Asked, weight: float) -> list[Example]:
    examples = []
    for question, considered in asked:
        if considered.features is not None:
            right = _right(question, considered.candidates[0])
            examples.append(Example(considered.features, right, question.answerable, weight))
    return examples


def _right(question: Question, candidate: Candidate) -> bool:
    return holds_answer(candidate.quote.of(candidate.document.text), question.answers)


def _fit_open(asked: dict[str, Asked], pipeline: Pipeline, out: Path) -> None:
    seeds = _examples(asked["seeds"], 1.0)
    others = {name: found for name, found in asked.items() if name != "seeds"}
    sets = {"seeds": seeds}
    for name, found in others.items():
        sets[name] = _examples(found, SQUAD_SHARE / len(others) * len(asked["seeds"]) / len(found))
    made = fit(
        list(itertools.chain.from_iterable(sets.values())),
        reader_id=pipeline.reader.reader_id,
        fitted_on=f"{len(seeds)} development questions over seeds/"
        + "".join(f", {len(sets[name])} of {name}, open" for name in others),
        rank=pipeline.calibration.rank,
    )
    # The threshold is chosen where users are: on whole articles, not on SQuAD's paragraphs.
    confidences = sorted(made.confidence(e.features) for e in seeds if e.answerable)
    threshold = round(confidences[int(len(confidences) * (1 - COVERAGE))], 4)
    save(dataclasses.replace(made, threshold=threshold, floor=FLOOR), out / "calibration.json")
    print(f"calibration.json: threshold {threshold:.3f}")
    for label, weight in zip(made.features, made.weights, strict=True):
        print(f"  {label:16} {weight:+.2f}")
    for label, examples in sets.items():
        rest = [e for name, some in sets.items() if name != label for e in some]
        _print_held_out(label, examples, rest)


def _print_held_out(label: str, examples: list[Example], rest: list[Example], n_folds: int = 5) -> None:
    """Every fifth of the questions judged by a calibration that has not seen it."""
    said = np.zeros(len(examples))
    order = np.random.default_rng(0).permutation(len(examples))
    for fold in range(n_folds):
        left_out = set(order[fold::n_folds].tolist())
        made = fit(
            [e for i, e in enumerate(examples) if i not in left_out] + rest, reader_id="", fitted_on=""
        )
        for i in left_out:
            said[i] = made.confidence(examples[i].features)
    right = [e.right for e in examples]
    answerable = np.array([e.answerable for e in examples])
    scores = said.tolist()
    quoted = np.mean([e.right for e in examples if e.answerable])
    print(
        f"{label}: right quote {quoted:.3f}, held out: answerable AUROC {auroc(scores, answerable.tolist()):.3f}, "
        f"right AUROC {auroc(scores, right):.3f}, ECE {calibration_error(scores, right):.3f}"
    )
    for coverage in (0.90, 0.93, 0.95):
        cut = float(np.quantile(said[answerable], 1 - coverage))
        refused = np.mean(said[~answerable] < cut)
        print(f"  {coverage:.0%} of the answerable answered: {refused:.1%} of the rest refused")


def _fit_reading(pipeline: Pipeline, squad: QuestionSet, out: Path) -> None:
    texts = dict(squad.texts or {})
    examples = []
    with bar("reading", unit="question") as progress:
        for question in squad.questions:
            doc_id = str(question.doc_id)
            considered = pipeline.consider_texts(question.text, {doc_id: texts[doc_id]})
            examples.extend(_examples([(question, considered)], 1.0))
            progress(len(examples), len(squad.questions))
    made = fit(
        examples,
        reader_id=pipeline.reader.reader_id,
        fitted_on=f"{len(examples)} questions of {squad.name}, each read with its own paragraph",
        names=READING_FEATURES,
        rank=pipeline.reading_calibration.rank,
    )
    save(dataclasses.replace(made, threshold=0.5), out / "calibration_reading.json")
    _print_held_out("reading", examples, [])


def _compare_weights(asked: dict[str, Asked]) -> None:
    """Share of answerable questions whose best quote is right, by the weights of the ranking."""
    now = RankWeights()
    print("retrieval similarity  " + "  ".join(asked))
    for retrieval, similarity in itertools.product((0.0, 10.0, 20.0, 30.0, 40.0), (0.0, 12.0, 18.0, 24.0)):
        weights = RankWeights(retrieval, similarity, now.name_only)
        shares = [np.mean([_right_by(q, c, weights) for q, c in a if q.answerable]) for a in asked.values()]
        print(f"{retrieval:9.1f} {similarity:10.1f}  " + "  ".join(f"{share:.3f}" for share in shares))


def _right_by(question: Question, considered: Considered, weights: RankWeights) -> bool:
    if not considered.candidates:
        return False
    best = max(
        considered.candidates,
        key=lambda c: c.reading.score + weights.retrieval * c.hit.score + weights.similarity * c.similarity,
    )
    return _right(question, best)


if __name__ == "__main__":
    sys.exit(main())
