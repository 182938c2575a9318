"""A pipeline small enough to know every right figure by heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag.config import Config, RetrieveConfig
from rag.datatypes import NOT_IN_SOURCES, Answer, Chunk, Citation, Document, Span
from rag.retriever import Hit, Mode

TEXTS = {
    "bridge.txt": "The bridge opened in 1932. Mayor Adams paid for it.",
    "tower.txt": "The tower is 324 metres tall.",
    "park.txt": "The park closes at dusk.",
}

# question: (doc_id, short answer, confidence); everything else is not found at all.
KNOWN = {
    "When did the bridge open?": ("bridge.txt", "1932", 0.95),
    "Who paid for the bridge?": ("bridge.txt", "1932", 0.7),
    "How tall is the tower?": ("tower.txt", "324 metres", 0.3),
    "Who designed the tower?": ("tower.txt", "324 metres", 0.6),
    "When does the park open?": ("park.txt", "dusk", 0.1),
}


def chunk(doc_id: str) -> Chunk:
    text = TEXTS[doc_id]
    return Chunk(doc_id, doc_id, 0, 1, Span(0, len(text)), text, ((0, 0),))


def citation(doc_id: str, short: str, score: float) -> Citation:
    text = TEXTS[doc_id]
    at = text.index(short)
    start = text.rfind(". ", 0, at) + 2 if ". " in text[:at] else 0
    end = text.index(".", at) + 1
    return Citation(doc_id, None, start, end, text[start:end], (at, at + len(short)), None, "", score)


@dataclass
class FakeRetriever:
    order: Mapping[str, list[str]] = field(default_factory=dict)

    def retrieve(self, question: str, k: int | None = None, *, mode: Mode = "hybrid") -> Sequence[Hit]:
        found = self.order.get(question, ["park.txt", "tower.txt", "bridge.txt"])
        if mode != "hybrid":
            found = found[::-1]
        return [Hit(i, chunk(doc_id), 0.5, 1.0, 1.0 - i / 10) for i, doc_id in enumerate(found)][:k]


@dataclass
class FakeIndex:
    documents: Mapping[str, Document] = field(
        default_factory=lambda: {doc_id: Document(doc_id, text, "") for doc_id, text in TEXTS.items()}
    )


class FakePipeline:
    """Answers from `KNOWN` at 0.5 confidence or above."""

    def __init__(self, order: Mapping[str, list[str]] | None = None) -> None:
        self.index = FakeIndex()
        self.retriever = FakeRetriever(order or {})
        self.config = Config(retrieve=RetrieveConfig(k=2))

    def ask(self, question: str, *, top_k: int = 3) -> Answer:
        if question not in KNOWN:
            return Answer(
                question, False, NOT_IN_SOURCES, None, 0.0, reason="nothing", timings={"total": 0.01}
            )
        doc_id, short, confidence = KNOWN[question]
        shown = (citation(doc_id, short, confidence),)
        timings = {"read": 0.02, "total": 0.03}
        if confidence < 0.5:
            return Answer(
                question,
                False,
                NOT_IN_SOURCES,
                None,
                confidence,
                nearest=shown,
                reason="too low",
                timings=timings,
            )
        return Answer(question, True, shown[0].quote, short, confidence, citations=shown, timings=timings)

    def read(self, question: str, texts: Mapping[str, str], *, top_k: int = 3) -> Answer:
        return self.ask(question, top_k=top_k)
