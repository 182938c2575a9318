"""Near misses made from answerable questions: another name or number in the question.

A reader's commonest mistake is to give one person's age when asked for another's. SQuAD 2.0 has
such questions, written by people; these add to them from what the paragraph itself mentions.
"""

from __future__ import annotations

import random
import re

__all__ = ["swap"]

_NAME = re.compile(r"[A-Z][\w’'-]*\w(?: (?:(?:of|the|de|von|van) )?[A-Z][\w’'-]*\w)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d+\b")
_SENTENCE_START = re.compile(r"(?:^|[.!?:\n\"“]\s*)$")


def swap(question: str, text: str, answer: str, rng: random.Random) -> str | None:
    """The question about something else that the paragraph mentions, or None where nothing fits.

    A name or number of the question that stands in the paragraph is replaced by another of its
    kind from the paragraph: one that shares no word with the question or the answer.

    >>> swap("Who wrote to Ada in 1902?", "In 1902 Otto wrote to Ada. It was 1871.", "Otto", random.Random(1))
    'Who wrote to Ada in 1871?'
    """
    known = _words(question) | _words(answer)
    chances = []
    for kind in (_NAME, _NUMBER):
        asked = [
            m for m in kind.finditer(question) if m.start() > 0 and re.search(rf"\b{re.escape(m[0])}\b", text)
        ]
        for m in asked:
            others = {
                o[0]
                for o in kind.finditer(text)
                if not (kind is _NAME and _SENTENCE_START.search(text[: o.start()]))
                and not _words(o[0]) & known
                and _shape(o[0]) == _shape(m[0])
            }
            if others:
                chances.append((m, sorted(others)))
    if not chances:
        return None
    m, choices = rng.choice(chances)
    return question[: m.start()] + rng.choice(choices) + question[m.end() :]


def _shape(mention: str) -> tuple[bool, int]:
    if mention[0].isdigit():
        return True, 4 if re.fullmatch(r"[12]\d{3}", mention) else 0
    return False, min(3, mention.count(" "))


def _words(text: str) -> set[str]:
    return {w for w in re.findall(r"[\w]+", text.lower()) if len(w) > 2 or w.isdigit()}
