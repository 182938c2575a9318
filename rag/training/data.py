"""SQuAD-style files -> paragraphs and the questions asked about them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.errors import DatasetError

__all__ = ["LEAVE_OUT", "Corpus", "Paragraph", "Question", "article_of", "drop_near_copies", "load_squad"]

LEAVE_OUT = frozenset({"Immunology", "Ottoman_Empire"})
"""Articles of SQuAD train that hold near copies of dev paragraphs: never trained on."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text that questions are asked about.

    Attributes:
        text: as in the file; every offset of a question refers to it.
        title: of the article, with spaces.
        source: the name given to the file it came from.
    """

    text: str
    title: str
    source: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one paragraph, or about any one of several that lack the answer.

    Attributes:
        query_id: as in the file.
        text: the question as asked.
        paragraph_idx: position in `Corpus.paragraphs`.
        answers: `[start, end)` of each gold answer in the paragraph; empty where it has none.
        elsewhere: paragraphs retrieval likes for it and that lack the answer. Where given,
            the question is an easy negative: windows are cut from one of these instead.
    """

    query_id: str
    text: str
    paragraph_idx: int
    answers: tuple[tuple[int, int], ...]
    elsewhere: tuple[int, ...] = ()

    @property
    def answerable(self) -> bool:
        """Whether the paragraph it is read against holds an answer."""
        return bool(self.answers) and not self.elsewhere


@dataclass(slots=True)
class Corpus:
    """Paragraphs and the questions over them."""

    paragraphs: list[Paragraph] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def add(self, other: Corpus) -> None:
        """Append another corpus, renumbering its paragraphs."""
        base = len(self.paragraphs)
        self.paragraphs.extend(other.paragraphs)
        for q in other.questions:
            self.questions.append(
                Question(
                    q.query_id,
                    q.text,
                    q.paragraph_idx + base,
                    q.answers,
                    tuple(i + base for i in q.elsewhere),
                )
            )


def load_squad(
    path: str | Path,
    *,
    source: str,
    leave_out: Iterable[str] = (),
    max_per_paragraph: int | None = None,
) -> Corpus:
    """Read a SQuAD 2.0 file, plain or gzipped.

    Questions marked `"offsets": "inferred"` (the span was guessed among several occurrences)
    are left out.

    Args:
        path: `.json` or `.json.gz`.
        source: name of the file's data in logs and in the model card.
        leave_out: titles of articles to skip.
        max_per_paragraph: keep at most so many questions of each paragraph, evenly spread.

    Raises:
        DatasetError: not such a file, or an answer that differs from the text at its offset.
    """
    path = Path(path)
    corpus = Corpus()
    skipped = frozenset(leave_out)
    for article in sorted(_articles(path), key=lambda a: str(a.get("title", ""))):
        if article.get("title", "") in skipped:
            continue
        title = str(article.get("title", "")).replace("_", " ")
        for paragraph in article["paragraphs"]:
            kept = [q for q in paragraph["qas"] if q.get("offsets") != "inferred"]
            if max_per_paragraph is not None and len(kept) > max_per_paragraph:
                step = len(kept) / max_per_paragraph
                kept = [kept[int(i * step)] for i in range(max_per_paragraph)]
            idx = len(corpus.paragraphs)
            corpus.paragraphs.append(Paragraph(paragraph["context"], title, source))
            for qa in kept:
                spans = tuple(_spans(qa, paragraph["context"], path))
                corpus.questions.append(Question(str(qa["id"]), qa["question"], idx, spans))
    return corpus


def drop_near_copies(
    corpus: Corpus, held_out: Sequence[Paragraph], *, n: int = 8, share: float = 0.3
) -> tuple[Corpus, int]:
    """Leave out the paragraphs that share many word n-grams with held-out ones.

    Returns:
        The corpus without them and without their questions, and how many paragraphs went.
    """
    known: set[tuple[str, ...]] = set()
    for p in held_out:
        known.update(_ngrams(p.text, n))
    keep: dict[int, int] = {}
    kept = Corpus()
    for i, p in enumerate(corpus.paragraphs):
        grams = _ngrams(p.text, n)
        if grams and sum(g in known for g in grams) >= share * len(grams):
            continue
        keep[i] = len(kept.paragraphs)
        kept.paragraphs.append(p)
    for q in corpus.questions:
        if q.paragraph_idx in keep:
            kept.questions.append(Question(q.query_id, q.text, keep[q.paragraph_idx], q.answers, q.elsewhere))
    return kept, len(corpus.paragraphs) - len(kept.paragraphs)


def article_of(title: str) -> str:
    """The article's part of a title; sentence files number their sentences after it.

    >>> article_of("Wiki1k:wikinews:844279:6:2")
    'Wiki1k:wikinews:844279'
    """
    return title.rsplit(":", 2)[0] if title.count(":") > 2 else title


def _articles(path: Path) -> list[dict[str, Any]]:
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        return list(json.loads(raw)["data"])
    except (OSError, ValueError, KeyError, TypeError, EOFError) as err:
        raise DatasetError(
            f"{path} is not a SQuAD 2.0 file ({type(err).__name__}: {err}); expected JSON, "
            "plain or gzipped, with data[].paragraphs[].context and .qas[]"
        ) from err


def _spans(qa: dict[str, Any], text: str, path: Path) -> Iterable[tuple[int, int]]:
    for answer in qa.get("answers", ()):
        start = int(answer["answer_start"])
        end = start + len(answer["text"])
        if text[start:end] != answer["text"]:
            raise DatasetError(
                f"{path}, question {qa['id']}: the answer {answer['text']!r} is not what the "
                f"paragraph has at {start}: {text[start:end]!r}"
            )
        yield start, end


def _ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
