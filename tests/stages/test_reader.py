"""The reader finds short answers at their exact place, over any text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.config import ReadConfig
from rag.errors import ModelError
from rag.pipeline import Pipeline
from rag.reader import BUNDLED_READER, Reader

READER = Reader()


def best(question: str, passage: str) -> str:
    reading = READER.read(question, [passage])[0]
    return passage[reading.start : reading.end]


@pytest.mark.parametrize(
    ("question", "passage", "answer"),
    [
        ("When was the bridge opened?", "The old bridge was opened in 1932 by Mayor Adams.", "1932"),
        ("Who opened the bridge?", "The old bridge was opened in 1932 by Mayor Adams.", "Mayor Adams"),
        ("Who designed the tower?", "The tower was designed by Lena Ortiz. It burned in 1951.", "Lena Ortiz"),
        ("Where did the ship sink?", "The ship sank near Cape Horn in 1899.", "Cape Horn"),
    ],
)
def test_plain_facts(question: str, passage: str, answer: str) -> None:
    assert answer in best(question, passage)


def test_no_answer_scores_below_an_answer() -> None:
    passages = ["The ship sank off Cape Horn in 1899.", "Bread is made of flour, water and salt."]
    scores = {r.passage: r.score for r in reversed(READER.read("When did the ship sink?", passages))}
    assert scores[0] > 0 > scores[1]


def test_scores_do_not_depend_on_what_else_is_read() -> None:
    passages = ["The ship sank off Cape Horn in 1899.", "word " * 150, "Bread is made of flour."]
    together = {r.passage: r for r in reversed(READER.read("When did the ship sink?", passages))}
    alone = READER.read("When did the ship sink?", passages[:1])[0]
    assert (together[0].start, together[0].end) == (alone.start, alone.end)
    # int8 activations are scaled per batch, so scores move a little with their neighbours.
    assert together[0].score == pytest.approx(alone.score, abs=1.0)


def test_an_answer_far_into_a_long_text() -> None:
    passage = "The weather was mild that week. " * 150 + "The ship sank in 1899. " + "Nobody knew. " * 150
    assert best("When did the ship sink?", passage) == "1899"


@pytest.mark.parametrize(
    "question", ["when did the ship sink " * 80, "?", "🙂", "谁打破了沉默？", "谁打破了沉默" * 300]
)
def test_odd_questions(question: str) -> None:
    passage = "The ship sank off Cape Horn in 1899."
    for reading in READER.read(question, [passage]):
        assert 0 <= reading.start < reading.end <= len(passage)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=4))
def test_spans_lie_in_their_passage(passages: list[str]) -> None:
    for reading in READER.read("What is it?", passages):
        assert 0 <= reading.start < reading.end <= len(passages[reading.passage])


def test_nothing_to_read() -> None:
    assert READER.read("who?", []) == []
    assert READER.read("who?", ["", "  "]) == []


def test_best_first_and_at_most_n() -> None:
    readings = READER.read("When?", ["In 1899 and in 1901 and in 1905 it sank."] * 3, n_best=2)
    assert [r.score for r in readings] == sorted((r.score for r in readings), reverse=True)
    assert all(sum(r.passage == p for r in readings) <= 2 for p in range(3))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLED_READER, tmp_path / "reader"))


def test_an_altered_model_is_refused(copy: Path) -> None:
    data = bytearray((copy / "reader.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "reader.onnx").write_bytes(data)
    with pytest.raises(ModelError, match=r"reader\.onnx has sha256"):
        Reader(ReadConfig(model=str(copy))).read("who?", ["She did."])


def test_an_altered_tokenizer_is_refused(copy: Path) -> None:
    with (copy / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ModelError, match=r"tokenizer\.json has sha256"):
        Reader(ReadConfig(model=str(copy))).read("who?", ["She did."])


def test_a_missing_model_says_what_to_do(copy: Path) -> None:
    (copy / "reader.onnx").unlink()
    with pytest.raises(ModelError, match="reinstall"):
        Reader(ReadConfig(model=str(copy))).read("who?", ["She did."])
    (copy / "reader.json").unlink()
    with pytest.raises(ModelError, match=r"rag\.training"):
        Reader(ReadConfig(model=str(copy)))


def test_another_format_is_refused(copy: Path) -> None:
    card = json.loads((copy / "reader.json").read_text())
    (copy / "reader.json").write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(ModelError, match="format is 99"):
        Reader(ReadConfig(model=str(copy)))


LONG = (
    "I went through the old papers that my aunt left me, letters and maps and bills of the town council. " * 5
)


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("When did the ship sink? " * 3, "When did the ship sink? " * 3),
        (LONG + "When did the ship sink?", "When did the ship sink?"),
        ("When did the ship sink? " + LONG, "When did the ship sink?"),
        (LONG + "When did\n the ship sink? Thank you.", "When did the ship sink?"),
        (LONG + "My aunt asks: “When did the ship sink?”", "My aunt asks: “When did the ship sink?”"),
        (LONG + "Tell me when the ship sank.", "Tell me when the ship sank."),
        ("word " * 70, "word " * 69 + "word"),
    ],
)
def test_the_sentence_that_asks(question: str, asked: str) -> None:
    assert READER.asked(question) == asked
    assert READER.asked(asked) == asked


def test_a_question_behind_a_long_preamble_is_read() -> None:
    passage = "The ship sank off Cape Horn in 1899."
    assert READER.read(LONG + "When did the ship sink?", [passage]) == READER.read(
        "When did the ship sink?", [passage]
    )


def test_the_answer_says_which_sentence_of_a_long_question_was_taken() -> None:
    text = "The harbour tunnel\n\nThe harbour tunnel was opened in 1974 by Queen Ingrid after long delays."
    pipeline = Pipeline.from_texts({"h.txt": text, "o.txt": "It rained for a week. The river rose."})
    bare = pipeline.ask("When was the harbour tunnel opened?")
    assert bare.understood is None
    for answer in (
        pipeline.ask(LONG + bare.question),
        pipeline.ask(LONG + bare.question, history=[("Where did it rain?", "It rained for a week.")]),
    ):
        assert (answer.short, answer.understood) == ("1974", bare.question)
        assert answer.confidence == pytest.approx(bare.confidence)
    assert pipeline.read(LONG + bare.question, {"h.txt": text}).understood == bare.question
