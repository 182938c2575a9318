# ruff: noqa: E402  (what follows needs an optional package)
"""The exported reader gives what the trained one does, and the folder is what the runtime wants."""

from __future__ import annotations

import hashlib
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

onnx = pytest.importorskip("onnx", reason="exporting needs the extra `train` (onnx)")

from rag.errors import ModelError
from rag.training import export as exporting
from rag.training.batches import pad
from rag.training.cli import main
from rag.training.data import Corpus
from rag.training.loop import forward_of
from rag.training.model import Reader
from rag.training.onnx_graph import build_graph, quantise_rows
from rag.training.smoothing import smooth
from rag.training.windows import Recipe, Window, WindowMaker


@pytest.fixture
def windows(corpus: Corpus, tokenizer: Tokenizer) -> list[Window]:
    maker = WindowMaker(corpus, tokenizer, Recipe.plain(80))
    return [w for q in corpus.questions if (w := maker.cut(q, random.Random(1))) is not None]


@pytest.fixture(scope="module")
def folder(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory, squad_file: Path) -> Path:
    """An exported folder, made by the command."""
    out = tmp_path_factory.mktemp("export")
    assert main(["export", str(tiny_folder), "--out", str(out), "--tune", str(squad_file)]) == 0
    return out


@pytest.mark.parametrize("fused", [True, False])
def test_the_graph_gives_what_the_reader_gives(
    tiny_folder: Path, windows: list[Window], tmp_path: Path, fused: bool
) -> None:
    reader = Reader.load(tiny_folder).eval()
    onnx.save(build_graph(reader, int8_words=False, fused_attention=fused), tmp_path / "reader.onnx")
    batch = pad(windows)
    with torch.inference_mode():
        expected = reader(batch.ids, batch.mask, batch.types)
    found = exporting.onnx_forward(tmp_path / "reader.onnx", threads=1)(windows)
    for i, w in enumerate(windows):
        for a, b in zip(expected[:2], found[:2], strict=True):
            np.testing.assert_allclose(a[i, : len(w)].numpy(), b[i, : len(w)], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(expected[2].numpy(), found[2], rtol=1e-4, atol=1e-4)


def test_products_can_run_in_float32_with_stored_int8(
    tiny_folder: Path, windows: list[Window], tmp_path: Path
) -> None:
    reader = Reader.load(tiny_folder)
    whole = forward_of(reader.eval())(windows)

    def error(weight_only: list[str]) -> float:
        exporting.to_onnx(reader, tmp_path / "reader.onnx", int8=True, weight_only=weight_only)
        found = exporting.onnx_forward(tmp_path / "reader.onnx", threads=1)(windows)
        return float(np.mean([np.abs(a - b)[:, 0].mean() for a, b in zip(whole[:2], found[:2], strict=True)]))

    kinds = {n.op_type for n in onnx.load(tmp_path / "reader.onnx").graph.node} if error([""]) else set()
    assert "MatMulInteger" not in kinds
    assert error([""]) <= error([])


def test_a_row_loses_at_most_half_a_step() -> None:
    table = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    table *= np.logspace(-3, 1, 50, dtype=np.float32)[:, None]
    rows, scale = quantise_rows(table)
    assert rows.dtype == np.int8
    assert (np.abs(rows * scale - table) <= scale / 2 * 1.001).all()


def test_int8_scores_stay_near(folder: Path, tiny_folder: Path, windows: list[Window]) -> None:
    reader = Reader.load(tiny_folder).eval()
    whole = forward_of(reader)(windows)
    small = exporting.onnx_forward(folder / "reader.onnx", threads=1)(windows)
    for a, b in zip(whole[:2], small[:2], strict=True):
        spread = float(np.concatenate([a[i, : len(w)] for i, w in enumerate(windows)]).std())
        error = np.concatenate([(a - b)[i, : len(w)] for i, w in enumerate(windows)])
        assert float(np.abs(error).mean()) < 0.25 * spread


def test_the_folder_describes_its_files(folder: Path) -> None:
    described = json.loads((folder / "reader.json").read_text())
    assert described["format"] == exporting.FORMAT
    assert set(described["files"]) == {"reader.onnx", "tokenizer.json"}
    for name, file in described["files"].items():
        data = (folder / name).read_bytes()
        assert file == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert set(described["scores"]) == {"n", "fp32", "int8"}
    card = (folder / "MODEL_CARD.md").read_text()
    assert described["files"]["reader.onnx"]["sha256"] in card
    assert not (folder / "fp32.onnx").exists()


def test_the_runtime_reads_the_folder(folder: Path, corpus: Corpus) -> None:
    from rag.config import ReadConfig
    from rag.reader import Reader as Runtime

    text = corpus.paragraphs[0].text
    readings = Runtime(ReadConfig(model=str(folder))).read("When did the harbour open?", [text])
    assert readings
    assert all(0 <= r.start < r.end <= len(text) for r in readings)


def test_scoring_an_exported_folder(
    folder: Path, squad_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(folder), "--tune", str(squad_file)]) == 0
    described = json.loads((folder / "reader.json").read_text())
    assert json.loads(capsys.readouterr().out) == described["scores"]["int8"]


def test_only_questions_with_such_ids_are_scored(
    folder: Path, corpus: Corpus, squad_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score = ["score", str(folder), "--tune", str(squad_file), "--ids"]
    first = corpus.questions[0].query_id
    assert main([*score, re.escape(first)]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 1
    assert main([*score, "none of them"]) == 2
    assert f"matches none of {len(corpus.questions)} questions" in capsys.readouterr().err
    assert main([*score, "["]) == 2
    assert "'[' is no regular expression" in capsys.readouterr().err


def test_a_reader_too_large_to_ship_is_refused(
    tiny_folder: Path, tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MAX_BYTES", 1000)
    monkeypatch.setattr(exporting, "to_onnx", lambda model, path, **_: path.write_bytes(b"x" * 2000))
    with pytest.raises(ModelError, match="at most 1,000 may ship"):
        exporting.export(tiny_folder, tokenizer_file, tmp_path, about={})


def test_evening_the_channels_changes_what_is_computed_by_rounding_only(
    tiny_folder: Path, windows: list[Window], tmp_path: Path
) -> None:
    reader = Reader.load(tiny_folder)
    found = []
    for evened in (False, True):
        built = build_graph(reader, int8_words=False)
        if evened:
            smooth(built, [exporting._feeds([w]) for w in windows], exporting.STRENGTH)
        onnx.save(built, tmp_path / "whole.onnx")
        found.append(exporting.onnx_forward(tmp_path / "whole.onnx", threads=1)(windows))
    for i, w in enumerate(windows):
        for a, b in zip(found[0][:2], found[1][:2], strict=True):
            np.testing.assert_allclose(a[i, : len(w)], b[i, : len(w)], rtol=1e-3, atol=1e-4)
    exporting.to_onnx(reader, tmp_path / "reader.onnx", int8=True, evened=windows)
    kinds = [n.op_type for n in onnx.load(tmp_path / "reader.onnx").graph.node]
    assert kinds.count("MatMulInteger") > 0
    assert kinds.count("MatMul") == 0
