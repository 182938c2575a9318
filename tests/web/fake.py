"""A pipeline of forty lines with the real one's interface: fast, predictable, no models."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.conversation import History
from rag.datatypes import NOT_IN_SOURCES, Answer, Citation, Document, Span
from rag.filters import Filter

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
STOP = {
    "the",
    "a",
    "an",
    "of",
    "to",
    "in",
    "on",
    "is",
    "was",
    "did",
    "do",
    "does",
    "what",
    "who",
    "for",
    "by",
}


def words(text: str) -> set[str]:
    return {w for w in re.findall(r"\w+", text.lower()) if w not in STOP}


@dataclass
class FakeIndex:
    documents: dict[str, Document]
    roots: tuple[str, ...] = ()


class FakePipeline:
    """Answers with the sentence that shares most words with the question."""

    def __init__(self, texts: dict[str, str], delay: float = 0.0, roots: tuple[str, ...] = ()) -> None:
        self.delay = delay
        self.asked: list[tuple[str, object, object]] = []
        documents = {}
        for doc_id, text in texts.items():
            sentences = tuple(Span(*m.span()) for m in re.finditer(r"[^\s][^.!?\n]{15,}[.!?]”?", text))
            title = next((line.strip() for line in text.splitlines() if 3 < len(line.strip()) < 90), None)
            digest = hashlib.sha256(text.encode()).hexdigest()
            pages = (0, *(m.end() for m in re.finditer("\f", text))) if "\f" in text else ()
            documents[doc_id] = Document(
                doc_id, text, digest, title, (Span(0, len(text)),), sentences, pages=pages
            )
        self.index = FakeIndex(documents, roots)

    @classmethod
    def over_seeds(cls, **settings: object) -> FakePipeline:
        return cls.over_folder(SEEDS, **settings)

    @classmethod
    def over_folder(cls, folder: Path, **settings: object) -> FakePipeline:
        files = [
            p for p in sorted(folder.rglob("*")) if p.suffix in (".txt", ".md") and p.name != "README.md"
        ]
        texts = {p.relative_to(folder).as_posix(): p.read_bytes().decode() for p in files}
        return cls(texts, roots=(str(folder),), **settings)  # type: ignore[arg-type]

    def ask(
        self,
        question: str,
        *,
        top_k: int = 3,
        documents: Sequence[str] | None = None,
        history: History | None = None,
        min_confidence: float | None = None,
        max_risk: float | None = None,
        **narrow: str,
    ) -> Answer:
        self.narrowed = narrow
        where = Filter.of(**narrow)  # type: ignore[arg-type]
        said = [(q, a.to_dict() if isinstance(a, Answer) else a) for q, a in history or ()]
        self.asked.append((question, documents, said))
        time.sleep(self.delay)
        if "please crash" in question:
            raise RuntimeError("secret /etc/passwd in the message")
        wanted = words(question)
        scored = []
        for doc in self.index.documents.values():
            if documents is not None and not any(fnmatch.fnmatch(doc.doc_id, d) for d in documents):
                continue
            for s in doc.sentences:
                shared = len(wanted & words(s.of(doc.text))) / max(1, len(wanted))
                scored.append((shared - (s.end - s.start) / 1e5, doc, s))
        scored.sort(key=lambda entry: -entry[0])
        citations = tuple(self._cite(doc, s, score, wanted) for score, doc, s in scored[:top_k])
        best = scored[0][0] if scored else 0.0
        threshold = 0.55 if min_confidence is None else min_confidence
        if best < threshold:
            reason = f"confidence {max(best, 0):.2f} is under the threshold {threshold:.2f}"
            return Answer(
                question, False, NOT_IN_SOURCES, None, max(0.0, best) / 2, nearest=citations, reason=reason
            )
        if where is not None:
            return Answer(question, False, NOT_IN_SOURCES, None, 0.1, reason=f"({where})", filter=str(where))
        first = citations[0]
        short = None
        if first.highlight:
            short = first.quote[first.highlight[0] - first.start : first.highlight[1] - first.start]
        kept = tuple(c for c in citations if c.score > 0.5)
        return Answer(question, True, first.quote, short, min(0.97, best), kept, timings={"total": 0.01})

    @staticmethod
    def _cite(doc: Document, s: Span, score: float, wanted: set[str]) -> Citation:
        quote = s.of(doc.text)
        found = list(re.finditer(r"[A-Z]\w+(?: [A-Z]\w+)+|\d[\d,.]*\d|\w{7,}", quote))
        new = next((m for m in found if not words(m.group()) & wanted), None)
        highlight = (s.start + new.start(), s.start + new.end()) if new else None
        return Citation(
            doc.doc_id, doc.title, s.start, s.end, quote, highlight, doc.page(s.start), doc.sha256, score
        )
