"""This project, as its documentation says to use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag.config import Config
from rag.encoder import load_encoder
from rag.index import update_index
from rag.pipeline import Pipeline

_encoder = load_encoder()


def build(job: dict[str, Any], *, encode_only: bool) -> None:
    """Unlike the others this reads the files, cleans and cuts them, and counts their words too."""
    if encode_only:
        _encoder.encode_document([passage["text"] for passage in job["passages"]])
    else:
        update_index(job["folders"], Path(job["place"]), config=Config(), encoder=_encoder)


def load(job: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    pipeline = Pipeline.load(job["place"])

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
