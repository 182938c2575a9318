"""What the decision looks at: numbers about the best candidate, the others and the question."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from rag.candidates import Candidate
from rag.citation import same_words, says
from rag.cleaning.language import question_language
from rag.cognates import has_alike
from rag.imprint import topic_missing
from rag.retriever import Hit
from rag.stores.tokens import words as folded_words
from rag.stores.words import WordStore

__all__ = ["DECIDING", "FEATURES", "describe"]

FEATURES = (
    "reader",
    "answerable",
    "answerable_top",
    "margin",
    "support",
    "similarity",
    "retrieval",
    "dense",
    "dense_top",
    "bm25",
    "coverage",
    "quote_coverage",
    "names_missing",
    "numbers_missing",
    "rank",
    "collection",
    "unread",
    "names_nothing",
)

# Those that the decision is fitted on by default: with a few hundred questions, more of them only overfit.
# Without the share of shared words: it tells right quotes from wrong ones, but near misses are worded as
# their passages are, and people's own words are not.
DECIDING = (
    "reader",
    "answerable",
    "answerable_top",
    "similarity",
    "retrieval",
    "names_missing",
    "numbers_missing",
    "collection",
)

# Among more passages one that only looks right is found more easily. Fitted on 30 to 40,000 chunks; few questions
# were asked of less than 60, so a smaller collection makes no answer surer.
_LEAST_CHUNKS, _MOST_CHUNKS = 60, 50_000

# Capitalised words but the first of the question, and numbers.
_NAME = re.compile(r"(?<!^)(?<!^[¿¡])\b[^\W\d_a-z][\w’'-]*")
_NUMBER = re.compile(r"\b\d[\d.,]*")

# A name that is not within this many characters of the quote says nothing about the quote.
_REACH = 100_000


def describe(
    question: str, candidates: Sequence[Candidate], hits: Sequence[Hit], words: WordStore, *, n_chunks: int
) -> dict[str, float] | None:
    """The features of the best candidate; None where there is no candidate.

    Args:
        question: as asked.
        candidates: best first.
        hits: the chunks that were read, in the retriever's order.
        words: gives each word's weight in this corpus.
        n_chunks: how many chunks the index holds, whether or not a filter was on.

    Returns:
        One number a name of `FEATURES`: `reader`, span minus null logit; `answerable`,
        `answerable_top`, the reader's second head on its chunk and on any chunk; `margin`, its lead over
        the best candidate that says something else elsewhere; `support`, log of 1 + agreeing places;
        `similarity`, cosine of question and quote; `retrieval`, the retriever's fused score; `dense`,
        `dense_top`, cosine of its chunk and of the best chunk; `bm25`, log of 1 + raw score; `coverage`,
        `quote_coverage`, weight of the question's words found in chunk and in quote (in another language's
        spelling too, where they are in one), 0 to 1; `names_missing`,
        `numbers_missing`, how many of the question's names its document lacks, and of its numbers its
        chunk, 2 at most; `rank`, log of 1 + the chunk's place among the hits; `collection`, log of the number of
        chunks, from 60 to 50,000; `unread`, 1 where the reader does not know the script of the chunk;
        `names_nothing`, 1 where the question holds small words only.
    """
    if not candidates:
        return None
    best = candidates[0]
    chunk = best.hit.chunk
    near = f"{best.document.title or ''} {chunk.text}"
    quote = best.quote.of(best.document.text)
    language = best.document.language
    rank = next((place for place, hit in enumerate(hits) if hit.chunk_idx == best.hit.chunk_idx), len(hits))
    return {
        "reader": max(-20.0, min(20.0, best.reading.score)),
        "answerable": best.reading.answerable,
        "answerable_top": max(c.reading.answerable for c in candidates),
        "margin": best.score - _next_score(candidates),
        "support": math.log1p(best.n_support),
        "similarity": best.similarity,
        "retrieval": best.hit.score,
        "dense": best.hit.dense,
        "dense_top": max(hit.dense for hit in hits),
        "bm25": math.log1p(max(0.0, best.hit.bm25)),
        "coverage": max(words.coverage(question, near, language), best.hit.alike or 0.0),
        "quote_coverage": max(words.coverage(question, quote, language), best.alike or 0.0),
        "names_missing": float(min(2, _names_missing(question, best))),
        "numbers_missing": float(min(2, len(_missing(_NUMBER.findall(question), near)))),
        "rank": math.log1p(rank),
        "collection": math.log(max(_LEAST_CHUNKS, min(_MOST_CHUNKS, n_chunks))),
        "unread": float(best.reading.unread),
        "names_nothing": float(words.names_nothing(question)),
    }


def _next_score(candidates: Sequence[Candidate]) -> float:
    """Score of the best candidate in another sentence that says something else; at least 10 below."""
    best = candidates[0]
    words = same_words(best.short)
    for other in candidates[1:]:
        if other.quote == best.quote and other.document.doc_id == best.document.doc_id:
            continue
        other_words = same_words(other.short)
        if not says(other_words, words) and not says(words, other_words):
            return max(other.score, best.score - 10.0)
    return best.score - 10.0


def _names_missing(question: str, best: Candidate) -> int:
    """How many of the question's names the document lacks; by likeness where languages or cases inflect them.

    Of a question about the document itself every word that says which one is meant counts.
    """
    if best.hit.imprint:
        return topic_missing(question, best.document)
    around = _around(best)
    missing = _missing([name for name in _NAME.findall(question) if name[0].isupper()], around)
    if not missing or (best.hit.alike is None and question_language(question) in (None, "en")):
        return len(missing)
    return sum(not all(has_alike(word, around) for word in folded_words(name)) for name in missing)


def _missing(wanted: Sequence[str], text: str) -> list[str]:
    """Those of the question's names or numbers that the text does not hold."""
    there = same_words(text)
    sought = ((name, same_words(name.removesuffix("’s").removesuffix("'s"))) for name in wanted)
    return [name for name, words in sought if words and not says(there, words)]


def _around(candidate: Candidate) -> str:
    low = max(0, candidate.quote.start - _REACH)
    return f"{candidate.document.title or ''} {candidate.document.text[low : candidate.quote.end + _REACH]}"
