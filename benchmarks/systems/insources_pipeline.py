"""This project, as its documentation says to use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rag.config import Config
from rag.encoder import load_encoder
from rag.index import update_index
from rag.pipeline import Pipeline
from rag.retriever import Retriever


class TimedEncoder:
    """The bundled encoder, with the seconds that encoding took."""

    def __init__(self) -> None:
        self.inner = load_encoder()
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode_document(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Any:
        started = time.perf_counter()
        vectors = self.inner.encode_document(texts, progress)
        self.seconds += time.perf_counter() - started
        return vectors


_encoder = TimedEncoder()


def warm(job: dict[str, Any]) -> None:
    _encoder.inner.encode_document([job["questions"][0]])


def build(job: dict[str, Any]) -> float:
    """Unlike the others this reads the files, cleans and cuts them, and counts their words too."""
    update_index(job["folders"], Path(job["place"]), config=Config(), encoder=_encoder)
    return _encoder.seconds


def load(job: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    pipeline = Pipeline.load(job["place"])
    if "remembered" in job:
        pipeline.retriever = Retriever(
            pipeline.index, load_encoder(), pipeline.config.retrieve, remembered=job["remembered"]
        )

    def ask(question: str) -> dict[str, Any]:
        answer = pipeline.ask(question)
        shown = answer.citations if answer.found else answer.nearest
        if not shown:
            return {"score": answer.confidence}
        best = shown[0]
        short = best.highlight or (best.start, best.start)
        return {
            "doc_id": best.doc_id,
            "quote": [best.start, best.end],
            "short": list(short),
            "score": answer.confidence,
        }

    return ask
