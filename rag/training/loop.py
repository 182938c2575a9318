"""The training loop: batches in, checkpoints and a decayed model out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from rag.training.batches import Place, batches, pad
from rag.training.checkpoint import read_checkpoint, write_checkpoint
from rag.training.model import Batch, Reader, loss_of
from rag.training.replicas import Replicas
from rag.training.schedule import Schedule
from rag.training.score import Floats, Forward
from rag.training.windows import Window, WindowMaker

__all__ = ["Settings", "Soften", "forward_of", "train"]

Score = Callable[[Reader], dict[str, Any]]
Soften = Callable[[Sequence[Window], Batch], Batch]
"""Adds a teacher's distributions to a batch."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is made of, its data aside.

    Attributes:
        batch: windows a step.
        workers: threads that share a step on a CPU.
        answerable_weight: of the answerability head's loss.
        soft_weight, temperature: of distillation, where there is a teacher.
        save_every, score_every: seconds.
        log_every: steps.
    """

    seed: int = 13
    batch: int = 32
    workers: int = 2
    lr: float = 1.5e-4
    weight_decay: float = 0.01
    clip: float = 1.0
    answerable_weight: float = 0.5
    soft_weight: float = 0.7
    temperature: float = 2.0
    save_every: float = 300.0
    score_every: float = 1500.0
    log_every: int = 50


def train(
    model: Reader,
    maker: WindowMaker,
    schedule: Schedule,
    settings: Settings,
    out: Path,
    *,
    score: Score | None = None,
    soften: Soften | None = None,
    resume: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Train until the schedule ends; write `checkpoint.pt`, `log.jsonl` and `model/` to `out`.

    Args:
        score: called every `score_every` seconds and at the end; its result is logged.
        soften: adds a teacher's distributions to each batch.
        resume: go on from `out/checkpoint.pt`: same batches, same result as without a break.

    Returns:
        The last line of the log.
    """
    run = _Run(model, schedule, settings, out, score, soften)
    if resume:
        run.read()
    run.log({"event": "start", "resume": resume, "step": run.step, **asdict(settings)}, fresh=not resume)
    total = None if schedule.by_clock else int(schedule.stop_at)
    bar = tqdm(total=total, initial=run.step, unit="step", disable=not progress, mininterval=20)
    with bar, run.replicas:
        for place, windows in batches(maker, size=settings.batch, seed=settings.seed, begin=run.place):
            if schedule.done(run.step, time.time()):
                break
            run.learn(windows, place)
            bar.update()
            bar.set_postfix_str(run.housekeeping(), refresh=False)
    return run.end()


def forward_of(model: Reader) -> Forward:
    """The model as `score.predict` wants it, in float32 on a GPU, in bfloat16 on a CPU."""
    device = next(model.parameters()).device

    def forward(windows: Sequence[Window]) -> tuple[Floats, Floats, Floats]:
        batch = pad(windows).to(device)
        on_cpu = device.type == "cpu"
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, on_cpu):
            outputs = model(batch.ids, batch.mask, batch.types)
        start, end, answerable = (x.float().cpu().numpy() for x in outputs)
        return start, end, answerable

    return forward


class _Run:
    """What changes while training."""

    def __init__(
        self,
        model: Reader,
        schedule: Schedule,
        settings: Settings,
        out: Path,
        score: Score | None,
        soften: Soften | None,
    ) -> None:
        self.model = model.train()
        self.schedule = schedule
        self.settings = settings
        self.out = out
        self.step, self.seen, self.spent = 0, 0, 0.0
        self.place: Place = (0, 0, 0)
        self._score = score
        self._soften = soften
        self._device = next(model.parameters()).device
        if self._device.type == "cpu":
            # Everything between the passes is short; split over cores, each operation would wait
            # for whichever core another process has just taken.
            torch.set_num_threads(1)
        self.replicas = Replicas(model, settings.workers if self._device.type == "cpu" else 1)
        self._trained = [p for p in model.parameters() if p.requires_grad]
        self._optimiser = _optimiser(model, settings)
        self._clock = self._saved = self._scored = time.time()
        self._losses: list[float] = []
        self._n_windows = 0
        self._note = ""

    def learn(self, windows: list[Window], after: Place) -> None:
        """One step."""
        settings, n = self.settings, len(self.replicas)
        rate = settings.lr * self.schedule.factor(self.step, time.time())
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        parts = [windows[i::n] for i in range(n) if windows[i::n]]
        loss = self.replicas.step(parts, self._loss, settings.seed * 10_000_019 + self.step)
        torch.nn.utils.clip_grad_norm_(self._trained, settings.clip)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.step, self.seen, self.place = self.step + 1, self.seen + len(windows), after
        self._losses.append(loss)
        self._n_windows += len(windows)

    def housekeeping(self) -> str:
        """Log, save and score where it is time; the latest loss and speed, for people."""
        now = time.time()
        if len(self._losses) >= self.settings.log_every:
            self.spent += now - self._clock
            loss, rate = sum(self._losses) / len(self._losses), self._n_windows / (now - self._clock)
            lr = self._optimiser.param_groups[0]["lr"]
            self.log({**self._where(), "loss": loss, "lr": lr, "rate": rate, "spent": self.spent})
            self._note = f"loss={loss:.3f} {rate:.0f} windows/s"
            self._losses, self._n_windows, self._clock = [], 0, now
        if now - self._saved > self.settings.save_every:
            self.write()
            self._saved = time.time()
        if self._score is not None and now - self._scored > self.settings.score_every:
            began = time.time()
            self.log({"event": "score", **self._where(), **self._scores()})
            self._scored = time.time()
            self._clock += self._scored - began
        return self._note

    def end(self) -> dict[str, Any]:
        """Write everything; the last line of the log."""
        self.write()
        self.model.save(self.out / "model")
        last = {"event": "end", **self._where(), "spent": self.spent, **self._scores()}
        self.log(last)
        return last

    def write(self) -> None:
        """Write the checkpoint."""
        state = {"model": self.model.state_dict(), "optimiser": self._optimiser.state_dict()}
        counts = {"step": self.step, "seen": self.seen, "spent": self.spent, "place": self.place}
        write_checkpoint(self.out / "checkpoint.pt", {**state, **counts})

    def read(self) -> None:
        """Go back to the checkpoint."""
        state = read_checkpoint(self.out / "checkpoint.pt")
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step, self.seen, self.spent = state["step"], state["seen"], state["spent"]
        self.place = tuple(state["place"])

    def log(self, line: dict[str, Any], *, fresh: bool = False) -> None:
        """Add a line to `log.jsonl`, with the time."""
        self.out.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
        with (self.out / "log.jsonl").open("w" if fresh else "a", encoding="utf-8") as file:
            file.write(json.dumps({"time": stamp, **line}) + "\n")

    def _where(self) -> dict[str, int]:
        return {"step": self.step, "seen": self.seen, "epoch": self.place[0]}

    def _batch(self, windows: list[Window]) -> Batch:
        batch = pad(windows)
        return (self._soften(windows, batch) if self._soften else batch).to(self._device)

    def _loss(self, reader: Reader, windows: list[Window]) -> Tensor:
        batch = self._batch(windows)
        with torch.autocast(self._device.type, torch.bfloat16):
            outputs = reader(batch.ids, batch.mask, batch.types)
        return loss_of(
            outputs,
            batch,
            answerable_weight=self.settings.answerable_weight,
            soft_weight=self.settings.soft_weight if self._soften else 0.0,
            temperature=self.settings.temperature,
        )

    def _scores(self) -> dict[str, Any]:
        if self._score is None:
            return {}
        try:
            return self._score(self.model.eval())
        finally:
            self.model.train()


def _optimiser(model: Reader, settings: Settings) -> Any:
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.98), eps=1e-6, fused=True)
