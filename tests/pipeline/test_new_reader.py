"""A reader that no calibration belongs to yet: it is fitted, and then asks."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from rag import Pipeline, fitting
from rag.abstention import READING_RANK, Calibration
from rag.calibrating import save
from rag.candidates import RankWeights
from rag.cli import main
from rag.errors import ModelError
from rag.evaluation.datasets import own_seed_questions
from rag.evaluation.own_questions import load_questions
from rag.evaluation.question_sets import QuestionSet
from rag.reader import BUNDLED_READER, Reader

OTHER = "b" * 64
ASKED = "Who designed the Antikythera mechanism?"
NAMES = ("Ada", "Berta", "Carla", "Dora", "Edith", "Flora", "Greta", "Helga", "Irma", "Julia", "Klara", "Lena",
         "Marta", "Nora", "Olga", "Paula", "Rosa", "Sonja", "Thea", "Ursula")  # fmt: skip


@pytest.fixture
def index(seed_index: Path, tmp_path: Path) -> Path:
    """An index that nothing else asks."""
    return Path(shutil.copytree(seed_index, tmp_path / "own"))


@pytest.fixture
def new_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another reader lay in the package, with the calibrations of the one before."""
    monkeypatch.setattr(Reader, "reader_id", property(lambda self: OTHER))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Some development questions over the seeds."""
    rows = [json.loads(line) for line in own_seed_questions().read_text(encoding="utf-8").splitlines()]
    path = tmp_path / "questions.jsonl"
    dev = [row for row in rows if row["split"] == "dev"]
    path.write_text("".join(json.dumps(row) + "\n" for row in dev[::4]), encoding="utf-8")
    return path


@pytest.mark.usefixtures("new_reader")
def test_a_new_reader_is_calibrated_and_then_asks(
    index: Path, questions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", ASKED, "--index", str(index)]) == 2
    said = capsys.readouterr().err
    assert "reinstall insources, or fit it to the reader with: python -m rag.fitting" in said
    assert main(["calibrate", str(questions), "--index", str(index)]) == 0
    assert "(before: not fitted)" in capsys.readouterr().out
    assert main(["ask", ASKED, "--index", str(index)]) in (0, 1)
    fitted = Pipeline.load(index).calibration
    assert (fitted.reader_id, fitted.rank) == (OTHER, RankWeights())


def test_a_calibration_of_another_reader_in_the_index_is_fitted_again(
    index: Path, questions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled = Calibration.load(BUNDLED_READER / "calibration.json", reader_id=Reader().reader_id)
    save(dataclasses.replace(bundled, reader_id=OTHER, floor=0.9), index / "calibration.json")
    assert main(["ask", ASKED, "--index", str(index)]) == 2
    assert "fit it again with: rag calibrate QUESTIONS --index INDEX" in capsys.readouterr().err
    assert main(["calibrate", str(questions), "--index", str(index)]) == 0
    said = capsys.readouterr()
    assert f"fitted to reader {OTHER[:12]}" in said.err
    # The reader's own stood in for it.
    assert f"(before: {bundled.threshold:.2f})" in said.out
    assert main(["ask", ASKED, "--index", str(index)]) in (0, 1)
    fitted = Pipeline.load(index)
    assert fitted.calibration.floor == bundled.floor
    assert fitted.calibration.encoder_id == fitted.index.encoder_id


def test_a_calibration_of_another_encoder_is_refused(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundled = Calibration.load(BUNDLED_READER / "calibration.json", reader_id=Reader().reader_id)
    assert bundled.encoder_id == ""
    # One that was fitted before encoders were noted is taken as it is.
    save(dataclasses.replace(bundled, threshold=0.4), index / "calibration.json")
    used = Pipeline.load(index)
    assert used.calibration.threshold == 0.4
    save(dataclasses.replace(bundled, encoder_id="sha256:other"), index / "calibration.json")
    assert main(["ask", ASKED, "--index", str(index)]) == 2
    assert (
        f"was fitted with the encoder 'sha256:other', but the index has {used.index.encoder_id!r}; "
        "fit it again with: rag calibrate QUESTIONS --index INDEX"
    ) in capsys.readouterr().err


def test_a_damaged_calibration_in_the_index_is_said(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = index / "calibration.json"
    path.write_bytes(b'{"format": 1, "fitted_on": "caf\xe9"}')
    assert main(["ask", ASKED, "--index", str(index)]) == 2
    said = capsys.readouterr().err
    assert f"the calibration {str(path)!r} can't be read" in said
    assert f"rag calibrate QUESTIONS --index {index}" in said
    path.unlink()
    path.mkdir()
    with pytest.raises(ModelError, match="can't be read"):
        Pipeline.load(index)


def test_report_questions_are_never_fitted_on(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = [{"question": f"What is {n}?", "answer": "", "split": "report"} for n in range(3)]
    others = [
        {"question": "Who wrote it?", "answer": ""},
        {"question": "When?", "answer": "", "split": "dev"},
    ]
    path = tmp_path / "report.jsonl"
    path.write_text("\n".join(map(json.dumps, reports)), encoding="utf-8")
    assert main(["calibrate", str(path), "--index", str(index)]) == 2
    assert (
        "all 3 questions have the split 'report', expected some of 'dev' or without"
        in capsys.readouterr().err
    )
    path.write_text("\n".join(map(json.dumps, reports + others)), encoding="utf-8")
    # The three that are left out would have counted too.
    assert main(["calibrate", str(path), "--index", str(index)]) == 2
    said = capsys.readouterr()
    assert "3 questions of the split 'report' left out" in said.out
    assert not (index / "calibration.json").exists()


@pytest.mark.usefixtures("new_reader")
def test_both_calibrations_of_a_new_reader_are_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fitting, "load_questions", _some)
    articles = [
        {"title": name, "paragraphs": [_paragraph(name, 1900 + number)]} for number, name in enumerate(NAMES)
    ]
    squad = tmp_path / "people.json"
    squad.write_text(json.dumps({"version": "v2.0", "data": articles}), encoding="utf-8")
    assert fitting.main([str(squad), "--out", str(tmp_path)]) == 0
    assert "calibration.json: threshold" in capsys.readouterr().out
    for name, rank in (("calibration", RankWeights()), ("calibration_reading", READING_RANK)):
        assert Calibration.load(tmp_path / f"{name}.json", reader_id=OTHER).rank == rank


def _some(path: Path) -> QuestionSet:
    return load_questions(path).only("dev", limit=30)


def _paragraph(name: str, year: int) -> dict[str, object]:
    context = f"{name} Forde was born in Ghent in {year}. She made clocks for the towers of the city."
    answer = {"text": str(year), "answer_start": context.index(str(year))}
    return {
        "context": context,
        "qas": [
            {
                "id": name,
                "question": f"When was {name} Forde born?",
                "answers": [answer],
                "is_impossible": False,
            },
            {
                "id": f"{name}-no",
                "question": f"Whom did {name} Forde marry?",
                "answers": [],
                "is_impossible": True,
            },
        ],
    }
