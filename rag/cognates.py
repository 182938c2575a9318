"""Words that look alike in two languages: "objetivos" and "objectives", "Mexiko" and "Mexico".

Evidence for a passage in another language than the question's, where stems can't meet. Names, numbers and
learned words are shared by many languages of one script; a word counts by the longest common
subsequence of the two (Melamed 1995, "Automatic evaluation and uniform filter cascades for inducing
n-best translation lexicons"), and only from its first letter on (Simard, Foster & Isabelle 1992, "Using
cognates to align sentences in bilingual corpora"). No dictionary, no list of words.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rag.stores.tokens import words

__all__ = ["LEAST", "alike_share", "has_alike", "likeness"]

# Below it most likenesses are chance: "market" and "mercado" (0.43) are no more alike than "main" and "mantienen".
LEAST = 0.65
_SHORTEST = 4  # letters; shorter words are alike where they are the same
_SHORTEST_PART = 5  # letters of a word that begins a compound: "export" in "Exportverbot"
_PART = 0.8

# Spellings of one sound, as far as they hold over Romance and Germanic languages.
_SOUNDS = (("ph", "f"), ("th", "t"), ("ck", "k"), ("qu", "k"), ("x", "ks"), ("sh", "s"), ("sch", "s"))
_LETTERS = str.maketrans(
    {"c": "k", "q": "k", "z": "s", "y": "i", "w": "v", "ß": "s", "đ": "d", "ø": "o", "ł": "l"}
)


def alike_share(weights: Mapping[str, float], text: str) -> float:
    """Share of a question's words that a text in another language holds alike.

    >>> share = alike_share({"main": 1.0, "objectives": 1.0}, "los objetivos principales")
    >>> round(share, 2)
    0.4

    Args:
        weights: of the question's words, folded as `rag.stores.tokens.words` folds them.
        text: where they are looked for.

    Returns:
        0 to 1; each word by its weight and by how alike the nearest word is.
    """
    total = sum(weights.values())
    if not total:
        return 0.0
    there = _by_first_sound(text)
    return sum(weight * _nearest(word, there) for word, weight in weights.items()) / total


def has_alike(word: str, text: str) -> bool:
    """Whether a text, which may be long, holds a word that is alike."""
    return any(likeness(word, other) for other in dict.fromkeys(words(text)))


@lru_cache(maxsize=512)  # chunks and sentences, some kilobytes each
def _by_first_sound(text: str) -> Mapping[str, tuple[str, ...]]:
    """The words of a text by what they begin with; only those with the same beginning can be alike."""
    found: dict[str, list[str]] = {}
    for word in dict.fromkeys(words(text)):
        found.setdefault(_sound(word)[:1], []).append(word)
    return {first: tuple(some) for first, some in found.items()}


def _nearest(word: str, there: Mapping[str, tuple[str, ...]]) -> float:
    return max((likeness(word, other) for other in there.get(_sound(word)[:1], ())), default=0.0)


@lru_cache(maxsize=200_000)
def likeness(word: str, other: str) -> float:
    """How alike two folded words are: 1 for the same, 0 for less than `LEAST`.

    >>> likeness("tariffs", "tarifas") > 0.7, likeness("goals", "objetivos")
    (True, 0.0)
    """
    if word == other:
        return 1.0
    if min(len(word), len(other)) < _SHORTEST or not (word.isalpha() and other.isalpha()):
        return 0.0
    a, b = _sound(word), _sound(other)
    if a[:1] != b[:1]:
        return 0.0
    short, long = sorted((a, b), key=len)
    ratio = _common(short, long) / len(long)
    if ratio < _PART and len(short) >= _SHORTEST_PART and long.startswith(short):
        return _PART
    return ratio if ratio >= LEAST else 0.0


@lru_cache(maxsize=200_000)
def _sound(word: str) -> str:
    """One spelling for what is spelled differently, double letters once."""
    for written, heard in _SOUNDS:
        word = word.replace(written, heard)
    word = word.translate(_LETTERS)
    return "".join(letter for at, letter in enumerate(word) if letter != word[at - 1 : at])


def _common(a: str, b: str) -> int:
    """Length of the longest common subsequence, by bits (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for at, letter in enumerate(a):
        places[letter] = places.get(letter, 0) | 1 << at
    full = (1 << len(a)) - 1
    left = full
    for letter in b:
        hit = left & places.get(letter, 0)
        left = (left + hit | left - hit) & full
    return len(a) - left.bit_count()
