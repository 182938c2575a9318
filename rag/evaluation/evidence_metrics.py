"""Whether the quotes shown hold the answer, how long they are, and whether they are exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rag.datatypes import Citation
from rag.evaluation.answer_metrics import holds_answer
from rag.evaluation.question_sets import Gold

__all__ = ["citation_is_exact", "evidence_at_k", "evidence_rank", "place_rank", "quote_words"]


def evidence_rank(quotes: Sequence[str], golds: Sequence[Gold]) -> int | None:
    """1-based rank of the first quote whose words hold a gold answer; None where none does.

    >>> evidence_rank(["No.", "It is in Seoul."], [Gold("Seoul")])
    2
    """
    texts = [gold.text for gold in golds]
    return next((rank for rank, quote in enumerate(quotes, 1) if holds_answer(quote, texts)), None)


def place_rank(citations: Sequence[Citation], golds: Sequence[Gold]) -> int | None:
    """Stricter: rank of the first citation that covers a gold answer's own characters in its file.

    Formula: same document, start <= gold start and gold end <= end. None too where no gold answer
    has a place.
    """
    for rank, citation in enumerate(citations, 1):
        for gold in golds:
            if gold.doc_id != citation.doc_id or gold.start is None or gold.end is None:
                continue
            if citation.start <= gold.start and gold.end <= citation.end:
                return rank
    return None


def evidence_at_k(ranks: Sequence[int | None], k: int) -> float | None:
    """Share of questions whose k first quotes hold the answer. None for no questions.

    Formula: |{q : rank(q) <= k}| / n, rank from `evidence_rank`; answer recall at k of DrQA.

    >>> evidence_at_k([1, 3, None, 1], 1), evidence_at_k([1, 3, None, 1], 3)
    (0.5, 0.75)
    """
    if not ranks:
        return None
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks)


def quote_words(quote: str) -> int:
    """Length of a quote in words, split at white space.

    >>> quote_words("Talks are  due\\nin Malaysia.")
    5
    """
    return len(quote.split())


def citation_is_exact(citation: Citation, texts: Mapping[str, str]) -> bool:
    """Whether the quote equals `text[start:end]` of the source it names, and the highlight lies in it."""
    text = texts.get(citation.doc_id)
    if text is None or text[citation.start : citation.end] != citation.quote:
        return False
    if citation.highlight is None:
        return True
    return citation.start <= citation.highlight[0] < citation.highlight[1] <= citation.end
