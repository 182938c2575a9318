"""A teacher that knows the student's word pieces reads the very windows that the student reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from rag.errors import ConfigError
from rag.training.batches import batches, pad
from rag.training.data import Corpus
from rag.training.mirror import MirrorTeacher, Said
from rag.training.model import Reader, loss_of
from rag.training.recorded import RecordedTeacher
from rag.training.windows import Recipe, Window, WindowMaker


@pytest.fixture
def maker(corpus: Corpus, tokenizer: Tokenizer) -> WindowMaker:
    return WindowMaker(corpus, tokenizer, Recipe(lengths=((96, 1.0),)))


@pytest.fixture
def mirror(mpnet_folder: Path, tokenizer: Tokenizer) -> MirrorTeacher:
    found = MirrorTeacher.of(mpnet_folder, tokenizer, temperature=1.5)
    assert found is not None
    return found


def test_a_teacher_that_knows_the_same_pieces_reads_the_same_words(
    mirror: MirrorTeacher, mpnet_folder: Path, maker: WindowMaker, tokenizer: Tokenizer
) -> None:
    """Against windows made with the teacher's own tokenizer: the same distribution on the same words."""
    _, windows = next(batches(maker, size=6, seed=4))
    batch = mirror(windows, pad(windows))
    assert batch.soft_start is not None
    assert batch.soft_end is not None
    assert batch.soft_answerable is not None
    pieces = {number: piece for piece, number in tokenizer.get_vocab().items()}
    own = Tokenizer.from_file(str(mpnet_folder / "tokenizer.json"))
    mark, end = own.token_to_id("<s>"), own.token_to_id("</s>")
    reader = Reader.load(mpnet_folder).eval()
    for i, w in enumerate(windows):
        asked = [own.token_to_id(pieces[int(n)]) for n in w.ids[1 : w.n_prefix - 1]]
        text = [own.token_to_id(pieces[int(n)]) for n in w.ids[w.n_prefix : -1]]
        ids = torch.tensor([[mark, *asked, end, end, *text, end]])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            start, _, answerable = reader(ids, torch.ones_like(ids), torch.zeros_like(ids))
        at = [0, *range(len(asked) + 3, ids.shape[1] - 1)]
        expected = (start[0].float()[at] / 1.5).softmax(0)
        found = batch.soft_start[i, [0, *range(w.n_prefix, len(w) - 1)]]
        torch.testing.assert_close(found, expected, rtol=0.05, atol=0.005)
        assert float(batch.soft_answerable[i]) == pytest.approx(float(answerable.float().sigmoid()), abs=0.01)
        for soft in (batch.soft_start[i], batch.soft_end[i]):
            assert float(soft.sum()) == pytest.approx(1.0, abs=1e-4)


def test_a_student_learns_what_its_teacher_holds_answerable(
    mirror: MirrorTeacher, tiny_folder: Path, maker: WindowMaker
) -> None:
    _, windows = next(batches(maker, size=6, seed=4))
    batch = mirror(windows, pad(windows))
    with torch.inference_mode():
        outputs = Reader.load(tiny_folder).eval()(batch.ids, batch.mask, batch.types)
    taught = loss_of(outputs, batch, answerable_weight=1.0, soft_weight=1.0)
    batch.soft_answerable = None
    untaught = loss_of(outputs, batch, answerable_weight=1.0, soft_weight=1.0)
    assert float(taught) != pytest.approx(float(untaught), abs=1e-4)


def test_a_teacher_with_other_word_pieces_is_left_to_offsets(
    mpnet_folder: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((mpnet_folder / name).read_bytes())
    assert MirrorTeacher.of(tmp_path, tokenizer) is None, "no tokenizer"
    told = json.loads((mpnet_folder / "tokenizer.json").read_text("utf-8"))
    del told["model"]["vocab"]["##ing"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(told), "utf-8")
    assert MirrorTeacher.of(tmp_path, tokenizer) is None


def test_what_a_teacher_said_is_read_again(
    mirror: MirrorTeacher,
    mpnet_folder: Path,
    maker: WindowMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights, folder = mpnet_folder / "model.safetensors", tmp_path / "record"
    _, windows = next(batches(maker, size=6, seed=4))
    plain = mirror(windows, pad(windows))
    first = RecordedTeacher(mirror, weights, folder)
    asked = first(windows, pad(windows))
    first.close()

    def never(windows: Sequence[Window]) -> list[Said]:
        raise AssertionError("the teacher was asked again")

    monkeypatch.setattr(mirror, "read", never)
    again = RecordedTeacher(mirror, weights, folder)
    assert again.n_windows == 6
    found = again(windows[::-1], pad(windows[::-1]))
    for name in ("soft_start", "soft_end", "soft_answerable"):
        torch.testing.assert_close(getattr(asked, name), getattr(plain, name), rtol=0.01, atol=0.002)
        torch.testing.assert_close(getattr(found, name).flip(0), getattr(asked, name))


def test_a_part_taken_out_of_a_record_costs_no_other(
    mirror: MirrorTeacher, mpnet_folder: Path, maker: WindowMaker, tmp_path: Path
) -> None:
    weights = mpnet_folder / "model.safetensors"
    _, windows = next(batches(maker, size=6, seed=4))
    parts: list[Path] = []
    for few in (windows[:2], windows[2:4], windows[4:]):
        record = RecordedTeacher(mirror, weights, tmp_path)
        record(few, pad(few))
        record.close()
        parts += [part for part in tmp_path.glob("*.npz") if part not in parts]
    parts[0].unlink()
    record = RecordedTeacher(mirror, weights, tmp_path)
    record(windows, pad(windows))
    record.close()
    assert RecordedTeacher(mirror, weights, tmp_path).n_windows == 6


def test_a_record_is_one_teachers(mirror: MirrorTeacher, mpnet_folder: Path, tmp_path: Path) -> None:
    RecordedTeacher(mirror, mpnet_folder / "model.safetensors", tmp_path / "record")
    with pytest.raises(ConfigError, match=r"another teacher said.*delete it"):
        RecordedTeacher(mirror, mpnet_folder / "config.json", tmp_path / "record")


def test_a_broken_record_is_told(mirror: MirrorTeacher, mpnet_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "000000.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ConfigError, match=r"000000\.npz is no part of a teacher's record.*delete it"):
        RecordedTeacher(mirror, mpnet_folder / "model.safetensors", tmp_path)
