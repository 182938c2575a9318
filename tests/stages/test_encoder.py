"""The bundled encoder is the one that it says, gives unit vectors, and needs no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag.config import EncoderConfig
from rag.encoder import (
    BUNDLED_SHA256,
    Encoder,
    bundled_model_path,
    load_encoder,
)
from rag.encoder_onnx import ENCODER_FOLDER, OnnxEncoder
from rag.errors import ModelError
from rag.inference import check_sha256

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    "The cat sat on the mat.",
    "Interest rates rose by a quarter of a point on Wednesday, the central bank said.",
    "who signed the treaty?",
    "Café Müller’s naïve façade — “quoted”, in Zürich.",
    "日本銀行は水曜日に金利を引き上げた。",
    "Привет, мир!",
    "🙂🙃 great news 🎉",
    "a",
    " ",
    "",
    "\n\t\u00a0\u200b",
    "1,234.56 % of §12(b)(3) [CLS] [SEP]",
    "The quick brown fox jumps over the lazy dog, and then it does so again. " * 12,
    "supercalifragilisticexpialidocious" * 10,
]


@pytest.fixture(scope="module")
def ours() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="module")
def whole() -> Encoder:
    """The float32 weights on sentence-transformers: the oracle."""
    return load_encoder(EncoderConfig(name=str(bundled_model_path())))


def test_meaning_is_near(ours: Encoder) -> None:
    rows = ours.encode_document(
        ["The cat sat on the mat.", "Interest rates rose.", "A kitten lay on the rug."]
    )
    assert rows.shape == (3, ours.dim)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
    query = ours.encode_query("Where is the cat?")
    assert query.shape == (ours.dim,)
    scores = rows @ query
    assert scores[0] > scores[2] > scores[1]


def test_vectors_are_those_of_sentence_transformers(ours: Encoder, whole: Encoder) -> None:
    cosines = (ours.encode_document(TEXTS) * whole.encode_document(TEXTS)).sum(1)
    assert cosines.min() > 0.98, dict(zip(TEXTS, cosines.round(4), strict=True))
    for text in TEXTS:
        assert ours.encode_query(text) @ whole.encode_query(text) > 0.98


def test_tokens_are_counted_alike(ours: Encoder, whole: Encoder) -> None:
    assert ours.count_tokens(TEXTS) == whole.count_tokens(TEXTS)
    assert (ours.dim, ours.max_tokens) == (whole.dim, whole.max_tokens)
    assert ours.count_tokens([]) == []


def test_what_is_too_long_is_cut_at_the_same_place(ours: Encoder, whole: Encoder) -> None:
    words = [f"word{n}" for n in range(400)]
    text = " ".join(words)
    kept = next(n for n in range(400, 0, -1) if ours.count_tokens([" ".join(words[:n])])[0] <= 256)
    last = 256 - ours.count_tokens([" ".join(words[:kept])])[0]
    assert ours.count_tokens([text])[0] > 256
    assert ours.encode_query(text) @ whole.encode_query(text) > 0.98
    # What comes after the limit changes nothing; what comes before it does.
    assert np.array_equal(
        ours.encode_query(text), ours.encode_query(" ".join([*words[: kept + last + 1], "x"]))
    )
    assert not np.array_equal(ours.encode_query(text), ours.encode_query(" ".join(words[: kept - 1])))


def test_a_vector_depends_on_nothing_but_its_text(ours: Encoder) -> None:
    """To the bit: alone or in company, in whichever order, however many at a time."""
    texts = [f"Sentence {n} " + "and more " * (n % 7) for n in range(20)]
    rows = ours.encode_document(texts)
    for size in (1, 3, 64):
        again = load_encoder(EncoderConfig(batch_size=size)).encode_document(texts[::-1])
        assert np.array_equal(again[::-1], rows)
    assert np.array_equal(ours.encode_query(texts[3]), rows[3])


def test_threads_share_one_encoder() -> None:
    fresh = load_encoder()
    texts = [f"Question {n}: where is number {n}?" for n in range(24)]
    with ThreadPoolExecutor(6) as pool:
        rows = list(pool.map(fresh.encode_query, texts))
    assert np.array_equal(np.stack(rows), load_encoder().encode_document(texts))


def test_progress_tells_every_text(ours: Encoder) -> None:
    told: list[int] = []
    ours.encode_document([f"Text {n}" for n in range(37)], told.append)
    assert sum(told) == 37
    assert ours.encode_document([]).shape == (0, ours.dim)


def test_a_failing_progress_stops_the_work(ours: Encoder) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ours.encode_document(["One.", "Two.", "Three."] * 40, stop)


def test_the_id_names_the_file(ours: Encoder) -> None:
    card = json.loads((ENCODER_FOLDER / "encoder.json").read_text(encoding="utf-8"))
    assert card["files"]["encoder.onnx"]["sha256"][:16] in ours.encoder_id
    assert card["source"]["sha256"] == BUNDLED_SHA256
    for name, facts in card["files"].items():
        check_sha256(ENCODER_FOLDER / name, facts["sha256"])
        assert (ENCODER_FOLDER / name).stat().st_size == facts["bytes"]
    assert sum(path.stat().st_size for path in ENCODER_FOLDER.iterdir()) < 25_000_000


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ENCODER_FOLDER, tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json"])
def test_altered_files_are_refused(copied: Path, name: str) -> None:
    data = bytearray((copied / name).read_bytes())
    data[-5] ^= 1
    (copied / name).write_bytes(data)
    with pytest.raises(ModelError, match=rf"{name} has sha256 .* expected [0-9a-f]+.*reinstall"):
        OnnxEncoder(folder=copied).encode_query("anything")
    with pytest.raises(ModelError, match=name):
        OnnxEncoder(folder=copied).check_files()


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (None, r"no encoder at encoder/.*reinstall"),
        ("{", "encoder.json is damaged"),
        ('{"format": 1, "files": {}}', "encoder.json is damaged"),
    ],
)
def test_a_missing_or_damaged_card_is_told(copied: Path, card: str | None, message: str) -> None:
    if card is None:
        (copied / "encoder.json").unlink()
    else:
        (copied / "encoder.json").write_text(card, encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        _ = OnnxEncoder(folder=copied).encoder_id


def test_a_card_of_another_format_is_refused(copied: Path) -> None:
    path = copied / "encoder.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "format": 99}), encoding="utf-8")
    with pytest.raises(ModelError, match="format is 99, expected 1"):
        _ = OnnxEncoder(folder=copied).dim


def test_missing_model_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx can't be read"):
        check_sha256(tmp_path / "gone.onnx", "0" * 64)


def test_asking_loads_no_torch() -> None:
    """Indexing and asking, in a process of their own."""
    code = (
        "import sys\n"
        "from rag.pipeline import Pipeline\n"
        "pipeline = Pipeline.from_texts({'a.txt': 'The harbour opened in 1903. Ships came soon.'})\n"
        "print(pipeline.ask('When did the harbour open?').citations[:1] or 'not in sources')\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_another_encoder_is_never_fetched_by_itself() -> None:
    with pytest.raises(ModelError, match=r"nobody/nothing.*allow_download"):
        load_encoder(EncoderConfig(name="nobody/nothing")).encode_query("anything")


def test_another_encoder_by_path(ours: Encoder, whole: Encoder) -> None:
    """The source weights under their own path are another encoder: an index of one refuses the other."""
    assert whole.encoder_id != ours.encoder_id
    assert str(bundled_model_path()) in whole.encoder_id
    texts = [f"Sentence {n} " + "and more " * (n % 7) for n in range(10)]
    one = load_encoder(EncoderConfig(name=str(bundled_model_path()), batch_size=1)).encode_document(texts)
    assert np.abs(one - whole.encode_document(texts)).max() < 1e-4


def test_evening_the_channels_changes_no_vector(whole: Encoder) -> None:
    """The exported graph before int8, evened or not, gives what sentence-transformers gives."""
    pytest.importorskip("onnx", reason="exporting needs the extra `train` (onnx)")
    import onnxruntime

    from rag.training.encoder_export import build_encoder, calibration_ids, smooth

    text = "Interest rates rose by a quarter of a point on Wednesday."
    tokens = calibration_ids(ROOT / "seeds", ENCODER_FOLDER / "tokenizer.json")
    assert len(tokens) > 30
    assert max(map(len, tokens)) <= 256
    words = [encoding.ids for encoding in OnnxEncoder()._tokens([text])]
    padded = np.array([[*words[0], 0, 0, 0]], np.int64)
    feed = {"input_ids": padded, "attention_mask": (padded > 0).astype(np.int64)}
    model = build_encoder(bundled_model_path())
    for made in (model, smooth(model, tokens[:3])):
        session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        assert session.run(None, feed)[0][0] @ whole.encode_query(text) > 0.9995
