"""Haystack: its in-memory store, retriever and ExtractiveReader, with this project's weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import ComponentDevice
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)
from haystack_integrations.components.readers.transformers import TransformersExtractiveReader

_models: dict[str, Any] = {}


def warm(job: dict[str, Any]) -> None:
    _models["embedder"] = SentenceTransformersDocumentEmbedder(
        model=job["encoder"],
        device=ComponentDevice.from_str("cpu"),
        batch_size=job["batch"],
        progress_bar=False,
    )
    _models["embedder"].warm_up()


def build(job: dict[str, Any]) -> float:
    documents = [
        Document(content=passage["text"], meta={"row": row}) for row, passage in enumerate(job["passages"])
    ]
    started = time.perf_counter()
    embedded = _models["embedder"].run(documents)["documents"]
    seconds = time.perf_counter() - started
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents(embedded)
    Path(job["place"]).mkdir(parents=True, exist_ok=True)
    store.save_to_disk(str(Path(job["place"]) / "store.json"))
    return seconds


def load(job: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    device = ComponentDevice.from_str("cpu")
    store = InMemoryDocumentStore.load_from_disk(str(Path(job["place"]) / "store.json"))
    pipeline = Pipeline()
    pipeline.add_component(
        "embedder", SentenceTransformersTextEmbedder(model=job["encoder"], device=device, progress_bar=False)
    )
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=job["k"]))
    pipeline.add_component(
        "reader", TransformersExtractiveReader(model=job["reader"], device=device, top_k=1, no_answer=True)
    )
    pipeline.connect("embedder.embedding", "retriever.query_embedding")
    pipeline.connect("retriever.documents", "reader.documents")

    def ask(question: str) -> dict[str, Any]:
        answers = pipeline.run({"embedder": {"text": question}, "reader": {"query": question}})["reader"][
            "answers"
        ]
        best = next(answer for answer in answers if answer.data is not None)
        none = next((answer.score for answer in answers if answer.data is None), 0.0)
        span = best.document_offset
        return {
            "passage": best.document.meta["row"],
            "short": [span.start, span.end],
            "score": float(best.score) - float(none),
        }

    return ask
