"""The news benchmark's files, and what it says of malformed ones."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from rag.errors import DatasetError


@pytest.fixture(scope="module")
def news() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "news.py"
    spec = importlib.util.spec_from_file_location("news_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_articles_and_questions(news: ModuleType, tmp_path: Path) -> None:
    docs, quiz = tmp_path / "docs.jsonl.gz", tmp_path / "questions.json"
    rows = [
        {"doc_id": "a", "title": "Bridge opens", "text": "It cost 5."},
        {"doc_id": "b", "text": "Nothing."},
    ]
    docs.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    asked = [
        {
            "id": "1",
            "question": "What did it cost?",
            "answers": ["5"],
            "supported": True,
            "supporting": ["a", "b"],
        },
        {"id": "2", "question": "Who paid?", "answers": ["Adams"], "supported": False, "supporting": []},
    ]
    quiz.write_text(json.dumps(asked), encoding="utf-8")
    assert news.load_articles(docs) == {"a": "Bridge opens\n\nIt cost 5.\n", "b": "Nothing.\n"}
    cost, paid = news.load_quiz(quiz).questions
    assert cost.gold_docs == {"a", "b"}
    assert (paid.answerable, paid.kind) == (False, "unsupported")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "docs.jsonl",
            '{"doc_id": "a", "text": "x"}\n{"doc_id": "a", "text": "y"}',
            "line 2, field 'doc_id'",
        ),
        ("docs.jsonl", '{"doc_id": "a"}', "line 1, field 'text': the field is missing"),
        ("questions.json", "{}", "expected a list"),
        ("questions.json", '[{"id": "1"}]', "[0].answers: the field is missing"),
    ],
)
def test_malformed(
    news: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, said: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    load = news.load_articles if name.startswith("docs") else news.load_quiz
    with pytest.raises(DatasetError) as caught:
        load(path)
    assert said in str(caught.value)
    assert news.main([str(tmp_path / "none.jsonl"), str(path), "--out", str(tmp_path / "o")]) == 2
    assert "none.jsonl" in capsys.readouterr().err
