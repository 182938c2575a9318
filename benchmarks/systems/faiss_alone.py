"""A floor: the question's vector compared with every passage by FAISS; nothing is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from rag.encoder import load_encoder

_encoder = load_encoder()


def warm(job: dict[str, Any]) -> None:
    _encoder.encode_document([job["questions"][0]])


def build(job: dict[str, Any]) -> float:
    started = time.perf_counter()
    vectors = _encoder.encode_document([passage["text"] for passage in job["passages"]])
    seconds = time.perf_counter() - started
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    place = Path(job["place"])
    place.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(place / "passages.faiss"))
    return seconds


def load(job: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    index = faiss.read_index(str(Path(job["place"]) / "passages.faiss"))

    def ask(question: str) -> dict[str, Any]:
        query = np.ascontiguousarray(_encoder.encode_query(question)[None])
        scores, rows = index.search(query, min(job["k"], index.ntotal))
        return {"passage": int(rows[0, 0]), "score": float(scores[0, 0])}

    return ask
