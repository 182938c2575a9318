"""Question and passage to the span that answers, and to how sure the reader is that there is one.

A small cross-encoder (6 layers, 384 wide) in int8 ONNX reads question and passage together and
gives each token a score to be the start and the end of the answer; the first token's scores stand
for "no answer here" (Devlin et al. 2019, BERT, section 4.3). Scores are logits, never normalised
over one passage, so spans of different passages compare (Clark & Gardner 2018, 1710.10723).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.config import ReadConfig
from rag.inference import check_sha256, open_session, read_card, side_by_side
from rag.sentences import split_sentences

__all__ = ["BUNDLED_READER", "N_BEST", "Reader", "Reading"]

BUNDLED_READER = Path(__file__).parent / "models" / "reader"
FORMAT = 1
MAX_QUESTION_TOKENS = 64
MAX_WINDOW_TOKENS = 384
STRIDE_TOKENS = 128
# Spans kept of each passage. Many of them are one place a word longer or shorter; 20 leave room for other places.
N_BEST = 20
_QUESTION_MARKS = ("?", "？", "؟")
_AFTER_MARK = " .!\"'”’»)]"
_MOST_UNKNOWN = 0.3
# Letters that are not Latin. The vocabulary has many of them singly, which is not to know what they say.
_BEYOND_LATIN = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff]")
_LETTER = re.compile(r"[^\W\d_]")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """One span of one passage that may answer.

    Attributes:
        passage: which passage, an index into those given.
        start, end: `[start, end)` in characters of that passage.
        score: start logit plus end logit minus those of "no answer" in the same window;
            above 0 the reader prefers the span. Comparable across passages.
        logit: start logit plus end logit alone.
        answerable: logit of the reader's second head, that its window answers at all; 0 where
            the reader has no such head.
        unknown: share of the passage in a script that the reader does not know, 0 to 1.
    """

    passage: int
    start: int
    end: int
    score: float
    logit: float
    answerable: float = 0.0
    unknown: float = 0.0

    @property
    def unread(self) -> bool:
        """Whether the passage is in a script that the reader does not know: its scores are worth nothing."""
        return self.unknown > _MOST_UNKNOWN


class Reader:
    """The span reader, on onnxruntime; neither torch nor transformers is needed.

    Args:
        config: answer length and, where not the bundled one, the model's folder.

    Raises:
        ModelError: a file is missing, altered (sha256) or of another format.
    """

    def __init__(self, config: ReadConfig | None = None) -> None:
        self._config = config or ReadConfig()
        self._folder = Path(self._config.model) if self._config.model else BUNDLED_READER
        self.card = read_card(
            self._folder / "reader.json",
            version=FORMAT,
            absent="reinstall insources or train one with: python -m rag.training",
            again="export it again",
        )
        self._lock = threading.Lock()
        self._session: Any = None
        self._tokenizer: Any = None
        self._whole_tokenizer: Any = None
        self._inputs: list[str] = []
        self._outputs: list[str] = []

    @property
    def reader_id(self) -> str:
        """The model file's sha256; a calibration belongs to one reader."""
        return str(self.card["files"]["reader.onnx"]["sha256"])

    def read(self, question: str, passages: Sequence[str], n_best: int = N_BEST) -> list[Reading]:
        """The best spans of each passage, best first over all.

        A passage longer than the model's window is read in overlapping windows; of a question longer
        than 64 tokens the sentence that asks is read, as `asked` finds it.

        Args:
            question: one question.
            passages: texts; blank ones give nothing.
            n_best: spans kept for each passage.
        """
        self._load()
        unknown = [self._unknown(passage) for passage in passages]
        read_window = partial(self._read_window, n_best, unknown)
        readings = side_by_side(read_window, self._windows(question, passages))
        return _best_of_each([reading for some in readings for reading in some], n_best)

    def asked(self, question: str) -> str:
        """The question, or the sentence of it that asks where it is longer than can be read, 64 tokens.

        That is the last one that ends in a question mark, else the last one. A sentence that is itself too long
        stays whole here and is read up to its 64th token.
        """
        self._load()
        if len(self._whole_tokenizer.encode(question, add_special_tokens=False).ids) <= MAX_QUESTION_TOKENS:
            return question
        flat = " ".join(question.split())
        sentences = [flat[start:end] for start, end in split_sentences(flat)] or [question]
        asking = [one for one in sentences if one.rstrip(_AFTER_MARK).endswith(_QUESTION_MARKS)]
        return (asking or sentences)[-1]

    def _windows(self, question: str, passages: Sequence[str]) -> list[tuple[int, Any]]:
        """(passage, encoding) of each window, longest first so that threads end together."""
        question = self.asked(question)
        cut = self._whole_tokenizer.encode(question, add_special_tokens=False)
        if len(cut.ids) > MAX_QUESTION_TOKENS:
            question = question[: cut.offsets[MAX_QUESTION_TOKENS - 1][1]]
        pairs = [(question, passage) for passage in passages]
        windows = [
            (passage, window)
            for passage, encoding in enumerate(self._tokenizer.encode_batch(pairs))
            for window in (encoding, *encoding.overflowing)
            if 1 in window.sequence_ids
        ]
        return sorted(windows, key=lambda item: -len(item[1].ids))

    def _unknown(self, passage: str) -> float:
        """Share of the letters in scripts that the reader does not know: all but Latin, unless its card says so."""
        if passage.isascii() or self.card.get("scripts") == "all":
            return 0.0
        return len(_BEYOND_LATIN.findall(passage)) / max(1, len(_LETTER.findall(passage)))

    def _read_window(self, n_best: int, unknown: Sequence[float], window: tuple[int, Any]) -> list[Reading]:
        passage, encoding = window
        given = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        feed = {name: np.array([given[name]], dtype=np.int64) for name in self._inputs}
        outputs = dict(zip(self._outputs, self._session.run(self._outputs, feed), strict=True))
        answerable = float(outputs["answerable"][0]) if "answerable" in outputs else 0.0
        return [
            Reading(passage, start, end, logit - null, logit, answerable, unknown[passage])
            for start, end, logit, null in self._spans(
                encoding, outputs["start_logits"][0], outputs["end_logits"][0], n_best
            )
        ]

    def _spans(
        self, encoding: Any, start: Floats, end: Floats, n_best: int
    ) -> Iterator[tuple[int, int, float, float]]:
        """(start, end, logit, null logit) of the best spans of one window."""
        which = np.array([sequence == 1 for sequence in encoding.sequence_ids])
        tokens, offsets = np.flatnonzero(which), encoding.offsets
        longest = max(1, min(self._config.max_answer_tokens, len(tokens)))
        null = float(start[0] + end[0])
        # A row a first token and a column a length, so that nothing is added up for spans that are too long.
        ends = np.concatenate([end[tokens], np.full(longest - 1, -np.inf, np.float32)])
        sums = start[tokens][:, None] + np.lib.stride_tricks.sliding_window_view(ends, longest)
        flat = sums.ravel()
        n = min(n_best * 3, flat.size)
        for place in np.argpartition(-flat, n - 1)[:n]:
            if np.isfinite(flat[place]):
                first, further = divmod(int(place), longest)
                begin, stop = offsets[tokens[first]][0], offsets[tokens[first + further]][1]
                yield begin, stop, float(flat[place]), null

    def _load(self) -> None:
        """Tokenizer and model, checked, once."""
        with self._lock:
            if self._session is not None:
                return
            from tokenizers import Tokenizer

            path = self._folder / "tokenizer.json"
            check_sha256(path, self.card["files"][path.name]["sha256"])
            self._whole_tokenizer = Tokenizer.from_file(str(path))
            self._whole_tokenizer.no_padding()
            self._whole_tokenizer.no_truncation()
            # "only_second" can't cut a text that stands alone, so questions are counted by the other one.
            self._tokenizer = Tokenizer.from_str(self._whole_tokenizer.to_str())
            self._tokenizer.enable_truncation(MAX_WINDOW_TOKENS, stride=STRIDE_TOKENS, strategy="only_second")
            path = self._folder / "reader.onnx"
            session = open_session(path, self.card["files"][path.name]["sha256"])
            self._inputs = [entry.name for entry in session.get_inputs()]
            self._outputs = [entry.name for entry in session.get_outputs()]
            self._session = session


def _best_of_each(readings: list[Reading], n_best: int) -> list[Reading]:
    """At most `n_best` spans of each passage, the same span of two windows once, best first over all."""
    kept: list[Reading] = []
    seen: set[tuple[int, int, int]] = set()
    counts: dict[int, int] = {}
    for reading in sorted(readings, key=lambda r: (-r.score, r.passage, r.start, r.end)):
        place = (reading.passage, reading.start, reading.end)
        if place in seen or counts.get(reading.passage, 0) >= n_best:
            continue
        seen.add(place)
        counts[reading.passage] = counts.get(reading.passage, 0) + 1
        kept.append(reading)
    return kept
