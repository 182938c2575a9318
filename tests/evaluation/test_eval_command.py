"""`rag eval` as typed: exit status, files, one clear line for what is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_fakes import FakePipeline
from test_run import ORDER, QUESTIONS

from rag.cli import main
from rag.evaluation import opening
from rag.evaluation import report as report_module


@pytest.fixture
def squad(tmp_path: Path) -> Path:
    paragraphs: dict[str, Any] = {}
    for question in QUESTIONS.questions[:5]:
        context = str((QUESTIONS.texts or {})[str(question.doc_id)])
        answers = [{"text": gold.text, "answer_start": gold.start} for gold in question.golds]
        paragraphs.setdefault(context, []).append(
            {
                "id": question.query_id,
                "question": question.text,
                "answers": answers,
                "is_impossible": not answers,
            }
        )
    rows = [{"context": context, "qas": qas} for context, qas in paragraphs.items()]
    path = tmp_path / "small.json"
    path.write_text(json.dumps({"data": [{"title": "Sights", "paragraphs": rows}]}), encoding="utf-8")
    return path


@pytest.fixture
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with a pipeline that needs no model; everything else is as in earnest."""

    class Sights(FakePipeline):
        def __init__(self) -> None:
            super().__init__(ORDER)
            self.index.documents = dict(self.index.documents)

    def fake(questions: Any, *args: Any, **kwargs: Any) -> FakePipeline:
        pipeline = Sights()
        # SQuAD's paragraphs are named Sights/0 and so on.
        for doc_id, text in (questions.texts or {}).items():
            known = next(d for d in list(pipeline.index.documents.values()) if d.text == text)
            pipeline.index.documents[doc_id] = known
        return pipeline

    monkeypatch.setattr(opening, "set_pipeline", fake)
    # Pictures take most of the time and are tested elsewhere.
    monkeypatch.setattr(report_module, "draw_all", lambda *args: [])


@pytest.mark.usefixtures("_no_models")
class TestCommand:
    @pytest.mark.parametrize("setting", ["reader", "open"])
    def test_squad(
        self, squad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str
    ) -> None:
        out = tmp_path / "report"
        assert main(["eval", str(squad), "--setting", setting, "--out", str(out)]) == 0
        shown = capsys.readouterr()
        assert "| F1 " in shown.out
        assert "report.md" in shown.err
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        assert (report["n"], report["setting"]) == (5, setting)
        assert report["about"]["command"] == f"rag eval small.json --setting {setting}"
        assert str(tmp_path) not in (out / "report.md").read_text(encoding="utf-8")
        assert report["peak_memory_mib"] > 1

    def test_limit(self, squad: Path, tmp_path: Path) -> None:
        assert main(["eval", str(squad), "--limit", "2", "--out", str(tmp_path / "o")]) == 0
        assert json.loads((tmp_path / "o" / "report.json").read_text())["n"] == 2

    def test_own_questions(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["question", "answer", "split"])
            writer.writerow(["When did the bridge open?", "1932", "dev"])
            writer.writerow(["Who designed the tower?", "", "report"])
        out = tmp_path / "o"
        assert main(["eval", "--questions", str(path), "--index", "some", "--out", str(out)]) == 0
        report = json.loads((out / "report.json").read_text())
        # The half that is never tuned on heads the report.
        assert [run["split"] for run in report["runs"]] == ["report", "dev"]
        assert report["split"] == "report"

    def test_ablations(self, squad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(opening, "rebuild", lambda *args: FakePipeline(ORDER))
        path = tmp_path / "mine.jsonl"
        rows = [{"question": q.text, "answers": q.answers} for q in QUESTIONS.questions]
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        assert main(["eval", str(path), "--ablations", "--out", str(tmp_path / "o")]) == 0
        report = (tmp_path / "o" / "report.md").read_text(encoding="utf-8")
        assert "furniture kept" in report
        assert "95 % interval" in report

    def test_compare(self, squad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for name in ("a", "b"):
            main(["eval", str(squad), "--out", str(tmp_path / name)])
        capsys.readouterr()
        files = [str(tmp_path / name / "report.json") for name in ("a", "b")]
        assert main(["eval", "--compare", *files, "--out", str(tmp_path / "c")]) == 0
        assert "### Better: 0" in capsys.readouterr().out
        assert (tmp_path / "c" / "compare.md").exists()

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["missing.json"], "missing.json: no such file"),
            (["bad.json"], "bad.json: line 1, column 2: not JSON"),
            (["small.json", "bad.json"], "bad.json: line 1"),
            (["small.json", "--split", "dev"], "no question of split 'dev'"),
            (["--questions", "mine.csv", "--setting", "reader"], "--setting open"),
            (["--compare", "bad.json", "bad.json"], "bad.json: line 1"),
            (["small.json", "--out", "bad.json"], "--out bad.json: can't be written"),
        ],
    )
    def test_what_is_wrong_in_one_line(
        self,
        squad: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        args: list[str],
        said: str,
    ) -> None:
        monkeypatch.chdir(squad.parent)
        Path("bad.json").write_text("{", encoding="utf-8")
        Path("mine.csv").write_text("question,answer\nWhen?,now\n", encoding="utf-8")
        assert main(["eval", *args]) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("rag eval:")]
        assert len(lines) == 1
        assert said in lines[0]

    def test_limit_must_be_a_count(self, squad: Path) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["eval", str(squad), "--limit", "0"])
        assert caught.value.code == 2


def test_index_makes_no_sense_for_a_file_with_paragraphs(
    squad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", str(squad), "--index", "x", "--out", str(squad.parent / "o")]) == 2
    assert "brings its own paragraphs" in capsys.readouterr().err


@pytest.mark.slow
def test_seeds_in_earnest(tmp_path: Path) -> None:
    assert main(["eval", "--split", "dev", "--limit", "40", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["n"] == 40
    assert report["citation_exact"] == 1.0
    assert report["recall@5"] == 1.0
    assert report["evidence@1"] > 0.5
