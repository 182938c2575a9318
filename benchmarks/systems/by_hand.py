"""The code that tutorials give, with this project's weights: sentence-transformers, FAISS, transformers.

`job["way"]` says how passages are read. "pipeline" is transformers' question-answering pipeline, one
passage after the other, as in tutorials; it is there up to transformers 4. "batch" is what a careful
person writes without it: all passages in one padded batch, the score of "no answer" taken off.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from sentence_transformers import SentenceTransformer

MAX_TOKENS = 384
STRIDE = 128
MAX_ANSWER_TOKENS = 30

_models: dict[str, Any] = {}

Span = tuple[float, int, int]


def warm(job: dict[str, Any]) -> None:
    _encoder(job).encode([job["questions"][0]], show_progress_bar=False)


def build(job: dict[str, Any]) -> float:
    encoder = _encoder(job)
    texts = [passage["text"] for passage in job["passages"]]
    started = time.perf_counter()
    vectors = encoder.encode(
        texts, batch_size=job["batch"], normalize_embeddings=True, show_progress_bar=False
    )
    seconds = time.perf_counter() - started
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    place = Path(job["place"])
    place.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(place / "passages.faiss"))
    (place / "passages.json").write_text(json.dumps(texts), encoding="utf-8")
    return seconds


def load(job: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    encoder = _encoder(job)
    read = {"pipeline": _pipeline, "batch": _batch}[job["way"]](job)
    index = faiss.read_index(str(Path(job["place"]) / "passages.faiss"))
    texts = json.loads((Path(job["place"]) / "passages.json").read_text(encoding="utf-8"))

    def ask(question: str) -> dict[str, Any]:
        query = encoder.encode([question], normalize_embeddings=True, show_progress_bar=False)
        rows = index.search(query, job["k"])[1][0].tolist()
        rows = [row for row in rows if row >= 0]
        spans = read(question, [texts[row] for row in rows])
        best = max(range(len(rows)), key=lambda at: spans[at][0])
        score, start, end = spans[best]
        return {"passage": rows[best], "short": [start, end], "score": score}

    return ask


def _encoder(job: dict[str, Any]) -> Any:
    if "encoder" not in _models:
        _models["encoder"] = SentenceTransformer(job["encoder"], device="cpu", local_files_only=True)
    return _models["encoder"]


def _pipeline(job: dict[str, Any]) -> Callable[[str, list[str]], list[Span]]:
    from transformers import pipeline

    answerer = pipeline("question-answering", model=job["reader"], tokenizer=job["reader"], device="cpu")

    def read(question: str, passages: list[str]) -> list[Span]:
        found = [
            answerer(question=question, context=passage, max_seq_len=MAX_TOKENS, doc_stride=STRIDE)
            for passage in passages
        ]
        return [(float(one["score"]), int(one["start"]), int(one["end"])) for one in found]

    return read


def _batch(job: dict[str, Any]) -> Callable[[str, list[str]], list[Span]]:
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    words = AutoTokenizer.from_pretrained(job["reader"])
    # The weights are kept in float16, which a CPU computes slowly.
    model = AutoModelForQuestionAnswering.from_pretrained(job["reader"], dtype=torch.float32).eval()

    def read(question: str, passages: list[str]) -> list[Span]:
        given = words(
            [question] * len(passages), passages, truncation="only_second", max_length=MAX_TOKENS,
            stride=STRIDE, return_overflowing_tokens=True, return_offsets_mapping=True, padding=True,
            return_tensors="pt",
        )  # fmt: skip
        owners = given.pop("overflow_to_sample_mapping").tolist()
        offsets = given.pop("offset_mapping").numpy()
        with torch.inference_mode():
            logits = model(**given)
        best: list[Span] = [(-np.inf, 0, 0)] * len(passages)
        for window, owner in enumerate(owners):
            tokens = np.array([at for at, part in enumerate(given.sequence_ids(window)) if part == 1])
            start, end = logits.start_logits[window].numpy(), logits.end_logits[window].numpy()
            sums = start[tokens][:, None] + end[tokens][None, :]
            sums = np.where(np.triu(np.tri(len(tokens), k=MAX_ANSWER_TOKENS - 1)) > 0, sums, -np.inf)
            first, last = np.unravel_index(int(sums.argmax()), sums.shape)
            span = (
                float(sums[first, last] - start[0] - end[0]),
                int(offsets[window, tokens[first], 0]),
                int(offsets[window, tokens[last], 1]),
            )
            best[owner] = max(best[owner], span)
        return best

    return read
