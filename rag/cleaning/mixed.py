"""Where a document changes its language, paragraph by paragraph."""

from __future__ import annotations

from collections.abc import Sequence

from rag.cleaning.language import passage_language
from rag.datatypes import Span

__all__ = ["language_runs"]

_SHORTEST = 8  # words; a heading or a dateline in between goes with what stands around it
_MOST = 1500  # characters of a paragraph that are looked at


def language_runs(
    text: str, sentences: Sequence[Span], language: str | None
) -> list[tuple[int, int, str | None]]:
    """Runs of sentences in one language; a single one for nearly every document.

    A language begins and ends with a paragraph: a sentence quoted within one stays where it is. A short
    paragraph goes with the ones around it where they agree, else with the document.

    >>> text = "He came.\\n\\nLas empresas han buscado mayor claridad en las áreas de la inversión.\\n\\nHe went."
    >>> language_runs(text, [Span(0, 8), Span(10, 80), Span(82, 90)], "en")
    [(0, 1, 'en'), (1, 2, 'es'), (2, 3, 'en')]

    Args:
        text: the document's.
        sentences: in reading order.
        language: of the document.

    Returns:
        `(first, last, language)`, `[first, last)` counts sentences; together all of them, in order.
    """
    paragraphs: list[list[int]] = []
    for at, span in enumerate(sentences):
        if at and "\n" not in text[sentences[at - 1].end : span.start]:
            paragraphs[-1][1] = at + 1
        else:
            paragraphs.append([at, at + 1])
    known = [_language(text[sentences[a].start : sentences[b - 1].end], language) for a, b in paragraphs]
    following: list[str | None] = [None] * len(known)
    for at in range(len(known) - 2, -1, -1):
        following[at] = known[at + 1] or following[at + 1]
    runs: list[tuple[int, int, str | None]] = []
    before: str | None = None
    for (first, last), own, after in zip(paragraphs, known, following, strict=True):
        spoken = own or (before if before == after else None) or language
        before = own or before
        if runs and runs[-1][2] == spoken:
            runs[-1] = (runs[-1][0], last, spoken)
        else:
            runs.append((first, last, spoken))
    return runs


def _language(paragraph: str, default: str | None) -> str | None:
    """None where the paragraph is too short to tell."""
    sample = paragraph[:_MOST]
    found = passage_language(sample, default or "en")
    if found == (default or "en"):
        return default if len(sample.split()) >= _SHORTEST else None
    return found
