"""Easy negatives: a question with passages that retrieval likes and that lack its answer.

SQuAD's own unanswerable questions all resemble their paragraph. A reader behind a retriever
mostly sees passages that are simply about something else, and has to be told so.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from rag.errors import OptionalDependencyError
from rag.training.data import Corpus, Question, article_of

__all__ = ["mine_negatives"]


def mine_negatives(
    corpus: Corpus, *, n: int, seed: int, k: int = 24, per_question: int = 4
) -> list[Question]:
    """Pair answerable questions with paragraphs that BM25 ranks high and that lack the answer.

    Paragraphs of the same article come first, then others by rank.

    Args:
        corpus: its questions are drawn from and its paragraphs searched.
        n: how many questions to draw (fewer come back where none qualifies).
        seed: of the draw.
        k: how many paragraphs to look at for each question.
        per_question: how many of them to keep; one is drawn anew in each epoch.
    """
    try:
        import bm25s
    except ImportError as err:  # pragma: no cover
        raise OptionalDependencyError("bm25s", "train", "to find easy negatives") from err
    pool = [q for q in corpus.questions if q.answerable]
    drawn = random.Random(seed).sample(pool, min(n, len(pool)))
    if not drawn or len(corpus.paragraphs) < 2:
        return []
    texts = [p.text for p in corpus.paragraphs]
    index = bm25s.BM25()
    quiet = {"show_progress": False}
    index.index(bm25s.tokenize(texts, stopwords="en", **quiet), **quiet)
    k = min(k, len(texts))
    ranked, _ = index.retrieve(bm25s.tokenize([q.text for q in drawn], stopwords="en", **quiet), k=k, **quiet)
    plain = [_plain(t) for t in texts]
    found = []
    for q, row in zip(drawn, ranked, strict=True):
        golds = [_plain(texts[q.paragraph_idx][a:b]) for a, b in q.answers]
        good = [int(i) for i in row if i != q.paragraph_idx and not any(g in plain[i] for g in golds)]
        home = article_of(corpus.paragraphs[q.paragraph_idx].title)
        good.sort(key=lambda i: article_of(corpus.paragraphs[i].title) != home)
        if good:
            chosen = tuple(good[:per_question])
            found.append(Question(f"{q.query_id}#elsewhere", q.text, q.paragraph_idx, q.answers, chosen))
    return found


def holds_answer(text: str, golds: Sequence[str]) -> bool:
    """Whether any gold answer stands in the text, punctuation, case and spacing aside.

    >>> holds_answer("In  May, 1945 ...", ["may 1945"])
    True
    """
    plain = _plain(text)
    return any(_plain(g) in plain for g in golds)


def _plain(text: str) -> str:
    return " " + " ".join(re.findall(r"[^\W_]+", text.lower())) + " "
