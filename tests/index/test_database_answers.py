"""The real pipeline over a database: the answers of the index in a folder. All questions: benchmarks/stores.py."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from keepers import Keeper, every_database, needs_lance

from rag import Pipeline, ask
from rag.asking import open_pipeline
from rag.cli import main
from rag.evaluation.datasets import load_dataset, own_seed_questions
from rag.evaluation.question_sets import QuestionSet


@every_database
def test_commands_and_answers_are_those_of_a_folder(
    keeper: Keeper, pipeline: Pipeline, seeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = str(keeper.place(tmp_path))
    assert main(["index", str(seeds), "--index", uri]) == 0
    assert main(["doctor", "--index", uri]) == 0
    assert f"index: {uri} state 1: 5 documents" in capsys.readouterr().out
    questions = load_dataset(own_seed_questions())
    assert isinstance(questions, QuestionSet)
    dev = [one.text for one in questions.questions if one.split == "dev"]
    for question in dev[:: len(dev) // 12]:
        wanted, got = pipeline.ask(question), ask(question, index=uri)
        assert (got.found, got.text, got.short) == (wanted.found, wanted.text, wanted.short)
        assert got.confidence == pytest.approx(wanted.confidence, abs=1e-5)
        assert [c.quote for c in got.citations] == [c.quote for c in wanted.citations]
    found = next(question for question in dev if pipeline.ask(question).found)
    assert main(["ask", found, "--json", "--index", uri, "--documents", "00*"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == pipeline.ask(found).text
    if keeper.name == "milvus":
        assert main(["calibrate", str(own_seed_questions()), "--index", uri]) == 2
        assert "a calibration is kept in a folder or in LanceDB" in capsys.readouterr().err


@needs_lance
def test_a_calibration_is_every_reader_s_and_stays(
    seeds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri, folder = f"lance://{tmp_path / 'corpus'}", tmp_path / "texts"
    shutil.copytree(seeds, folder)
    assert main(["index", str(folder), "--index", uri]) == 0
    before = open_pipeline(uri).calibration
    kept = [json.loads(line) for line in own_seed_questions().read_text(encoding="utf-8").splitlines()]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in kept[::3]), encoding="utf-8")
    assert main(["calibrate", str(questions), "--index", uri]) == 0
    assert f"{uri}: fitted on" in capsys.readouterr().out
    fitted = open_pipeline(uri).calibration
    assert fitted.fitted_on.endswith("questions of questions.jsonl")
    assert fitted != before
    assert Pipeline.load(uri).calibration == fitted
    (folder / "new.txt").write_text("The tower was built in 1801 by the guild of masons.\n")
    assert main(["index", str(folder), "--index", uri]) == 0
    now = open_pipeline(uri)
    assert "new.txt" in now.index.documents
    assert now.calibration == fitted
