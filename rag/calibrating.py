"""Fitting the decision: features of development questions to one calibrated probability.

Used twice: to make the calibration that comes with the reader, and by `rag calibrate QUESTIONS`
to fit the decision to a user's own corpus.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.abstention import Calibration
from rag.candidates import RankWeights
from rag.encoder import load_encoder
from rag.errors import ConfigError, DatasetError, IndexWriteError, ModelError
from rag.evaluation.answer_metrics import holds_answer
from rag.evaluation.question_sets import QuestionSet
from rag.features import DECIDING
from rag.locations import is_milvus, is_shared
from rag.opening import open_index
from rag.pipeline import Pipeline
from rag.reader import BUNDLED_READER, Reader
from rag.snapshot import CALIBRATION_NAME

__all__ = ["Example", "calibrate_command", "examples_of", "fit", "save"]

MIN_OF_EACH = 10
# A share of wrong answers among fewer than these says little: 0 of 20 is still up to 14 % nineteen times in twenty.
MIN_ANSWERED = 20


@dataclass(frozen=True, slots=True)
class Example:
    """One development question as the pipeline saw it.

    Attributes:
        features: of the best candidate.
        right: whether the sources hold the answer and the quote contains it.
        answerable: whether the sources hold the answer.
        weight: how much it counts in the fit.
    """

    features: dict[str, float]
    right: bool
    answerable: bool
    weight: float = 1.0


def fit(
    examples: Sequence[Example],
    *,
    reader_id: str,
    fitted_on: str,
    coverage: float = 0.95,
    names: Sequence[str] = DECIDING,
    rank: RankWeights | None = None,
    strength: float = 0.1,
) -> Calibration:
    """Fit a logistic model and choose its threshold.

    Args:
        examples: development questions, answerable and not.
        reader_id: sha256 of the reader that the features came from.
        fitted_on: what the questions are, in words.
        coverage: the threshold answers this share of the rightly answerable examples.
        names: features to use.
        rank: as the candidates were ordered with; stored beside.
        strength: inverse of the L2 penalty.

    Raises:
        DatasetError: fewer than ten right or ten wrong examples.
    """
    right = np.array([example.right for example in examples], dtype=bool)
    for kind, n in (("answered right", int(right.sum())), ("not answerable or wrong", int((~right).sum()))):
        if n < MIN_OF_EACH:
            raise DatasetError(
                f"{n} questions are {kind}; at least {MIN_OF_EACH} of each are needed to calibrate; add more"
            )
    from sklearn.linear_model import LogisticRegression

    table = np.array([[example.features[name] for name in names] for example in examples])
    weights = np.array([example.weight for example in examples])
    mean, scale = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-6)
    model = LogisticRegression(C=strength, max_iter=1000).fit(
        (table - mean) / scale, right, sample_weight=weights
    )
    calibration = Calibration(
        reader_id=reader_id,
        features=tuple(names),
        mean=tuple(map(float, mean)),
        scale=tuple(map(float, scale)),
        weights=tuple(map(float, model.coef_[0])),
        bias=float(model.intercept_[0]),
        threshold=0.5,
        rank=rank or RankWeights(),
        fitted_on=fitted_on,
    )
    confidences = np.array([calibration.confidence(example.features) for example in examples])
    threshold = float(np.quantile(confidences[right], 1.0 - coverage))
    curve: list[tuple[float, float, float]] = []
    for cut in np.unique(np.round(confidences, 3)):
        answered = confidences >= cut
        if curve and answered.sum() < MIN_ANSWERED:
            break
        risk = float((weights * answered * ~right).sum() / max(1e-9, (weights * answered).sum()))
        curve.append((float(cut), round(risk, 4), round(float(np.average(answered, weights=weights)), 4)))
    return dataclasses.replace(calibration, threshold=round(threshold, 4), risk_curve=tuple(_thin(curve)))


def _thin(curve: list[tuple[float, float, float]], n: int = 100) -> list[tuple[float, float, float]]:
    step = max(1, len(curve) // n)
    return curve[::step]


def examples_of(pipeline: Pipeline, questions: QuestionSet, *, weight: float = 1.0) -> list[Example]:
    """Ask each question and note what the decision would look at, and whether it should answer.

    Args:
        pipeline: over the documents that the questions are about.
        questions: with gold answers; none means that the documents do not answer.
        weight: how much each counts in the fit.

    Returns:
        One example a question for which anything was retrieved.
    """
    examples = []
    asked = questions.questions
    for question, considered in zip(asked, pipeline.consider_many([one.text for one in asked]), strict=True):
        if considered.features is None:
            continue
        best = considered.candidates[0]
        right = holds_answer(best.quote.of(best.document.text), question.answers)
        examples.append(Example(considered.features, right, question.answerable, weight))
    return examples


def save(calibration: Calibration, path: Path) -> None:
    """Write it as JSON, whole or not at all.

    Raises:
        IndexWriteError: disk full, no permission, or no such folder.
    """
    draft = path.with_name(path.name + ".tmp")
    try:
        draft.write_text(json.dumps(calibration.to_dict(), indent=1) + "\n", encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise IndexWriteError(
            f"the calibration {str(path)!r} can't be written ({error.strerror or error}); expected a folder that "
            "can be written, with some space: mend it and fit again"
        ) from error


def _open(index: str | None) -> Pipeline:
    """The pipeline to fit. Where its calibration can't be used, the reader's own or an unfitted one stands in for it.

    Raises:
        RagError: as `open_pipeline`.
    """
    from rag.asking import default_index, open_pipeline

    try:
        return open_pipeline(index)
    except ModelError as error:
        unusable = error
    opened = open_index(index or default_index())
    encoder, reader = load_encoder(opened.config.encoder), Reader(opened.config.read)
    opened.check_encoder(encoder.encoder_id)
    try:
        before = Calibration.load(BUNDLED_READER / "calibration.json", reader_id=reader.reader_id)
    except ModelError:
        before = Calibration.unfitted()
    print(f"not used: {unusable}", file=sys.stderr)
    return Pipeline(opened, encoder, opened.config, reader, calibration=before)


def _without_report(questions: QuestionSet) -> QuestionSet:
    """The questions that may be tuned on.

    Raises:
        DatasetError: there is none.
    """
    kept = tuple(question for question in questions.questions if question.split != "report")
    if not kept:
        raise DatasetError(
            f"{questions.path}: all {len(questions.questions)} questions have the split 'report', expected some of "
            "'dev' or without: report questions are never fitted on; add others"
        )
    return dataclasses.replace(questions, questions=kept)


def calibrate_command(questions: str, index: str | None) -> int:
    """`rag calibrate QUESTIONS`: fit to the user's own corpus and keep it with its index, for all who ask that.

    Raises:
        ConfigError: an index in Milvus.
        DatasetError: too few questions of a kind, or all of the report split.
        RagError: as `open_pipeline`; as `rag.stores.lance_writing.say`.
    """
    from rag.asking import default_index
    from rag.evaluation.own_questions import load_questions

    if is_milvus(index):
        raise ConfigError(
            f"the index is {index!r}; a calibration is kept in a folder or in LanceDB: calibrate an index of the same "
            "documents there, made with: rag index PATH... --index DIR"
        )
    loaded = load_questions(Path(questions))
    to_fit = _without_report(loaded)
    if n_left := len(loaded.questions) - len(to_fit.questions):
        print(f"{n_left} questions of the split 'report' left out: they are for rag eval, never to fit on")
    pipeline = _open(index)
    examples = examples_of(pipeline, to_fit)
    calibration = fit(
        examples,
        reader_id=pipeline.reader.reader_id,
        fitted_on=f"{len(examples)} questions of {Path(questions).name}",
        rank=pipeline.calibration.rank,
    )
    calibration = dataclasses.replace(
        calibration, floor=pipeline.calibration.floor, encoder_id=pipeline.index.encoder_id
    )
    if is_shared(index):
        from rag.stores.lance import Database
        from rag.stores.lance_writing import say

        place = str(index)
        say(Database(place), "calibration", calibration.to_dict())
    else:
        path = (Path(index) if index else default_index()) / CALIBRATION_NAME
        save(calibration, path)
        place = str(path)
    before = f"{pipeline.calibration.threshold:.2f}" if pipeline.calibration.features else "not fitted"
    print(
        f"{place}: fitted on {len(examples)} questions; answers at confidence {calibration.threshold:.2f} or above "
        f"(before: {before})"
    )
    return 0
