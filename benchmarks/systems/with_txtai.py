"""txtai: its embeddings database and its RAG pipeline over an extractive model, with this project's weights.

That pipeline reads the best passages joined into one, cut at the model's length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txtai import Embeddings
from txtai.pipeline import RAG

_models: dict[str, Any] = {}


def warm(job: dict[str, Any]) -> None:
    _models["embeddings"] = Embeddings(path=job["encoder"], content=True, gpu=False)
    _models["embeddings"].batchtransform([job["questions"][0]])


def build(job: dict[str, Any]) -> None:
    """Encoding is within `index`; its seconds are not told apart."""
    _models["embeddings"].index([passage["text"] for passage in job["passages"]])
    _models["embeddings"].save(job["place"])


def load(job: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    embeddings = Embeddings()
    embeddings.load(job["place"])
    answerer = RAG(
        embeddings, job["reader"], task="question-answering", context=job["k"], output="reference", gpu=False
    )

    def ask(question: str) -> dict[str, Any]:
        try:
            found = answerer([("answer", question, question, False)])[0]
        except TypeError:  # what it does where the model says "no answer", at the first token
            found = ("answer", None, None)
        if found[1] is None:
            return {"score": 0.0}
        row = int(found[2])
        start = max(0, job["passages"][row]["text"].find(found[1]))
        return {"passage": row, "short": [start, start + len(found[1])], "score": 1.0}

    return ask
