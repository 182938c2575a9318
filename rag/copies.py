"""The same passage in several documents: read once, cited wherever it stands.

What is left out of the reading is only what has been read already in nearly the same words. A passage with
another number in it, or a "not" more or less, is no copy, however alike the rest: it may answer otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from rag.citation import same_words
from rag.datatypes import Document, Span
from rag.sketches import shingles

__all__ = ["Once", "find_copy"]

# Share of a passage's runs of three words that must have been read in one other document.
_COVERED = 0.8

# Words of a quote and of its copy that may differ, as a share.
_DIFFERENT = 0.2

# Words that agree on the way through two passages, in a row; a longer rest at either end is another cut.
_LEAST_BLOCK = 2
_LONGEST_EDGE = 5

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
        passages: place among what was taken, and its own runs and words.
    """

    runs: set[str] = field(default_factory=set)
    decisive: Counter[str] = field(default_factory=Counter)
    passages: list[tuple[int, set[str], list[str]]] = field(default_factory=list)


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
        runs, said = shingles(text), _words(text)
        for other, read in self._read.items():
            if other != doc_id and runs and len(runs & read.runs) >= _COVERED * len(runs):
                place = _nearest(read, runs, said)
                if place is not None:
                    return place
        read = self._read.setdefault(doc_id, _Read())
        read.runs |= runs
        read.decisive += _decisive(said)
        read.passages.append((self._n, runs, said))
        self._n += 1
        return None


def _nearest(read: _Read, runs: set[str], said: list[str]) -> int | None:
    """The passage of a document that shares most; None where a number or a negation tells them apart."""
    place, _, own = max(read.passages, key=lambda passage: len(passage[1] & runs))
    return None if _decisive(said) - read.decisive or _told_apart(own, said) else place


def _told_apart(one: list[str], other: list[str]) -> bool:
    """Whether a number or a negation stands where two passages differ; what only one of them goes on to say is none."""
    before = (0, 0)
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    ends = (len(one), len(other))
    for block in (b for b in blocks if b.size >= _LEAST_BLOCK or (b.a, b.b) == ends):
        between = one[before[0] : block.a], other[before[1] : block.b]
        at_an_end = before == (0, 0) or (block.a, block.b) == ends
        if not (at_an_end and max(map(len, between)) > _LONGEST_EDGE) and any(map(_decisive, between)):
            return True
        before = (block.a + block.size, block.b + block.size)
    return False


def _words(text: str) -> list[str]:
    # "isn't" is two words here, and the second says no.
    return _WORD.findall(re.sub(r"n[’']t\b", " not", text.casefold()))


def _decisive(said: Iterable[str]) -> Counter[str]:
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
            if share > _DIFFERENT or _decisive(_words(span.of(document.text))) != _decisive(_words(quote)):
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
