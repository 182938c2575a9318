"""Soft targets from a larger reader (Hinton et al. 2015, arXiv:1503.02531).

The teacher may have another vocabulary: what it says about its own tokens is carried over by
character offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rag.errors import ModelError
from rag.training.data import Corpus
from rag.training.model import Batch
from rag.training.windows import Window

__all__ = ["Teacher", "carry_over"]

Floats = NDArray[np.float32]
TeacherForward = Callable[[Sequence[str], Sequence[str]], tuple[Floats, Floats, list[list[tuple[int, int]]]]]
"""Questions, texts -> start and end logits and, for each token, its `[start, end)` in the text.

Position 0 is "no answer"; a token outside the text has `(-1, -1)`.
"""


class Teacher:
    """Adds a teacher's distributions to batches.

    Args:
        forward: runs the teacher.
        corpus: the windows' paragraphs.
        asked: each query's question.
        temperature: of the distributions.
    """

    def __init__(
        self, forward: TeacherForward, corpus: Corpus, asked: dict[str, str], temperature: float
    ) -> None:
        self._forward = forward
        self._corpus = corpus
        self._asked = asked
        self._temperature = temperature

    @classmethod
    def load(
        cls, path: str | Path, corpus: Corpus, *, device: str = "cpu", temperature: float = 2.0
    ) -> Teacher:
        """Read any question-answering model that `transformers` knows, with its tokenizer.

        Raises:
            ModelError: the folder holds no such model.
        """
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(path)
            model = AutoModelForQuestionAnswering.from_pretrained(path).to(device).eval()
        except (OSError, ValueError) as err:
            raise ModelError(
                f"{path} is not a question-answering model ({err}); expected a folder with "
                "config.json, weights and a tokenizer"
            ) from err

        def forward(
            questions: Sequence[str], texts: Sequence[str]
        ) -> tuple[Floats, Floats, list[list[tuple[int, int]]]]:
            found = tokenizer(
                list(questions),
                list(texts),
                padding=True,
                truncation="only_second",
                max_length=min(512, tokenizer.model_max_length),
                return_offsets_mapping=True,
                return_tensors="pt",
            )
            offsets = found.pop("offset_mapping").tolist()
            places = [
                [
                    (a, b) if which == 1 else (-1, -1)
                    for (a, b), which in zip(row, found.sequence_ids(i), strict=True)
                ]
                for i, row in enumerate(offsets)
            ]
            with torch.inference_mode(), torch.autocast(torch.device(device).type, torch.bfloat16):
                out = model(**found.to(device))
            return out.start_logits.float().cpu().numpy(), out.end_logits.float().cpu().numpy(), places

        asked = {q.query_id: q.text for q in corpus.questions}
        return cls(forward, corpus, asked, temperature)

    def __call__(self, windows: Sequence[Window], batch: Batch) -> Batch:
        """The batch with `soft_start` and `soft_end`."""
        texts, froms = [], []
        for w in windows:
            inside = np.flatnonzero(w.ends >= 0)
            begin = int(w.starts[inside[0]]) if len(inside) else 0
            stop = int(w.ends[inside[-1]]) if len(inside) else 0
            texts.append(self._corpus.paragraphs[w.paragraph_idx].text[begin:stop])
            froms.append(begin)
        questions = [self._asked[w.query_id] for w in windows]
        start, end, places = self._forward(questions, texts)
        soft_start = torch.zeros(batch.ids.shape)
        soft_end = torch.zeros(batch.ids.shape)
        for i, w in enumerate(windows):
            for logits, soft, edge in ((start[i], soft_start, 0), (end[i], soft_end, 1)):
                soft[i, : len(w)] = carry_over(
                    logits, places[i], w, froms[i], edge=edge, temperature=self._temperature
                )
        batch.soft_start, batch.soft_end = soft_start, soft_end
        return batch


def carry_over(
    logits: Floats,
    places: Sequence[tuple[int, int]],
    window: Window,
    begin: int,
    *,
    edge: int,
    temperature: float,
) -> Tensor:
    """A teacher's distribution over its tokens, as one over the window's.

    Each teacher token gives its share to the window's token that holds its first character
    (`edge` 0) or its last (1); what stands outside the window goes to "no answer".

    Args:
        logits: float32, (n_teacher_tokens,) or longer.
        places: each teacher token's `[start, end)` in the text it read; -1 outside.
        window: the student's.
        begin: where the teacher's text begins in the paragraph.

    Returns:
        float32, (n_tokens,), sums to 1.
    """
    values = torch.from_numpy(np.asarray(logits[: len(places)], np.float32)) / temperature
    inside = torch.tensor([i == 0 or a >= 0 for i, (a, _) in enumerate(places)])
    shares = values.masked_fill(~inside, -torch.inf).softmax(0)
    soft = torch.zeros(len(window))
    for (a, b), share in zip(places[1:], shares[1:].tolist(), strict=True):
        if a < 0:
            continue
        at = begin + (a if edge == 0 else b - 1)
        hit = np.flatnonzero((window.starts <= at) & (at < window.ends))
        soft[int(hit[0]) if len(hit) else 0] += share
    soft[0] += float(shares[0])
    return soft
