"""The same passage in several documents: read once, cited wherever it stands.

What is left out of the reading is only what has been read already in nearly the same words. A passage with
another number in it, or a "not" more or less, is no copy, however alike the rest: it may answer otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rag.citation import same_words
from rag.datatypes import Document, Span
from rag.sketches import shingles

__all__ = ["Once", "find_copy"]

# Share of a passage's runs of three words that must have been read in one other document.
_COVERED = 0.8

# Words of a quote and of its copy that may differ, as a share.
_DIFFERENT = 0.2

_WORD = re.compile(r"\w+")
_DECISIVE = re.compile(
    r"\w*\d\w*|(?:no|not|never|none|nor|without|cannot|nicht|kein\w*|nie|ohne|ni|nunca|jamás|sin|pas|jamais|sans|non|mai)\Z"
)


@dataclass(slots=True)
class _Read:
    """What has been read of a document.

    Attributes:
        runs: of three words.
        decisive: numbers and negations, with how often each was met.
        passages: place among what was taken, and its own runs and decisive words.
    """

    runs: set[str] = field(default_factory=set)
    decisive: Counter[str] = field(default_factory=Counter)
    passages: list[tuple[int, set[str], Counter[str]]] = field(default_factory=list)


class Once:
    """Takes passages in order and says which only repeat what another document said."""

    def __init__(self) -> None:
        self._read: dict[str, _Read] = {}
        self._n = 0

    def origin(self, doc_id: str, text: str) -> int | None:
        """The place of the passage that this one is a copy of, among those that are none; None, and it is taken.

        >>> once = Once()
        >>> once.origin("a", "The harbour froze in the winter of 1947.")
        >>> once.origin("b", "The harbour froze in the winter of 1947!")
        0
        >>> once.origin("c", "The harbour froze in the winter of 1948.")
        """
        runs, decisive = shingles(text), _decisive(text)
        for other, read in self._read.items():
            if other != doc_id and runs and len(runs & read.runs) >= _COVERED * len(runs):
                place = _nearest(read, runs, decisive)
                if place is not None:
                    return place
        read = self._read.setdefault(doc_id, _Read())
        read.runs |= runs
        read.decisive += decisive
        read.passages.append((self._n, runs, decisive))
        self._n += 1
        return None


def _nearest(read: _Read, runs: set[str], decisive: Counter[str]) -> int | None:
    """The passage of a document that shares most; None where a number or a negation tells them apart."""
    place, own, its_decisive = max(read.passages, key=lambda passage: len(passage[1] & runs))
    if decisive - read.decisive:
        return None
    mutual = len(own & runs) >= _COVERED * len(own)
    return None if mutual and its_decisive - decisive else place


def _decisive(text: str) -> Counter[str]:
    # "isn't" is two words here, and the second says no.
    said = _WORD.findall(re.sub(r"n[’']t\b", " not", text.casefold()))
    return Counter(word for word in said if _DECISIVE.match(word))


def find_copy(document: Document, quote: str, short: str) -> tuple[Span, Span] | None:
    """Where another document says what a quote says: whole sentences, and the short answer inside.

    Args:
        document: that has a copy of the passage.
        quote: as cited from the other one.
        short: the short answer in it.

    Returns:
        Both `[start, end)` in the document's text; None where its words differ in what matters.
    """
    wanted, answer = same_words(quote).split(), same_words(short)
    best: tuple[float, Span, Span] | None = None
    spoken = [same_words(sentence.of(document.text)) for sentence in document.sentences]
    for at, words in enumerate(spoken):
        if not answer or f" {answer} " not in f" {words} ":
            continue
        for first, last in _windows(spoken, at, len(wanted)):
            found = " ".join(spoken[first:last]).split()
            differ = (Counter(found) - Counter(wanted)) + (Counter(wanted) - Counter(found))
            share = differ.total() / max(1, len(found) + len(wanted))
            span = Span(document.sentences[first].start, document.sentences[last - 1].end)
            if share > _DIFFERENT or _decisive(span.of(document.text)) != _decisive(quote):
                continue
            highlight = _place_of(document.text, document.sentences[at], answer)
            if highlight is not None and (best is None or share < best[0]):
                best = (share, span, highlight)
    return best[1:] if best else None


def _windows(spoken: Sequence[str], at: int, n_words: int) -> Iterable[tuple[int, int]]:
    """Runs of sentences around one of them that have about as many words as the quote."""
    sizes = [len(words.split()) for words in spoken]
    for first in range(max(0, at - 3), at + 1):
        for last in range(at + 1, min(len(spoken), at + 4) + 1):
            if abs(sum(sizes[first:last]) - n_words) <= 2 * _DIFFERENT * n_words:
                yield first, last


def _place_of(text: str, sentence: Span, words: str) -> Span | None:
    """Where a sentence says some words, whatever stands between them."""
    pattern = r"\W+".join(map(re.escape, words.split()))
    match = re.search(rf"(?<!\w){pattern}(?!\w)", sentence.of(text), re.IGNORECASE)
    return Span(sentence.start + match.start(), sentence.start + match.end()) if match else None
