"""What is taken away: conversations and citations in formats that other programs read."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from rag.datatypes import NOT_IN_SOURCES, Answer, Citation
from rag.web.export import FORMATS, export
from rag.web.feedback import Feedback
from rag.web.options import LIMITS
from rag.web.session import Conversation, Conversations, Problem, Turn
from rag.web.strings import strings

S = strings("en")
NASTY = "50% of A&B_{x} ~ #1 $5 ^ \\ “quoted” <b> *bold*\n[link](x)"


def turns() -> list[Turn]:
    citation = Citation("dir/a b.txt", NASTY, 3, 3 + len(NASTY), NASTY, (3, 6), None, "cd" * 32, 0.9)
    found = Answer("What?", True, NASTY, NASTY[:3], 0.93, (citation, citation))
    refused = Answer("Which?", False, NOT_IN_SOURCES, None, 0.1, (), (citation,), "why not")
    return [
        Turn(1, "What? <i>", found, lines={("dir/a b.txt", 3): 2}, seconds=0.1, asked_at=1e9),
        Turn(2, "Which?", refused, seconds=0.1, asked_at=1e9),
        Turn(3, "", None, Problem("error_empty"), asked_at=1e9),
    ]


def test_markdown_reads_well_and_is_inert() -> None:
    text = export("markdown", turns(), S)["text"]
    assert "> 50% of A\\&B\\_\\{x\\}" in text
    assert "\\<b\\>" in text
    assert not re.search(r"(?<!\\)\[link\]", text)
    assert "Not in the sources" in text
    assert "characters 3–" in text.replace("\\", "")


def test_json_has_every_answer_field() -> None:
    data = json.loads(export("json", turns(), S)["text"])["conversation"]
    assert data[0]["answer"]["text"] == NASTY
    assert data[1]["answer"]["found"] is False
    assert data[2]["answer"] is None
    assert data[0]["asked_at"] == "2001-09-09T01:46:40+00:00"


def test_bibtex_is_balanced_and_escaped() -> None:
    text = export("bibtex", turns(), S)["text"]
    assert text.count("@misc{") == 1
    bare = re.sub(r"\\[{}]|\\text\w+\{\}", "", text)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?<!\\)[%&_#$]", bare)
    assert re.search(r"@misc\{[a-z0-9-]+-[0-9a-f]{8},", text)


def test_csl_is_json_with_ids() -> None:
    items = json.loads(export("csl", turns(), S)["text"])
    assert [item["type"] for item in items] == ["document"]
    assert items[0]["title"] == NASTY
    assert items[0]["id"] in export("bibtex", turns(), S)["text"]


@pytest.mark.parametrize("kind", FORMATS)
def test_names_have_the_right_ending(kind: str) -> None:
    file = export(kind, turns(), S)
    assert file["name"].endswith("." + FORMATS[kind][0])
    assert "/" in file["mime"]


def test_turns_survive_storing() -> None:
    for turn in turns():
        assert Turn.from_dict(json.loads(json.dumps(turn.to_dict()))) == turn


def test_conversations_are_kept_where_switched_on(tmp_path: Path) -> None:
    key = "a" * 32
    first = Conversations(tmp_path / "kept")
    conversation = first.get(key)
    for turn in turns():
        conversation.add(turn)
    first.save(key, conversation)
    again = Conversations(tmp_path / "kept").get(key)
    assert again.turns == turns()
    assert next((tmp_path / "kept").glob("*.json")).stat().st_mode & 0o777 == 0o600
    conversation.turns = []
    first.save(key, conversation)
    assert not list((tmp_path / "kept").glob("*.json"))


@pytest.mark.parametrize("key", ["../../etc/passwd", "visit-x", "A" * 32, "a" * 31])
def test_keys_that_are_none_never_reach_the_disk(tmp_path: Path, key: str) -> None:
    held = Conversations(tmp_path / "kept")
    conversation = held.get(key)
    conversation.add(turns()[0])
    held.save(key, conversation)
    assert not list((tmp_path / "kept").iterdir())


def test_damaged_conversation_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / f"{'b' * 32}.json").write_text("{not json")
    assert Conversations(tmp_path).get("b" * 32).turns == []
    assert (tmp_path / f"{'b' * 32}.damaged").exists()


def test_memory_is_bounded() -> None:
    held = Conversations(limits=dataclasses.replace(LIMITS, conversations=3))
    for i in range(10):
        held.get(f"{i:032x}")
    assert len(held._held) == 3
    conversation = Conversation()
    for _ in range(150):
        conversation.add(turns()[0])
    assert len(conversation.turns) == 100


def test_idle_conversations_leave_memory() -> None:
    now = 0.0
    held = Conversations(limits=dataclasses.replace(LIMITS, idle_seconds=60), clock=lambda: now)
    held.get("old").add(turns()[0])
    now = 50.0
    held.get("new").add(turns()[0])
    now = 61.0
    assert held.get("new").turns
    assert list(held._held) == ["new"]
    assert held.get("old").turns == []
    now = 110.0
    assert held.get("new").turns


def test_right_answers_become_questions_that_eval_reads(tmp_path: Path) -> None:
    from rag.evaluation.datasets import load_dataset

    feedback = Feedback(tmp_path)
    found, refused, problem = turns()
    assert feedback.add(found, "right")
    assert feedback.add(found, "right")
    assert feedback.add(refused, "right")
    assert not feedback.add(problem, "right")
    assert not feedback.add(found, "else")
    path = tmp_path / "feedback.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(x["question"], x["answer"], x["doc_id"]) for x in lines] == [
        ("What? <i>", "50%", "dir/a b.txt"),
        ("Which?", "", ""),
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(load_dataset(path).questions) == 2


def test_wrong_and_missed_wait_for_a_person(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    found, refused, _ = turns()
    feedback.add(found, "right")
    feedback.add(found, "wrong")
    feedback.add(refused, "missed")
    assert (tmp_path / "feedback.jsonl").read_text() == ""
    lines = [json.loads(line) for line in (tmp_path / "feedback-open.jsonl").read_text().splitlines()]
    assert [(x["question"], x["verdict"]) for x in lines] == [("What? <i>", "wrong"), ("Which?", "missed")]
    assert "answer" not in lines[0]


def test_what_a_document_says_of_itself_is_exported() -> None:
    known = dataclasses.replace(
        turns()[0].answer.citations[0],  # type: ignore[union-attr]
        title="Low tide",
        author="Jane {Doe} & Roe",
        date="3 May 2021",
        date_iso="2021-05-03",
        source="The Gull",
    )
    turn = dataclasses.replace(turns()[0], answer=Answer("What?", True, NASTY, None, 0.9, (known,)))
    bibtex = export("bibtex", [turn], S)["text"]
    assert "author = {{Jane \\{Doe\\} \\& Roe}}" in bibtex
    assert "date = {2021-05-03}" in bibtex
    assert "year = {2021}" in bibtex
    assert "organization = {The Gull}" in bibtex
    item = json.loads(export("csl", [turn], S)["text"])[0]
    assert item["author"] == [{"literal": "Jane {Doe} & Roe"}]
    assert item["issued"] == {"date-parts": [[2021, 5, 3]]}
    assert item["publisher"] == "The Gull"
    assert "Low tide, Jane \\{Doe\\} & Roe".replace("&", "\\&") in export("markdown", [turn], S)["text"]
    unsure = dataclasses.replace(known, date="03/05/2021", date_iso=None)
    turn = dataclasses.replace(turn, answer=dataclasses.replace(turn.answer, citations=(unsure,)))
    assert json.loads(export("csl", [turn], S)["text"])[0]["issued"] == {"literal": "03/05/2021"}
