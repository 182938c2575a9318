"""What is kept of one question after it was asked: enough to count, to compare and to look into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rag.datatypes import Answer, Chunk
from rag.evaluation.answer_metrics import exact_match, f1_score, holds_answer
from rag.evaluation.evidence_metrics import citation_is_exact, evidence_rank, place_rank
from rag.evaluation.question_sets import Gold, Question

__all__ = ["STAGES", "Record", "chunk_rank", "document_rank", "make_record"]

STAGES = {
    "not retrieved": "no candidate passage holds the answer: wording, chunking or cleaning",
    "not ranked": "a candidate holds the answer, but too far down to be read: fusion",
    "wrong span": "a passage with the answer was read, but another sentence was chosen: reader",
    "wrongly refused": "the right sentence was found, but confidence fell short: decision",
    "wrongly answered": "the sources do not hold the answer, yet one was given: decision",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One question, what was said, and how right it was.

    The candidate is the best quote and short answer whatever was decided, so that thresholds can be
    judged afterwards; `found` says whether it was given.

    Attributes:
        query_id, question, kind, split, answerable: as in the question set.
        golds: the gold answers' texts.
        found: answered or refused.
        confidence: probability, 0 to 1.
        short, quote: the candidate; empty where there was none.
        doc_id, start, end: the quote's place.
        score: the first citation's.
        exact, f1: of the decided answer, a refusal being the empty string.
        candidate_exact, candidate_f1: of the candidate.
        evidence: rank of the first quote that holds a gold answer.
        evidence_place: rank of the first quote that covers a gold answer's own place.
        placed: whether any gold answer has a place.
        doc_known: whether the documents that answer (or that it was written about) are known.
        n_quotes, n_quotes_exact: quotes shown, and how many equal their source.
        doc_rank: rank of the first document that answers (or that the question is about).
        passage_rank: rank of the first passage that holds the answer.
        n_read: passages that the reader saw; 0 in the reader setting.
        reason: of a refusal.
        timings: seconds by stage.
    """

    query_id: str
    question: str
    kind: str
    split: str
    answerable: bool
    golds: list[str]
    found: bool
    confidence: float
    short: str
    quote: str
    doc_id: str | None
    start: int | None
    end: int | None
    score: float | None
    exact: float
    f1: float
    candidate_exact: float
    candidate_f1: float
    evidence: int | None
    evidence_place: int | None
    placed: bool
    doc_known: bool
    n_quotes: int
    n_quotes_exact: int
    doc_rank: int | None
    passage_rank: int | None
    n_read: int
    reason: str | None
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether the candidate's quote holds the answer; never where the sources hold none."""
        return self.evidence == 1

    @property
    def outcome(self) -> str:
        """`right answer`, `wrong answer`, `right refusal` or `wrong refusal`."""
        if self.found:
            return "right answer" if self.right else "wrong answer"
        return "wrong refusal" if self.answerable else "right refusal"

    @property
    def stage(self) -> str | None:
        """Where it went wrong, a key of `STAGES`; None where it did not."""
        if not self.answerable:
            return "wrongly answered" if self.found else None
        if self.right:
            return None if self.found else "wrongly refused"
        if not self.n_read:
            return "wrong span"
        if self.passage_rank is None:
            return "not retrieved"
        return "not ranked" if self.passage_rank > self.n_read else "wrong span"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with outcome and stage."""
        return {**asdict(self), "right": self.right, "outcome": self.outcome, "stage": self.stage}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Record:
        """The inverse of `to_dict`."""
        derived = {"right", "outcome", "stage"}
        return cls(**{name: value for name, value in row.items() if name not in derived})


def document_rank(question: Question, doc_ids: Sequence[str]) -> int | None:
    """Rank of the first document that answers, documents counted once.

    For an unanswerable question, of the document that it was written about.
    """
    wanted = question.gold_docs or ({question.doc_id} if question.doc_id else set())
    ranked = dict.fromkeys(doc_ids)
    return next((rank for rank, doc_id in enumerate(ranked, 1) if doc_id in wanted), None)


def chunk_rank(question: Question, chunks: Sequence[Chunk]) -> int | None:
    """Rank of the first passage that holds a gold answer.

    Where gold answers have places it must overlap one; else its words must hold the answer, and it
    must come from the gold document where that is known.
    """
    return next((rank for rank, chunk in enumerate(chunks, 1) if _holds(chunk, question.golds)), None)


def _holds(chunk: Chunk, golds: Sequence[Gold]) -> bool:
    for gold in golds:
        if gold.doc_id is not None and gold.doc_id != chunk.doc_id:
            continue
        if gold.start is not None and gold.end is not None:
            if chunk.span.start < gold.end and gold.start < chunk.span.end:
                return True
        elif holds_answer(chunk.text, [gold.text]):
            return True
    return False


def make_record(
    question: Question,
    answer: Answer,
    texts: Mapping[str, str],
    *,
    chunks: Sequence[Chunk] = (),
    n_read: int = 0,
) -> Record:
    """Judges one answer.

    Args:
        question: with its gold answers.
        answer: as the pipeline gave it; a refusal's first `nearest` is its candidate.
        texts: doc_id to text, to check the quotes against.
        chunks: passages in the retriever's order, more than were read; empty in the reader setting.
        n_read: how many of them the reader saw.
    """
    shown = answer.citations if answer.found else answer.nearest
    best = shown[0] if shown else None
    quote = best.quote if best else ""
    short = ""
    if best is not None and best.highlight is not None:
        short = quote[best.highlight[0] - best.start : best.highlight[1] - best.start]
    golds = question.answers
    # Covering the gold characters is holding them, whatever words they are cut into.
    by_place = place_rank(shown, question.golds)
    said = (answer.short or short) if answer.found else ""
    return Record(
        query_id=question.query_id,
        question=question.text,
        kind=question.kind,
        split=question.split,
        answerable=question.answerable,
        golds=golds,
        found=answer.found,
        confidence=answer.confidence,
        short=short,
        quote=quote,
        doc_id=best.doc_id if best else None,
        start=best.start if best else None,
        end=best.end if best else None,
        score=best.score if best else None,
        exact=exact_match(said, golds),
        f1=f1_score(said, golds),
        candidate_exact=exact_match(short, golds),
        candidate_f1=f1_score(short, golds),
        evidence=_first(evidence_rank([citation.quote for citation in shown], question.golds), by_place),
        evidence_place=by_place,
        placed=any(gold.start is not None for gold in question.golds),
        doc_known=bool(question.gold_docs or question.doc_id),
        n_quotes=len(shown),
        n_quotes_exact=sum(citation_is_exact(citation, texts) for citation in shown),
        doc_rank=document_rank(question, [chunk.doc_id for chunk in chunks]),
        passage_rank=chunk_rank(question, chunks),
        n_read=n_read,
        reason=answer.reason,
        timings=dict(answer.timings),
    )


def _first(*ranks: int | None) -> int | None:
    return min((rank for rank in ranks if rank is not None), default=None)
