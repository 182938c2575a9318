"""A short answer's place to a verbatim quote with its citation.

Quotes travel as offsets and are cut from the document's text once, here; they are never searched
for. A quote that is not what its source holds raises and is never shown.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from rag.datatypes import Citation, Document, Span
from rag.errors import CitationError

__all__ = ["cite", "quote_span", "same_words", "says", "sentences_of"]

_CLAUSE_END = re.compile(r"[;:,.!?…。！？；，、–—]\s*|\s[-–—]\s|\n+")
_WORD = re.compile(r"\w+")
# 5 is not in 5,000, nor in 2.5.
_WHOLE = re.compile(r"\d+(?:[.,]\d+)+|\w+")


def quote_span(document: Document, highlight: Span, max_words: int) -> Span:
    """The shortest run of whole sentences that holds the highlight.

    A single sentence of more than twice `max_words` (a table, a text without full stops) is cut
    at the clause ends nearest to the highlight.

    Args:
        document: with its sentences.
        highlight: `[start, end)` of the short answer in the document's text.
        max_words: what a quote should stay within.
    """
    sentences = document.sentences
    first, last = sentences_of(document, highlight)
    if not 0 <= first <= last < len(sentences):
        return highlight
    span = Span(min(sentences[first].start, highlight.start), max(sentences[last].end, highlight.end))
    if len(_WORD.findall(span.of(document.text))) <= 2 * max_words:
        return span
    return _clauses_around(document.text, span, highlight, max_words)


def sentences_of(document: Document, span: Span) -> tuple[int, int]:
    """The places, in `Document.sentences`, of the first and the last sentence that a span touches.

    Where it touches none the first place is beyond the last.
    """
    first = bisect_right(document.sentences, span.start, key=lambda sentence: sentence.end)
    last = bisect_left(document.sentences, span.end, key=lambda sentence: sentence.start) - 1
    return first, last


def _clauses_around(text: str, span: Span, highlight: Span, max_words: int) -> Span:
    """The clauses next to the highlight, within `max_words` where clause ends allow, else words."""
    room = max(1, max_words - len(_WORD.findall(highlight.of(text)))) // 2
    before = [m.start() + span.start for m in _WORD.finditer(text[span.start : highlight.start])]
    after = [m.end() + highlight.end for m in _WORD.finditer(text[highlight.end : span.end])]
    low = before[-room] if len(before) > room else span.start
    high = after[room - 1] if len(after) > room else span.end
    cuts = [low + m.end() for m in _CLAUSE_END.finditer(text[low : highlight.start])]
    tails = [highlight.end + m.end() for m in _CLAUSE_END.finditer(text[highlight.end : high])]
    start = cuts[0] if cuts and low > span.start else low
    end = tails[-1] if tails and high < span.end else high
    while end > highlight.end and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def cite(document: Document, span: Span, highlight: Span | None, score: float) -> Citation:
    """Cut the quote and check it.

    Raises:
        CitationError: the span is empty, outside the text, or the highlight is not within it.
    """
    if not 0 <= span.start < span.end <= len(document.text):
        raise CitationError(
            f"quote [{span.start}, {span.end}) is not inside {document.doc_id!r} (0 to {len(document.text)}); "
            "build the index again with: rag index"
        )
    if highlight is not None and not (span.covers(highlight) and len(highlight) > 0):
        raise CitationError(
            f"short answer [{highlight.start}, {highlight.end}) of {document.doc_id!r} is not inside its "
            f"quote [{span.start}, {span.end}); build the index again with: rag index"
        )
    return Citation(
        doc_id=document.doc_id,
        title=document.title,
        start=span.start,
        end=span.end,
        quote=span.of(document.text),
        highlight=(highlight.start, highlight.end) if highlight is not None else None,
        page=document.page(span.start),
        sha256=document.sha256,
        score=score,
        author=document.author,
        date=document.date,
        source=document.source,
        date_iso=document.date_iso,
    )


def same_words(text: str) -> str:
    """What two texts share when they differ in case, blanks and punctuation only.

    >>> same_words("“Phase One.”") == same_words("phase one")
    True
    """
    return " ".join(_WHOLE.findall(text.casefold()))


def says(text: str, words: str) -> bool:
    """Whether a text holds some words, whole ones and side by side; both as `same_words` gives them.

    >>> says("there are 5 keepers", "5"), says("there are 15 keepers", "5"), says("there are 5 keepers", "")
    (True, False, False)
    """
    return bool(words) and f" {words} " in f" {text} "
