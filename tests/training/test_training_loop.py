"""The loop: deterministic, resumable, and it learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from rag.errors import ConfigError, ModelError
from rag.training.batches import batches, pad
from rag.training.data import Corpus
from rag.training.distill import Teacher, carry_over
from rag.training.loop import Settings, train
from rag.training.model import Reader, loss_of
from rag.training.replicas import Replicas
from rag.training.schedule import Schedule
from rag.training.windows import Recipe, Window, WindowMaker

SETTINGS = Settings(batch=4, workers=2, lr=3e-3, save_every=0.0)


@pytest.fixture
def maker(corpus: Corpus, tokenizer: Tokenizer) -> WindowMaker:
    return WindowMaker(corpus, tokenizer, Recipe(lengths=((96, 1.0),)))


def run(folder: Path, maker: WindowMaker, out: Path, steps: int, **options: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    model = Reader.load(folder, dropout=0.1)
    model.freeze_words()
    settings = options.pop("settings", SETTINGS)
    train(model, maker, Schedule(2, steps - 0.5, steps), settings, out, progress=False, **options)
    return model.state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[k], b[k]) for k in a)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    tiny_folder: Path, maker: WindowMaker, tmp_path: Path
) -> None:
    whole = run(tiny_folder, maker, tmp_path / "whole", 10)
    again = run(tiny_folder, maker, tmp_path / "again", 10)
    assert same(whole, again)

    torch.manual_seed(1)
    model = Reader.load(tiny_folder, dropout=0.1)
    model.freeze_words()
    stays = Schedule(2, 9.5, 10)

    class Killed(Exception):
        pass

    def killed(windows: list[Window], batch: Any, calls: list[int] = [0]) -> Any:  # noqa: B006
        calls[0] += 1
        if calls[0] > 2 * 5:  # two parts a step
            raise Killed
        return batch

    quiet = Settings(batch=4, workers=2, lr=3e-3, save_every=0.0, soft_weight=0.0)
    with pytest.raises(Killed):
        train(model, maker, stays, quiet, tmp_path / "cut", soften=killed, progress=False)
    state = torch.load(tmp_path / "cut" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 5
    resumed = run(tiny_folder, maker, tmp_path / "cut", 10, resume=True)
    assert same(whole, resumed)
    assert not list((tmp_path / "cut").glob("*.part"))


def test_another_seed_gives_another_model(tiny_folder: Path, maker: WindowMaker, tmp_path: Path) -> None:
    one = run(tiny_folder, maker, tmp_path / "1", 3)
    two = run(tiny_folder, maker, tmp_path / "2", 3, settings=Settings(seed=14, batch=4, lr=3e-3))
    assert not same(one, two)


def test_the_loss_falls_and_the_log_says_so(tiny_folder: Path, maker: WindowMaker, tmp_path: Path) -> None:
    settings = Settings(batch=4, workers=1, lr=5e-3, score_every=1e-9, log_every=15)
    scored_as = {"score": lambda model: {"training": model.training}}
    run(tiny_folder, maker, tmp_path, 60, settings=settings, **scored_as)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.9 * losses[0]
    scored = [line for line in lines if line.get("event") == "score"]
    assert scored
    assert not any(line["training"] for line in scored)
    assert lines[-1]["event"] == "end"
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_frozen_words_stay(tiny_folder: Path, maker: WindowMaker, tmp_path: Path) -> None:
    before = Reader.load(tiny_folder).state_dict()
    after = run(tiny_folder, maker, tmp_path, 3)
    words = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(before[words], after[words])
    assert not torch.equal(before["qa_outputs.weight"], after["qa_outputs.weight"])


def test_workers_together_give_the_gradient_of_one(tiny_folder: Path, maker: WindowMaker) -> None:
    _, windows = next(batches(maker, size=7, seed=1))

    def loss(model: Reader, batch: Any) -> torch.Tensor:
        return loss_of(model(batch.ids, batch.mask, batch.types), batch, answerable_weight=0.5)

    alone = Reader.load(tiny_folder, dropout=0.0)
    value = Replicas(alone, 1).step([pad(windows)], loss, 1)
    shared = Reader.load(tiny_folder, dropout=0.0)
    shared.load_state_dict(alone.state_dict())
    with Replicas(shared, 3) as replicas:
        together = replicas.step([pad(windows[i::3]) for i in range(3)], loss, 1)
    assert together == pytest.approx(value, rel=1e-5)
    for (name, a), (_, b) in zip(alone.named_parameters(), shared.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-5, msg=name)


def test_resuming_nothing_says_so(tiny_folder: Path, maker: WindowMaker, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint"):
        run(tiny_folder, maker, tmp_path, 3, resume=True)


def test_weights_stored_in_half_are_trained_in_full(tiny_folder: Path, tmp_path: Path) -> None:
    Reader.load(tiny_folder).save(tmp_path, dtype=torch.float16)
    again = Reader.load(tmp_path)
    assert {p.dtype for p in again.parameters()} == {torch.float32}
    for a, b in zip(Reader.load(tiny_folder).parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a.half().float(), b)


def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json, model\.safetensors missing"):
        Reader.load(tmp_path)


@pytest.mark.parametrize(("x", "factor"), [(0, 1 / 4), (3, 1.0), (100, 1.0), (150, 0.5), (200, 0.0)])
def test_the_schedule_warms_stays_and_falls(x: int, factor: float) -> None:
    assert Schedule(4, 100, 200).factor(x, 1e12) == pytest.approx(factor)


def test_a_schedule_by_the_clock_ends_by_the_clock() -> None:
    schedule = Schedule(4, 1000.0, 2000.0, by_clock=True)
    assert schedule.factor(10, 1500.0) == 0.5
    assert schedule.done(0, 2000.0)
    assert not schedule.done(10**9, 1999.0)


def test_a_schedule_that_falls_after_the_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="begin before the run stops"):
        Schedule(0, 10, 10)


def test_a_teacher_with_the_same_tokens_is_carried_over_unchanged(maker: WindowMaker) -> None:
    _, windows = next(batches(maker, size=8, seed=2))
    rng = np.random.default_rng(3)
    for w in windows:
        inside = np.flatnonzero(w.ends >= 0)
        begin = int(w.starts[inside[0]])
        places = [(-1, -1), *((int(w.starts[i]) - begin, int(w.ends[i]) - begin) for i in inside)]
        logits = rng.normal(size=len(places)).astype(np.float32)
        for edge in (0, 1):
            soft = carry_over(logits, places, w, begin, edge=edge, temperature=2.0)
            expected = torch.from_numpy(logits / 2.0).softmax(0)
            torch.testing.assert_close(soft[[0, *inside.tolist()]], expected)
            assert float(soft.sum()) == pytest.approx(1.0, abs=1e-5)


def test_a_teacher_of_whole_words_points_at_first_and_last_piece(maker: WindowMaker, corpus: Corpus) -> None:
    question = next(q for q in corpus.questions if q.text == "What did the wall cost?")
    w = maker.cover(question, 16)[0]
    a, b = question.answers[0]
    logits = np.array([0.0, 9.0], np.float32)
    first = carry_over(logits, [(-1, -1), (a, b)], w, 0, edge=0, temperature=1.0)
    last = carry_over(logits, [(-1, -1), (a, b)], w, 0, edge=1, temperature=1.0)
    assert int(w.starts[int(first.argmax())]) == a
    assert int(w.ends[int(last.argmax())]) == b


def test_a_student_comes_closer_to_its_teacher(
    tiny_folder: Path, maker: WindowMaker, corpus: Corpus, tmp_path: Path
) -> None:
    """The teacher likes the first token of every text to begin the answer and the last to end it."""

    def forward(questions: list[str], texts: list[str]) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        places = [[(-1, -1), *((i, i + 1) for i in range(len(t)))] for t in texts]
        width = max(map(len, places))
        start, end = np.zeros((2, len(texts), width), np.float32)
        start[:, 1] = 9.0
        for i, row in enumerate(places):
            end[i, len(row) - 1] = 9.0
        return start, end, places

    teacher = Teacher(forward, corpus, {q.query_id: q.text for q in corpus.questions}, 1.0)
    settings = Settings(batch=4, lr=1e-2, soft_weight=1.0, temperature=1.0, answerable_weight=0.0)
    _, windows = next(batches(maker, size=12, seed=5))
    batch = teacher(windows, pad(windows))

    def distance(path: Path) -> float:
        model = Reader.load(path).eval()
        with torch.inference_mode():
            outputs = model(batch.ids, batch.mask, batch.types)
        return float(loss_of(outputs, batch, answerable_weight=0.0, soft_weight=1.0))

    run(tiny_folder, maker, tmp_path, 20, settings=settings, soften=teacher)
    assert distance(tmp_path / "model") < 0.8 * distance(tiny_folder)


def test_frozen_layers_stay(tiny_folder: Path, maker: WindowMaker, tmp_path: Path) -> None:
    model = Reader.load(tiny_folder)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.freeze_lower(1)
    train(model, maker, Schedule(1, 3, 4), Settings(batch=4, workers=2, lr=3e-3), tmp_path, progress=False)
    after = model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any("embeddings" in name or ".layer.0." in name for name in changed)
    assert any(".layer.1." in name for name in changed)
    with pytest.raises(ConfigError, match="expected 0 to 2"):
        model.freeze_lower(3)
