"""The commands that measure speed: each runs with tiny settings, and what they count is right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import beside, floor, many, peers, startup, tutorial
from rag.config import Config
from rag.encoder import load_encoder
from rag.errors import RagError
from rag.evaluation.question_sets import Gold, Question
from rag.index import update_index

TEXTS = {
    "bridge.txt": "The bridge was opened in 1932 by Mayor Adams. It cost five million pounds to build.",
    "tram.txt": "The tram to the harbour runs every ten minutes. A ticket costs two pounds.",
}
PASSAGES = [{"text": t, "doc_id": d, "start": 0, "end": len(t)} for d, t in TEXTS.items()]
QUESTIONS = [
    Question("1", "When was the bridge opened?", (Gold("1932"),)),
    Question("2", "Who designed the tram?"),
]


@pytest.fixture
def corpus(tmp_path: Path) -> beside.Corpus:
    return beside.Corpus("tiny", tmp_path, tmp_path, TEXTS, PASSAGES, QUESTIONS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts, questions about them and the weights of a reader that was never trained."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("made")
    (folder / "texts").mkdir()
    for name, text in TEXTS.items():
        (folder / "texts" / name).write_text(text, "utf-8")
    rows = [
        {
            "id": "1",
            "question": QUESTIONS[0].text,
            "answers": ["1932"],
            "doc_id": "bridge.txt",
            "split": "dev",
        },
        {"id": "2", "question": QUESTIONS[1].text, "answers": [], "split": "dev"},
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    transformers.BertForQuestionAnswering(config).save_pretrained(folder / "weights")
    return folder


def _tiny(made: Path) -> list[str]:
    return [
        "--weights", str(made / "weights"), "--texts", str(made / "texts"), "--rounds", "1", "--cold", "1",
        "--questions", str(made / "questions.jsonl"), "--k", "2",
    ]  # fmt: skip


def test_what_is_shown_is_judged_by_its_words(corpus: beside.Corpus) -> None:
    at = TEXTS["bridge.txt"].index("1932")
    span = {"passage": 0, "short": [at, at + 4], "score": 2.0}
    ours = {"doc_id": "bridge.txt", "quote": [0, 45], "short": [at, at + 4], "score": 0.9}
    none = {"passage": 1, "short": [0, 3], "score": 0.1}
    right = ["100.0 %", "9", "100.0 %", "16", "100.0", "1.000"]
    assert beside._quality(corpus, [span, none]) == right
    assert beside._quality(corpus, [ours, none]) == right
    wrong = {"passage": 1, "short": [4, 8], "score": 0.0}
    assert beside._quality(corpus, [wrong, none]) == ["0.0 %", "9", "0.0 %", "14", "0.0", "0.000"]
    alone = [{"passage": 0, "score": 1.0}, {"passage": 0, "score": 0.5}]
    assert beside._quality(corpus, alone) == ["-", "-", "100.0 %", "16", "-", "1.000"]


def test_ratios_are_of_one_turn() -> None:
    assert beside.against([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == "3.00 (2.00 to 4.00)"
    assert beside.against([3.0], [2.0]) == "1.50"


def test_tables_go_between_their_markers(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("a\n<!-- floor: begin -->\nold\n<!-- floor: end -->\nz\n", "utf-8")
    beside.insert(page, "floor", "\nnew\n")
    assert page.read_text("utf-8") == "a\n<!-- floor: begin -->\nnew\n<!-- floor: end -->\nz\n"
    with pytest.raises(RagError, match="peers: begin"):
        beside.insert(page, "peers", "x")


def test_operations_are_counted_from_the_graph() -> None:
    pytest.importorskip("onnx")
    int8, fp32, read = floor.count(floor.ENCODER_FOLDER / "encoder.onnx", [100, 100])
    layer = 4 * 384 * 384 + 2 * 384 * 1536
    assert int8 + fp32 == pytest.approx(6 * (2 * 100 * layer + 2 * 2 * 100 * 100 * 384), rel=0.01)
    assert read == pytest.approx(6 * layer, rel=0.1)  # a byte each, and biases and norms
    assert int8 > 10 * fp32


def test_the_floor_is_arithmetic_or_reading() -> None:
    work = floor.Work("model", int8=4e9, fp32=1e9, weights=1e7, seconds=0.1)
    assert work.floor(floor.Machine(fp32=1e11, int8=4e11, memory=1e9)) == pytest.approx((0.02, 0.01))


def test_floor_runs(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("matplotlib")
    tiny = ["--n", "2", "--rounds", "1", "--seconds", "0.05", "--images", str(tmp_path)]
    kept = ["--texts", str(made / "texts"), "--json", str(tmp_path / "floor.json")]
    assert floor.main([*tiny, *kept]) == 0
    printed = capsys.readouterr().out
    assert "| encoder on torch, fp32 |" in printed
    assert (tmp_path / "floor.png").stat().st_size > 1_000
    figures = json.loads((tmp_path / "floor.json").read_text("utf-8"))
    assert all(np.isfinite(value) and value > 0 for value in figures["machine"].values())


def test_many_runs(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    update_index([made / "texts"], tmp_path / "index", config=Config(), encoder=load_encoder())
    page = tmp_path / "README.md"
    page.write_text("<!-- many: begin -->\n<!-- many: end -->\n", "utf-8")
    given = ["--index", str(tmp_path / "index"), "--questions", str(made / "questions.jsonl")]
    kept = ["--json", str(tmp_path / "many.json"), "--readme", str(page)]
    assert many.main([*given, *kept, "--rounds", "1", "--seconds", "0", "--batches", "1"]) == 0
    printed = capsys.readouterr().out
    assert "Answers are all the same." in printed
    assert printed.strip() in page.read_text("utf-8")
    ways = json.loads((tmp_path / "many.json").read_text("utf-8"))["ways"]
    # All read the same; only what was encoded before is left out.
    assert len({tuple(sorted(way["lengths"]["reader"])) for way in ways.values()}) == 1
    alone, one, asked_many = (
        sum(ways[name]["lengths"]["encoder"]) for name in (many.ALONE, many.ONE, many.MANY)
    )
    assert one <= asked_many <= alone


def test_arithmetic_is_counted_by_length() -> None:
    pytest.importorskip("onnx")
    rates = floor.Machine(fp32=1e11, int8=4e11, memory=1e9)
    short, long = (many.Taken(lengths={"encoder": [n], "reader": [n, n]}) for n in (50, 100))
    assert 2 < many.arithmetic(long, rates) / many.arithmetic(short, rates) < 2.3
    assert many.arithmetic(many.Taken(lengths={"encoder": [], "reader": []}), rates) == 0


def test_startup_runs(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert startup.main(["--rounds", "1", "--texts", str(made / "texts"), "--no-serve"]) == 0
    printed = capsys.readouterr().out
    assert "| `python -c pass` |" in printed
    assert "| `rag ask` on a ready index |" in printed


@pytest.mark.slow
def test_startup_runs_with_the_server(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert startup.main(["--rounds", "1", "--texts", str(made / "texts")]) == 0
    assert "to its first answer by HTTP" in capsys.readouterr().out


@pytest.mark.slow
def test_tutorial_runs(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tutorial.main(_tiny(made)) == 0
    printed = capsys.readouterr().out
    for name in (
        "insources",
        "insources, nothing kept of other questions",
        "careful: one padded batch, torch",
        "FAISS alone, our encoder",
        "bm25s alone",
    ):
        assert printed.count(f"| {name} |") == 2, name
    assert "question-answering pipeline itself was left out" in printed


def test_bad_weights_are_named(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tutorial.main([*_tiny(made), "--weights", str(tmp_path / "none")]) == 2
    assert "expected config.json and model.safetensors" in capsys.readouterr().err


def test_peers_that_are_not_there(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An environment without them: the command says what is missing, and shows no half a table."""
    no_packages = made / "python"
    no_packages.write_text("#!/bin/sh\necho \"No module named 'txtai'\" >&2\nexit 1\n", "utf-8")
    no_packages.chmod(0o755)
    assert peers.main([*_tiny(made), "--python", str(no_packages), "--only", "txtai"]) == 2
    caught = capsys.readouterr()
    assert "No module named 'txtai'" in caught.err
    assert "|" not in caught.out
