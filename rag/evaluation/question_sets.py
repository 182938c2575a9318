"""What an evaluation asks: questions with gold answers, or queries with graded documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rag.errors import DatasetError

__all__ = ["Gold", "Question", "QuestionSet", "RankingSet"]


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold answer. Where its place is known, `text` is `[start, end)` of document `doc_id`."""

    text: str
    doc_id: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question and what is right for it.

    Attributes:
        query_id: unique within its set.
        text: as it is asked.
        golds: acceptable answers; none means that the sources do not answer it.
        doc_id: the document that answers it (answerable) or that it is asked about (SQuAD's
            unanswerable ones); None where unknown.
        kind: free label to report by, for example `near-miss`.
        split: `dev` questions may be tuned on, `report` ones never; empty where there is no split.
    """

    query_id: str
    text: str
    golds: tuple[Gold, ...] = ()
    doc_id: str | None = None
    kind: str = ""
    split: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the sources answer it."""
        return bool(self.golds)

    @property
    def answers(self) -> list[str]:
        """The gold answers' texts."""
        return [gold.text for gold in self.golds]

    @property
    def gold_docs(self) -> frozenset[str]:
        """Documents that answer it, as far as known."""
        if not self.golds:
            return frozenset()
        places = frozenset(gold.doc_id for gold in self.golds if gold.doc_id is not None)
        return places or (frozenset() if self.doc_id is None else frozenset({self.doc_id}))


@dataclass(frozen=True)
class QuestionSet:
    """Questions, and the texts they are about where the file brings them.

    Attributes:
        name: short, for headings.
        path: the file as given.
        questions: in file order.
        texts: doc_id to text, for SQuAD's paragraphs; None where an index is asked instead.
    """

    name: str
    path: str
    questions: tuple[Question, ...]
    texts: Mapping[str, str] | None = None

    def only(self, split: str = "all", limit: int | None = None) -> QuestionSet:
        """The questions of one split, spread evenly over the file where `limit` cuts them.

        Every n-th is taken instead of the first ones, because files are sorted by article.

        Raises:
            DatasetError: no question is left.
        """
        kept = [q for q in self.questions if split == "all" or q.split == split]
        if limit is not None and len(kept) > limit:
            kept = [kept[i * len(kept) // limit] for i in range(limit)]
        if not kept:
            splits = sorted({q.split for q in self.questions if q.split}) or ["none"]
            raise DatasetError(
                f"{self.path}: no question of split {split!r} (limit {limit}); splits in the file: "
                f"{', '.join(splits)}. Choose another --split or --limit"
            )
        return replace(self, questions=tuple(kept))

    def check_places(self, texts: Mapping[str, str]) -> None:
        """Compares every gold answer that has a place with the text at that place.

        Raises:
            DatasetError: an unknown document, or other characters there.
        """
        for question in self.questions:
            for gold in question.golds:
                if gold.doc_id is None or gold.start is None or gold.end is None:
                    continue
                text = texts.get(gold.doc_id)
                if text is None:
                    raise DatasetError(
                        f"{self.path}: question {question.query_id!r}: doc_id {gold.doc_id!r} is not among "
                        f"the {len(texts)} documents; expected a path relative to the indexed folder"
                    )
                if text[gold.start : gold.end] != gold.text:
                    raise DatasetError(
                        f"{self.path}: question {question.query_id!r}: answer {gold.text!r} is not at "
                        f"[{gold.start}, {gold.end}) of {gold.doc_id}, which holds "
                        f"{text[gold.start : gold.end]!r}; correct start and end"
                    )


@dataclass(frozen=True)
class RankingSet:
    """Queries, documents and graded judgements, as BEIR has them.

    Attributes:
        name: short, for headings.
        path: the folder or zip as given.
        corpus: doc_id to title and text, joined by a space as BEIR's dense baselines do.
        queries: query_id to text, only those judged in this split.
        qrels: query_id to doc_id to grade.
        split: which qrels file.
    """

    name: str
    path: str
    corpus: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    split: str = "test"
