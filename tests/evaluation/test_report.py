"""Files of a report: complete, escaped, the same every time, and comparable with another."""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from evaluation_fakes import TEXTS, FakePipeline
from test_run import ORDER, QUESTIONS

from rag.errors import DatasetError
from rag.evaluation import report as report_module
from rag.evaluation.compare import compare_reports, format_comparison
from rag.evaluation.errors_page import errors_page
from rag.evaluation.question_sets import RankingSet
from rag.evaluation.ranking_run import rank_all
from rag.evaluation.report import write_report
from rag.evaluation.run import ask_all
from rag.evaluation.summary import summarize


def make_run(pipeline: FakePipeline | None = None) -> dict[str, Any]:
    records = ask_all(pipeline or FakePipeline(ORDER), QUESTIONS)
    return {
        "name": "small (open)",
        "kind": "questions",
        "setting": "open",
        **summarize(records),
        "peak_memory_mib": 100.0,
        "records": [record.to_dict() for record in records],
    }


def test_files(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    text, problems = write_report([make_run()], tmp_path, "rag eval small.json")
    assert problems == []
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["n"] == report["runs"][0]["n"] == 6
    assert len(report["runs"][0]["records"]) == 6
    assert "records" not in report
    assert report["about"]["command"] == "rag eval small.json"
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == text
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {
        f"small-open-{name}.png"
        for name in ("risk-coverage", "reliability", "confidence", "recall", "latency")
    }
    assert all(f"]({name})" in text for name in pictures)
    assert json.loads((tmp_path / "small-open-predictions.json").read_text())["q0"] == "1932"
    assert json.loads((tmp_path / "small-open-na-prob.json").read_text())["q0"] == pytest.approx(0.05)


def test_pictures_are_the_same_every_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one", "two"):
        write_report([make_run()], tmp_path / name, "rag eval")
    for path in (tmp_path / "one").glob("*.png"):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_without_matplotlib_tables_come_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.errors import OptionalDependencyError

    missing = OptionalDependencyError("matplotlib", "eval", "to draw the pictures of a report")
    monkeypatch.setattr(report_module, "matplotlib_missing", lambda: missing)
    text, problems = write_report([make_run()], tmp_path, "rag eval")
    assert "evidence@1" in text
    assert 'pip install "insources[eval]"' in problems[0]
    assert not list(tmp_path.glob("*.png"))


def test_matplotlib_is_not_loaded_for_tables() -> None:
    assert "matplotlib.pyplot" not in sys.modules


class Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_errors_page_lists_what_went_wrong_escaped() -> None:
    run = make_run()
    nasty = '<script>alert("x")</script><img src=x onerror=y>'
    for field in ("question", "quote", "short", "doc_id", "reason", "query_id", "kind"):
        run["records"][1][field] = nasty
    run["records"][1]["golds"] = [nasty]
    run["name"] = nasty
    page = Collector()
    page.feed(errors_page([run]))
    assert not page.tags & {"script", "img"}
    assert page.text.count(nasty) >= 8
    for question in ("How tall is the tower?", "Who designed the tower?"):
        assert question in page.text
    assert "When did the bridge open?" not in page.text
    for stage in ("wrong span", "wrongly refused", "wrongly answered"):
        assert stage in page.text


def write(tmp_path: Path, name: str, run: dict[str, Any]) -> Path:
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps({"runs": [run]}), encoding="utf-8")
    return path


def test_compare_question_by_question(tmp_path: Path) -> None:
    before, after = make_run(), make_run()
    right = next(r for r in after["records"] if r["query_id"] == "q1")
    right.update(short="Mayor Adams", exact=1.0, f1=1.0, evidence=1, stage=None, outcome="right answer")
    worse = next(r for r in after["records"] if r["query_id"] == "q5")
    worse.update(found=True, short="dusk", f1=0.0, stage="wrongly answered")
    (found,) = compare_reports(write(tmp_path, "a", before), write(tmp_path, "b", after))
    assert [row["query_id"] for row in found["better"]] == ["q1"]
    assert [row["query_id"] for row in found["worse"]] == ["q5"]
    means = {row["metric"]: row["mean"] for row in found["differences"]}
    assert means == pytest.approx({"handled right": 0.0, "f1": 0.0, "evidence@1": 1 / 3})
    text = format_comparison([found])
    assert "### Better: 1" in text
    assert '"Mayor Adams" (right, F1 1.00)' in text
    assert "**" not in text  # nothing significant on six questions


def test_compare_with_itself(tmp_path: Path) -> None:
    path = write(tmp_path, "a", make_run())
    (found,) = compare_reports(path, path)
    assert found["better"] == found["worse"] == []
    assert all(row["p"] == 1.0 for row in found["differences"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"runs": []}', "expected one in common"),
        ('{"runs": [{"name": "x"}]}', "runs[0].records"),
        ('{"n": 3}', "runs: no such list"),
        ("[]", "runs: no such list"),
        ("{", "not JSON"),
        ('{"runs": [{"name": "small (open)", "records": []}]}', "share no question id"),
    ],
)
def test_compare_refuses_what_is_no_report(tmp_path: Path, content: str, said: str) -> None:
    good, bad = write(tmp_path, "a", make_run()), tmp_path / "b.json"
    bad.write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        compare_reports(good, bad)
    assert said in str(caught.value)
    assert str(bad) in str(caught.value)


def test_ranking_report(tmp_path: Path) -> None:
    data = RankingSet("beir set", "beir", TEXTS, {"q": "tower?"}, {"q": {"tower.txt": 1}})
    run = {"name": "beir set (test)", "kind": "ranking", **rank_all(FakePipeline().retriever, data)}
    text, _ = write_report([run], tmp_path, "rag eval beir")
    assert "| hybrid" in text
    assert "hybrid - bm25" in text
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {"ndcg@10", "recall@5", "mrr@10", "n"} <= report.keys()
    (found,) = compare_reports(tmp_path / "report.json", tmp_path / "report.json")
    assert found["n"] == 1
