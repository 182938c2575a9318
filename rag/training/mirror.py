"""Soft targets from a teacher that knows the student's word pieces: both read the very same windows.

BERT's and MPNet's uncased vocabularies hold the same pieces under other numbers and set other marks
around them. So nothing is tokenised again, and furniture, curly quotes, cuts and swapped names are seen
by both (Hinton et al. 2015, arXiv:1503.02531).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor

from rag.training.batches import pad
from rag.training.model import ARCHITECTURES, Batch, Reader
from rag.training.windows import Ints, Window, marks_of

__all__ = ["MirrorTeacher", "Said", "piece_table", "soften"]

# The student's own marks: the teacher has others in their place.
_MARKS = frozenset({"[CLS]", "[SEP]", "[PAD]", "[MASK]"})


@dataclass(frozen=True, slots=True)
class Said:
    """What a teacher says of one window.

    Attributes:
        start, end: logits, (1 + n_text_tokens,): of "no answer", then of the text's tokens.
        answerable: logit that the text answers; None from a teacher without that head.
    """

    start: NDArray[Any]
    end: NDArray[Any]
    answerable: float | None


def soften(said: Sequence[Said], windows: Sequence[Window], batch: Batch, temperature: float) -> Batch:
    """The batch with `soft_start`, `soft_end` and, where the teacher judges, `soft_answerable`."""
    batch.soft_start = _shares([one.start for one in said], windows, batch, temperature)
    batch.soft_end = _shares([one.end for one in said], windows, batch, temperature)
    judged = [one.answerable for one in said if one.answerable is not None]
    if len(judged) == len(said):
        batch.soft_answerable = torch.tensor(judged).sigmoid()
    return batch


def _shares(
    logits: Sequence[NDArray[Any]], windows: Sequence[Window], batch: Batch, temperature: float
) -> Tensor:
    warm = torch.full(batch.ids.shape, -torch.inf)
    for i, (window, values) in enumerate(zip(windows, logits, strict=True)):
        told = torch.from_numpy(values.astype(np.float32) / temperature)
        warm[i, 0] = told[0]
        warm[i, window.n_prefix : len(window) - 1] = told[1:]
    return warm.softmax(-1)


def piece_table(student: Tokenizer, teacher: Tokenizer) -> Ints | None:
    """The teacher's number of each of the student's pieces; None where one is missing or words are cut otherwise.

    Returns:
        int32, (n_student_pieces,), or None.
    """
    theirs = teacher.get_vocab()
    ours = {piece: number for piece, number in student.get_vocab().items() if piece not in _MARKS}
    if type(student.model) is not type(teacher.model) or any(piece not in theirs for piece in ours):
        return None
    table = np.zeros(max(ours.values()) + 1, np.int32)
    for piece, number in ours.items():
        table[number] = theirs[piece]
    return table


class MirrorTeacher:
    """Adds a teacher's distributions, and its answerability where it has that head, to batches.

    Args:
        reader: the teacher, in evaluation mode.
        table: from `piece_table`.
        marks: the teacher's first mark, those between question and text, and its last.
        n_between: marks between question and text in the student's windows.
        judges: whether the teacher's second head was trained.
        temperature: of the span distributions.
    """

    def __init__(
        self,
        reader: Reader,
        table: Ints,
        marks: tuple[int, list[int], int],
        *,
        n_between: int,
        judges: bool,
        temperature: float,
    ) -> None:
        self._reader = reader
        self._table = table
        self._first, self._between, self._last = marks
        self._n_between = n_between
        self._judges = judges
        self.temperature = temperature

    @classmethod
    def of(
        cls, path: str | Path, student: Tokenizer, *, device: str = "cpu", temperature: float = 2.0
    ) -> MirrorTeacher | None:
        """The teacher in a folder that `Reader` wrote; None for another model, or one with other word pieces."""
        path = Path(path)
        if not all((path / f).is_file() for f in ("config.json", "model.safetensors", "tokenizer.json")):
            return None
        kind = json.loads((path / "config.json").read_text("utf-8")).get("model_type")
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        table = piece_table(student, tokenizer)
        if kind not in ARCHITECTURES or table is None:
            return None
        with safe_open(path / "model.safetensors", "pt") as weights:
            held = set(weights.keys())
        if "qa_outputs.weight" not in held:
            return None
        return cls(
            Reader.load(path, dropout=0.0).to(device).eval(),
            table,
            marks_of(tokenizer),
            n_between=len(marks_of(student)[1]),
            judges="answerable.weight" in held,
            temperature=temperature,
        )

    def __call__(self, windows: Sequence[Window], batch: Batch) -> Batch:
        """See `soften`."""
        return soften(self.read(windows), windows, batch, self.temperature)

    def read(self, windows: Sequence[Window]) -> list[Said]:
        """What the teacher says of each window."""
        device = next(self._reader.parameters()).device
        read = [self._translated(w) for w in windows]
        given = pad(read).to(device)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            outputs = self._reader(given.ids, given.mask, given.types)
        start, end, answerable = (values.float().cpu().numpy() for values in outputs)
        said = []
        for i, w in enumerate(read):
            places = [0, *range(w.n_prefix, len(w) - 1)]
            judged = float(answerable[i]) if self._judges else None
            said.append(Said(start[i, places], end[i, places], judged))
        return said

    def _translated(self, window: Window) -> Window:
        """The same words in the teacher's numbers and between its marks."""
        asked = window.ids[1 : window.n_prefix - self._n_between]
        words, text = self._table[asked], self._table[window.ids[window.n_prefix : -1]]
        ids = np.concatenate([[self._first], words, self._between, text, [self._last]]).astype(np.int32)
        prefix = 1 + len(words) + len(self._between)
        return replace(window, ids=ids, n_prefix=prefix, start=0, end=0)
