"""`python -m rag.training train`, from files to a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rag.training.cli import main, parser
from rag.training.commands import corpus_of
from rag.training.data import load_squad
from rag.training.model import Reader


def train(tiny_folder: Path, squad_file: Path, out: Path, *more: str) -> int:
    few = ["--steps", "2", "--batch", "4", "--negatives", "4"]
    start = ["--start", str(tiny_folder), "--out", str(out)]
    return main(["train", "--squad", str(squad_file), *start, *few, *more])


def test_training_leaves_model_log_and_description(
    tiny_folder: Path, squad_file: Path, tmp_path: Path
) -> None:
    assert train(tiny_folder, squad_file, tmp_path, "--seed", "5") == 0
    described = json.loads((tmp_path / "run.json").read_text())
    assert described["recipe"]["seed"] == 5
    assert described["recipe"]["windows seen"] == "8 in 2 steps"
    assert described["data"]["squad2"] == {"questions": 16, "answerable": 9}
    assert (tmp_path / "model" / "config.json").is_file()
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["step"] == 2


def test_no_tuning_paragraph_is_trained_on(squad_file: Path, tmp_path: Path) -> None:
    args = parser().parse_args(["train", "--squad", str(squad_file), "--out", str(tmp_path)])
    tune = load_squad(squad_file, source="tune", leave_out={"Harbour"})
    corpus = corpus_of(args, tune)
    held_out = {p.text for p in tune.paragraphs}
    assert held_out
    assert not held_out & {p.text for p in corpus.paragraphs}
    for q in corpus.questions:
        assert corpus.paragraphs[q.paragraph_idx].title == "Harbour"
        assert all(corpus.paragraphs[i].title == "Harbour" for i in q.elsewhere)


def test_a_reader_between_two_others(tiny_folder: Path, squad_file: Path, tmp_path: Path) -> None:
    train(tiny_folder, squad_file, tmp_path / "run")
    out, trained = tmp_path / "between", tmp_path / "run" / "model"
    assert main(["average", str(tiny_folder), str(trained), "--share", "0.25", "--out", str(out)]) == 0
    first, second, between = (Reader.load(folder).state_dict() for folder in (tiny_folder, trained, out))
    for name, value in between.items():
        torch.testing.assert_close(value, 0.75 * first[name] + 0.25 * second[name])


def test_a_share_beyond_one_is_refused(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "average",
        str(tiny_folder),
        str(tiny_folder),
        "--share",
        "1.5",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(arguments) == 2
    assert "--share is 1.5; expected 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stop-at", "noon"], "is no time"),
        (["--start", "nowhere"], "not a model folder"),
        (["--resume"], "no checkpoint"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str],
    message: str,
    tiny_folder: Path,
    squad_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = ["--steps", "0"] if "--stop-at" in arguments else []
    assert train(tiny_folder, squad_file, tmp_path, *steps, *arguments) == 2
    assert message in capsys.readouterr().err


def test_an_mpnet_is_trained_and_then_teaches_a_bert(
    mpnet_folder: Path,
    tiny_folder: Path,
    squad_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tokenizer = str(mpnet_folder / "tokenizer.json")
    assert train(mpnet_folder, squad_file, tmp_path / "teacher", "--tokenizer", tokenizer) == 0
    teacher = tmp_path / "teacher" / "model"
    assert json.loads((teacher / "config.json").read_text())["architectures"] == ["MPNetForQuestionAnswering"]
    assert train(tiny_folder, squad_file, tmp_path / "alone") == 0
    assert train(tiny_folder, squad_file, tmp_path / "taught", "--teacher", str(teacher)) == 0
    record = ["--teacher-record", str(tmp_path / "record")]
    for out in ("first", "second"):
        assert train(tiny_folder, squad_file, tmp_path / out, "--teacher", str(teacher), *record) == 0
    assert len(list((tmp_path / "record").glob("*.npz"))) == 1, "the second run asked nothing"
    # One that lacks a piece of the student's reads the text in pieces of its own.
    told = json.loads((teacher / "tokenizer.json").read_text("utf-8"))
    del told["model"]["vocab"]["##ing"]
    (teacher / "tokenizer.json").write_text(json.dumps(told), "utf-8")
    assert train(tiny_folder, squad_file, tmp_path / "carried", "--teacher", str(teacher)) == 0
    assert train(tiny_folder, squad_file, tmp_path / "none", "--teacher", str(teacher), *record) == 2
    assert "does not read the student's own windows" in capsys.readouterr().err
    assert train(tiny_folder, squad_file, tmp_path / "none", *record) == 2
    assert "without a --teacher" in capsys.readouterr().err
    names = ("alone", "taught", "carried")
    assert len({(tmp_path / n / "model/model.safetensors").read_bytes() for n in names}) == 3


def test_a_teacher_that_is_none_is_refused(
    tiny_folder: Path, squad_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tiny_folder, squad_file, tmp_path / "out", "--teacher", str(tmp_path)) == 2
    assert "not a question-answering model" in capsys.readouterr().err
