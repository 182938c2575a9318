"""Text that a reader looks for in an open document. Citations never come from here: they have their offsets.

The whole document is searched by the server, since a browser holds only a part of a long one.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from bisect import bisect_left
from collections import OrderedDict

from rag.datatypes import Document, Span

__all__ = ["LONGEST", "Finder"]

# Characters that can be looked for, places that are counted, and searches that are remembered.
LONGEST = 200
_MOST = 10_000
_KEPT = 8
# What a keyboard writes for several characters of print.
_ALIKE = ["'’‘ʼ`´", '"“”„«»', "-‐‑‒–—−"]


def pattern_of(wanted: str) -> re.Pattern[str] | None:
    """What finds a text however it is capitalised, broken into lines or quoted; None where it is blank.

    >>> pattern_of("trump's  camp").search("of TRUMP’S\\ncamp").group()
    'TRUMP’S\\ncamp'
    """
    words = wanted.split()
    if not words:
        return None
    forms = dict.fromkeys(unicodedata.normalize(form, " ".join(words)) for form in ("NFC", "NFD"))
    each = (r"\s{1,99}".join("".join(map(_letter, word)) for word in form.split()) for form in forms)
    return re.compile("|".join(each), re.IGNORECASE)


def _letter(character: str) -> str:
    alike = next((same for same in _ALIKE if character in same), None)
    return f"[{re.escape(alike)}]" if alike else re.escape(character)


class Finder:
    """Where a text stands in a document; remembers the last few searches."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], list[Span]] = OrderedDict()
        self._lock = threading.Lock()

    def places(self, document: Document, wanted: str) -> list[Span]:
        """Every place, first to last, at most 10,000 of them."""
        key = (document.sha256, wanted)
        with self._lock:
            # One search at a time: next and previous ask for the same one again and again.
            found = self._known.pop(key, None)
            if found is None:
                found = []
                pattern = pattern_of(wanted)
                for match in pattern.finditer(document.text) if pattern else ():
                    found.append(Span(*match.span()))
                    if len(found) == _MOST:
                        break
            self._known[key] = found
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return found

    def step(self, document: Document, wanted: str, start: int, *, back: bool) -> tuple[int, list[Span]]:
        """The next place at or after `start`, or the last one before it; around the end where there is none.

        Returns:
            Which of the places, from 0, and all of them.
        """
        found = self.places(document, wanted)
        at = bisect_left(found, start, key=lambda span: span.start)
        if back:
            at -= 1
        return (at % len(found) if found else 0), found
