"""A floor: BM25 by bm25s with its own English words; nothing is encoded or read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bm25s


def warm(job: dict[str, Any]) -> None:
    """There is no model."""


def build(job: dict[str, Any]) -> float:
    texts = [passage["text"] for passage in job["passages"]]
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    index.save(job["place"])
    return 0.0


def load(job: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    index = bm25s.BM25.load(job["place"], mmap=True)

    def ask(question: str) -> dict[str, Any]:
        words = bm25s.tokenize([question], stopwords="en", show_progress=False)
        rows, scores = index.retrieve(words, k=min(job["k"], len(job["passages"])), show_progress=False)
        return {"passage": int(rows[0, 0]), "score": float(scores[0, 0])}

    return ask
