"""The bundled encoder is the one that it says, and gives unit vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag import encoder as module
from rag.config import EncoderConfig
from rag.encoder import bundled_model_path, check_sha256, load_encoder
from rag.errors import ModelError


def test_meaning_is_near() -> None:
    encoder = load_encoder()
    rows = encoder.encode_document(
        ["The cat sat on the mat.", "Interest rates rose.", "A kitten lay on the rug."]
    )
    assert rows.shape == (3, encoder.dim)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
    query = encoder.encode_query("Where is the cat?")
    assert query.shape == (encoder.dim,)
    scores = rows @ query
    assert scores[0] > scores[2] > scores[1]


def test_batches_and_order_do_not_matter() -> None:
    texts = [f"Sentence {n} " + "and more " * (n % 7) for n in range(20)]
    one = load_encoder(EncoderConfig(batch_size=1)).encode_document(texts)
    many = load_encoder(EncoderConfig(batch_size=8)).encode_document(texts)
    assert np.abs(one - many).max() < 1e-4


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in bundled_model_path().rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(bundled_model_path())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    weights = bytearray((tmp_path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    monkeypatch.setattr(module, "bundled_model_path", lambda: tmp_path)
    with pytest.raises(ModelError, match=r"sha256 .* expected 53aa51172d14.*reinstall"):
        load_encoder().encode_query("anything")


def test_missing_model_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx can't be read"):
        check_sha256(tmp_path / "gone.onnx", "0" * 64)


def test_another_encoder_is_never_fetched_by_itself() -> None:
    with pytest.raises(ModelError, match=r"nobody/nothing.*allow_download"):
        load_encoder(EncoderConfig(name="nobody/nothing")).encode_query("anything")


def test_another_encoder_by_path() -> None:
    """The bundled folder under its own path is another encoder: same vectors, another id."""
    other = load_encoder(EncoderConfig(name=str(bundled_model_path())))
    bundled = load_encoder()
    assert other.encoder_id != bundled.encoder_id
    assert other.dim == bundled.dim
    assert other.max_tokens == bundled.max_tokens
    assert other.count_tokens(["One, two."]) == bundled.count_tokens(["One, two."])
    assert np.abs(other.encode_query("who?") - bundled.encode_query("who?")).max() < 1e-5
