"""txtai: its embeddings database and its extractive pipeline, with this project's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txtai import Embeddings
from txtai.pipeline import Questions

_models: dict[str, Any] = {}


def build(job: dict[str, Any], *, encode_only: bool) -> None:
    if "embeddings" not in _models:
        _models["embeddings"] = Embeddings(path=job["encoder"], content=True, gpu=False)
    texts = [passage["text"] for passage in job["passages"]]
    if encode_only:
        _models["embeddings"].batchtransform(texts)
    else:
        _models["embeddings"].index(texts)
        _models["embeddings"].save(job["place"])


def load(job: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    embeddings = Embeddings()
    embeddings.load(job["place"])
    reader = Questions(job["reader"], gpu=False)

    def ask(question: str) -> dict[str, Any]:
        found = embeddings.search(question, job["k"])
        # Passage by passage: joined, as its RAG pipeline does it, all but the first are cut off.
        for one in found:
            try:
                short = reader([question], [one["text"]])[0]
            except TypeError:  # what it does where the model says "no answer", at the first token
                continue
            if short:
                start = one["text"].find(short)
                return {
                    "passage": int(one["id"]),
                    "short": [start, start + len(short)],
                    "score": float(one["score"]),
                }
        best = found[0]
        return {"passage": int(best["id"]), "short": [0, 0], "score": float(best["score"]) - 1}

    return ask
