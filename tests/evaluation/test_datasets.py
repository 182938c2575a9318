"""Evaluation files: what is read, and what is said of a malformed one: file, place, field."""

from __future__ import annotations

import copy
import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rag.errors import DatasetError
from rag.evaluation.datasets import load_dataset, own_seed_questions
from rag.evaluation.question_sets import Gold, QuestionSet, RankingSet

SQUAD: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "Bridges",
            "paragraphs": [
                {
                    "context": "The bridge 🌉 opened in 1932.",
                    "qas": [
                        {
                            "id": "q1",
                            "question": " When did it open? ",
                            "is_impossible": False,
                            "answers": [
                                {"text": "1932", "answer_start": 23},
                                {"text": "in 1932", "answer_start": 20},
                            ],
                        },
                        {"id": "q2", "question": "Who paid?", "is_impossible": True, "answers": []},
                    ],
                }
            ],
        }
    ],
}
QA = "data[0].paragraphs[0].qas[0]"


def squad(tmp_path: Path, change: Any = None) -> Path:
    data = copy.deepcopy(SQUAD)
    if change is not None:
        change(data)
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def questions(path: Path) -> QuestionSet:
    data = load_dataset(path)
    assert isinstance(data, QuestionSet)
    return data


class TestSquad:
    @pytest.mark.parametrize("zipped", [False, True])
    def test_read(self, tmp_path: Path, zipped: bool) -> None:
        path = squad(tmp_path)
        if zipped:
            path = tmp_path / "dev.json.gz"
            path.write_bytes(gzip.compress((tmp_path / "dev.json").read_bytes()))
        data = questions(path)
        assert data.name == "dev"
        assert data.texts == {"Bridges/0": "The bridge 🌉 opened in 1932."}
        first, second = data.questions
        assert (first.text, first.doc_id, first.answerable) == ("When did it open?", "Bridges/0", True)
        assert first.golds[0] == Gold("1932", "Bridges/0", 23, 27)
        assert (second.answerable, second.gold_docs, second.doc_id) == (False, frozenset(), "Bridges/0")
        data.check_places(data.texts or {})

    def test_articles_of_one_title_stay_apart(self, tmp_path: Path) -> None:
        def twice(data: Any) -> None:
            other = copy.deepcopy(data["data"][0])
            for number, qa in enumerate(other["paragraphs"][0]["qas"]):
                qa["id"] = f"other{number}"
            data["data"].append(other)

        assert list(questions(squad(tmp_path, twice)).texts or ()) == ["Bridges/0", "Bridges~2/0"]

    @pytest.mark.parametrize(
        ("path", "value", "said"),
        [
            (["data"], "x", ["data: 'x'", "expected a list"]),
            (["data", 0, "paragraphs"], None, ["data[0].paragraphs", "missing"]),
            (["data", 0, "paragraphs", 0, "context"], None, ["data[0].paragraphs[0].context", "missing"]),
            (["data", 0, "paragraphs", 0, "context"], " ", ["data[0].paragraphs[0].context", "blank"]),
            (["data", 0, "paragraphs", 0, "qas", 0], 7, [QA, "expected an object"]),
            (["data", 0, "paragraphs", 0, "qas", 0, "id"], 7, [f"{QA}.id", "expected a string"]),
            (
                ["data", 0, "paragraphs", 0, "qas", 1, "id"],
                "q1",
                ["qas[1].id", "'q1'", f"already used at {QA}"],
            ),
            (["data", 0, "paragraphs", 0, "qas", 0, "question"], "", [f"{QA}.question", "empty"]),
            (
                ["data", 0, "paragraphs", 0, "qas", 0, "question"],
                "x" * 2001,
                [f"{QA}.question", "2001", "2000"],
            ),
            (
                ["data", 0, "paragraphs", 0, "qas", 0, "is_impossible"],
                "no",
                [f"{QA}.is_impossible", "true or false"],
            ),
            (["data", 0, "paragraphs", 0, "qas", 0, "is_impossible"], True, [f"{QA}.answers", "2 answers"]),
            (["data", 0, "paragraphs", 0, "qas", 0, "answers"], [], [f"{QA}.answers", "at least one"]),
            (
                ["data", 0, "paragraphs", 0, "qas", 0, "answers", 1, "text"],
                "",
                [f"{QA}.answers[1].text", "empty"],
            ),
            (
                ["data", 0, "paragraphs", 0, "qas", 0, "answers", 0, "answer_start"],
                24,
                [f"{QA}.answers[0].answer_start", "24", "'1932'", "'932.'"],
            ),
            (
                ["data", 0, "paragraphs", 0, "qas", 0, "answers", 0, "answer_start"],
                -1,
                [f"{QA}.answers[0].answer_start", "-1"],
            ),
            (
                ["data", 0, "paragraphs", 0, "qas", 0, "answers", 0, "answer_start"],
                True,
                [f"{QA}.answers[0].answer_start", "whole number"],
            ),
            (["data"], [], ["data", "no question in the file"]),
        ],
    )
    def test_malformed(self, tmp_path: Path, path: list[Any], value: Any, said: list[str]) -> None:
        def change(data: Any) -> None:
            *way, last = path
            for step in way:
                data = data[step]
            if value is None:
                del data[last]
            else:
                data[last] = value

        file = squad(tmp_path, change)
        with pytest.raises(DatasetError) as caught:
            load_dataset(file)
        for part in [str(file), *said]:
            assert part in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "empty"),
            (b"  \n", "empty"),
            (b'{"data": [', "line 1, column 11"),
            (b'{"data": "\xff"}', "byte 10: not UTF-8"),
            (b"[]", "expected an object with a field 'data'"),
            (gzip.compress(json.dumps(SQUAD).encode())[:-20], "truncated or damaged"),
            (b"[" * 200_000, "JSON"),
        ],
    )
    def test_no_squad_at_all(self, tmp_path: Path, content: bytes, said: str) -> None:
        file = tmp_path / "dev.json"
        file.write_bytes(content)
        with pytest.raises(DatasetError) as caught:
            load_dataset(file)
        assert str(file) in str(caught.value)
        assert said in str(caught.value)

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"no such file or folder; expected a SQuAD"):
            load_dataset(tmp_path / "dev.json")


class TestOwnQuestions:
    def test_csv(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.csv"
        file.write_text(
            '\ufeffquestion,answer,doc_id\r\nWho paid?,"Adams, the mayor",notes/a.txt\r\nWhen?,1932,\r\nWhy?,,\r\n',
            encoding="utf-8",
        )
        who, when, why = questions(file).questions
        assert (who.answers, who.doc_id, who.gold_docs) == (
            ["Adams, the mayor"],
            "notes/a.txt",
            {"notes/a.txt"},
        )
        assert (when.answers, when.gold_docs) == (["1932"], frozenset())
        assert (why.answerable, why.kind) == (False, "unanswerable")

    def test_jsonl(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.jsonl"
        rows = [
            {"question": "Who?", "answer": "Adams"},
            {"question": "When?", "answers": ["1932", "in 1932"], "id": 7, "kind": "date", "split": "dev"},
            {"question": "Where?", "answers": [{"doc_id": "a", "start": 0, "end": 2, "text": "up\u2028"}]},
            {"question": "Why?", "answer": None},
        ]
        file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
        who, when, where, why = questions(file).questions
        assert (who.query_id, who.answers) == ("q1", ["Adams"])
        assert (when.query_id, when.kind, when.split, len(when.golds)) == ("7", "date", "dev", 2)
        assert where.gold_docs == {"a"}
        assert not why.answerable

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("q.csv", "question,reply\nA?,b\n", ["line 1", "'answer'", "no such column"]),
            ("q.csv", "question,answer\nA?,b,c\n", ["line 2", "3 fields under 2", "double quotes"]),
            ("q.csv", "question,answer\nA?\n", ["line 2", "'answer'", "ends early"]),
            ("q.csv", 'question,answer\n"A?,b\n', ["line 2", "not CSV"]),
            ("q.csv", "question,answer\n,b\n", ["line 2", "'question'", "empty"]),
            ("q.csv", 'question,answer\n"A?\nB?",b\nC?,d,e\n', ["line 4", "3 fields"]),
            ("q.csv", "question,answer\nA?,b\nA?,c\n", ["line 3", "'question'", "already on line 2"]),
            ("q.csv", "question,answer\n", ["no question"]),
            ("q.csv", "", ["empty"]),
            ("q.jsonl", '{"question": "A?"}', ["line 1", "'answer'", "missing"]),
            ("q.jsonl", '{"answer": "b"}', ["line 1", "'question'", "missing"]),
            ("q.jsonl", '\n{"question": ', ["line 2", "not JSON"]),
            ("q.jsonl", '"A?"', ["line 1", "expected an object"]),
            ("q.jsonl", '{"question": "A?", "answer": 5}', ["line 1", "'answer'", "expected a string"]),
            ("q.jsonl", '{"question": "A?", "answers": [" "]}', ["line 1", "answers[0]", "empty answer"]),
            (
                "q.jsonl",
                '{"question": "A?", "answer": "", "split": "test"}',
                ["line 1", "'split'", "'report'"],
            ),
            (
                "q.jsonl",
                '{"question": "A?", "answers": [{"doc_id": "a", "start": 5, "end": 5, "text": "b"}]}',
                ["line 1", "[5, 5)", "start < end"],
            ),
            (
                "q.jsonl",
                '{"id": "x", "question": "A?", "answer": ""}\n{"id": "x", "question": "B?", "answer": ""}',
                ["line 2", "'id'", "already on line 1"],
            ),
        ],
    )
    def test_malformed(self, tmp_path: Path, name: str, content: str, said: list[str]) -> None:
        file = tmp_path / name
        file.write_text(content, encoding="utf-8")
        with pytest.raises(DatasetError) as caught:
            load_dataset(file)
        for part in [str(file), *said]:
            assert part in str(caught.value)

    def test_gold_places_are_compared_with_the_documents(self, tmp_path: Path) -> None:
        file = tmp_path / "q.jsonl"
        gold = {"doc_id": "a.txt", "start": 4, "end": 8, "text": "1932"}
        file.write_text(json.dumps({"question": "When?", "answers": [gold]}), encoding="utf-8")
        data = questions(file)
        data.check_places({"a.txt": "in: 1932"})
        with pytest.raises(
            DatasetError, match=r"answer '1932' is not at \[4, 8\) of a.txt, which holds '1933'"
        ):
            data.check_places({"a.txt": "in: 1933"})
        with pytest.raises(DatasetError, match=r"'a\.txt' is not among the 1 documents"):
            data.check_places({"b.txt": "in: 1932"})

    def test_halves_and_limit(self, tmp_path: Path) -> None:
        file = tmp_path / "q.jsonl"
        rows = [{"question": f"{i}?", "answer": "", "split": ("dev", "report")[i % 2]} for i in range(20)]
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        data = questions(file)
        assert len(data.only("dev").questions) == 10
        assert [q.text for q in data.only("all", 4).questions] == ["0?", "5?", "10?", "15?"]
        assert data.only("report", 3) == data.only("report", 3)
        file.write_text(json.dumps({"question": "1?", "answer": ""}), encoding="utf-8")
        with pytest.raises(DatasetError, match="no question of split 'dev'"):
            questions(file).only("dev")

    def test_the_projects_own(self) -> None:
        data = questions(own_seed_questions())
        assert {question.split for question in data.questions} == {"dev", "report"}
        assert any(not question.answerable for question in data.questions)


CORPUS = '{"_id": "d1", "title": "T", "text": "one"}\n{"_id": "d2", "text": "two"}\n'
QUERIES = '{"_id": "q1", "text": "first"}\n{"_id": "q2", "text": "unjudged"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td2\t2\nq1\td1\t0\n"
FILES = {"corpus.jsonl": CORPUS, "queries.jsonl": QUERIES, "qrels/test.tsv": QRELS}


def beir(tmp_path: Path, kind: str, **changes: str | None) -> Path:
    files = {name: text for name, text in {**FILES, **changes}.items() if text is not None}
    if kind == "folder":
        for name, text in files.items():
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "set"
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"set/{name}" if kind == "zip" else name, text)
    return path


@pytest.mark.parametrize("kind", ["folder", "zip", "flat zip"])
class TestBeir:
    def test_read(self, tmp_path: Path, kind: str) -> None:
        data = load_dataset(beir(tmp_path, kind))
        assert isinstance(data, RankingSet)
        assert data.corpus == {"d1": "T one", "d2": "two"}
        assert data.queries == {"q1": "first"}
        assert data.qrels == {"q1": {"d2": 2, "d1": 0}}

    def test_the_only_split_is_taken(self, tmp_path: Path, kind: str) -> None:
        data = load_dataset(beir(tmp_path, kind, **{"qrels/test.tsv": None, "qrels/dev.tsv": QRELS}))
        assert isinstance(data, RankingSet)
        assert data.split == "dev"

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"corpus.jsonl": None}, ["corpus.jsonl", "no such file"]),
            ({"qrels/test.tsv": None}, ["qrels/", "no .tsv"]),
            (
                {"qrels/test.tsv": None, "qrels/a.tsv": QRELS, "qrels/b.tsv": QRELS},
                ["qrels/test.tsv", "['a', 'b']"],
            ),
            (
                {"corpus.jsonl": CORPUS + '{"_id": "d1", "text": "x"}'},
                ["corpus.jsonl", "line 3", "'_id'", "twice"],
            ),
            ({"corpus.jsonl": '{"_id": "d1"}'}, ["corpus.jsonl", "line 1", "'text'", "missing"]),
            ({"queries.jsonl": '{"text": "x"}'}, ["queries.jsonl", "line 1", "'_id'", "missing"]),
            ({"queries.jsonl": ""}, ["queries.jsonl", "empty"]),
            ({"qrels/test.tsv": QRELS + "q1\td1\n"}, ["qrels/test.tsv", "line 4", "2 fields"]),
            ({"qrels/test.tsv": QRELS + "q9\td1\t1\n"}, ["qrels/test.tsv", "line 4", "'query-id'", "'q9'"]),
            ({"qrels/test.tsv": QRELS + "q1\td9\t1\n"}, ["qrels/test.tsv", "line 4", "'corpus-id'", "'d9'"]),
            ({"qrels/test.tsv": QRELS + "q1\td1\thigh\n"}, ["qrels/test.tsv", "line 4", "'score'", "'high'"]),
            ({"qrels/test.tsv": "query-id\tcorpus-id\tscore\n"}, ["qrels/test.tsv", "no judgement"]),
        ],
    )
    def test_malformed(
        self, tmp_path: Path, kind: str, changes: dict[str, str | None], said: list[str]
    ) -> None:
        path = beir(tmp_path, kind, **changes)
        with pytest.raises(DatasetError) as caught:
            load_dataset(path)
        for part in [str(path), *said]:
            assert part in str(caught.value)


def test_no_zip(tmp_path: Path) -> None:
    path = beir(tmp_path, "zip")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match="not a zip archive"):
        load_dataset(path)
