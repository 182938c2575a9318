# ruff: noqa: E402  (what follows needs an optional package)
"""What ships as int8 can be trained on: the restored weights read as the exported ones do."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

onnx = pytest.importorskip("onnx", reason="restoring needs the extra `train` (onnx)")

from rag.errors import ModelError
from rag.reader import BUNDLED_READER
from rag.training.batches import pad
from rag.training.cli import main
from rag.training.data import Corpus
from rag.training.export import onnx_forward, to_onnx
from rag.training.model import Reader
from rag.training.restore import restore
from rag.training.windows import Recipe, Window, WindowMaker


@pytest.fixture
def windows(corpus: Corpus, tokenizer: Tokenizer) -> list[Window]:
    maker = WindowMaker(corpus, tokenizer, Recipe.plain(80))
    return [w for q in corpus.questions if (w := maker.cut(q, random.Random(1))) is not None]


@pytest.mark.parametrize("form", ["whole", "evened", "float32 products"])
def test_every_form_of_export_is_restored(
    tiny_folder: Path, windows: list[Window], tmp_path: Path, form: str
) -> None:
    torch.manual_seed(3)
    reader = Reader.load(tiny_folder).eval()
    evened = windows if form == "evened" else ()
    to_onnx(reader, tmp_path / "reader.onnx", int8=form != "whole", evened=evened)
    back = restore(tmp_path).eval()
    assert {n: v.shape for n, v in back.state_dict().items()} == {
        n: v.shape for n, v in reader.state_dict().items()
    }
    exported = onnx_forward(tmp_path / "reader.onnx", threads=1)(windows)
    near = 1e-4 if form == "whole" else 0.25 * float(np.std(exported[0]))
    batch = pad(windows)
    with torch.inference_mode():
        restored = [logits.numpy() for logits in back(batch.ids, batch.mask, batch.types)]
    for found, expected in zip(restored[:2], exported[:2], strict=True):
        errors = [np.abs(found[i] - expected[i])[: len(w)].mean() for i, w in enumerate(windows)]
        assert float(np.mean(errors)) < near


def test_the_command_leaves_a_folder_to_start_from(
    tiny_folder: Path, squad_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tiny_folder), "--out", str(tmp_path / "int8")]) == 0
    assert main(["restore", str(tmp_path / "int8"), "--out", str(tmp_path / "start")]) == 0
    again = tmp_path / "again"
    start = ["--start", str(tmp_path / "start"), "--tokenizer", str(tmp_path / "start" / "tokenizer.json")]
    data = ["--squad", str(squad_file), "--negatives", "2", "--steps", "1", "--batch", "4"]
    assert main(["train", *data, *start, "--out", str(again)]) == 0
    assert (again / "model" / "model.safetensors").is_file()
    capsys.readouterr()
    assert main(["score", str(again / "model"), "--tune", str(squad_file)]) == 0
    assert json.loads(capsys.readouterr().out)["n"] > 0


def test_the_reader_that_ships_can_be_restored() -> None:
    weights = restore(BUNDLED_READER)
    assert sum(p.numel() for p in weights.parameters()) > 20_000_000


def test_a_folder_without_an_exported_reader_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no reader\.onnx"):
        restore(tiny_folder)
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [])), tmp_path / "reader.onnx")
    with pytest.raises(ModelError, match="expected a reader that `export` wrote"):
        restore(tmp_path)
    (tmp_path / "reader.onnx").write_bytes((BUNDLED_READER / "reader.onnx").read_bytes()[:5_000])
    with pytest.raises(ModelError, match=r"reader\.onnx is damaged"):
        restore(tmp_path)
