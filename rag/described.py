"""What "the company", "that deal" and "the two countries" stand for: what was just spoken of by that noun.

>>> from rag.focus import Turn
>>> text = "When was the deal signed?"
>>> [d.meant for d in descriptions(text, Turn("Who helped to negotiate the TikTok deal?"))]
['the TikTok deal']
>>> [d.meant for d in descriptions("Where is the company based?", Turn("Which company did he found?", "Nvidia"))]
['Nvidia']
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.datatypes import Span
from rag.focus import Turn
from rag.question_words import AUXILIARIES, PREPOSITIONS, is_stop_word, names, tokens

__all__ = ["Description", "descriptions"]


@dataclass(frozen=True, slots=True)
class Description:
    """A noun with an article that stands for something said before.

    Attributes:
        span: its characters in the question, with the article.
        meant: what to put there instead.
    """

    span: Span
    meant: str


_DEFINITE = re.compile(
    r"\b(?:the|this|that|these|those)\s+(?:(?:same|two|three|four|five)\s+)?(?P<noun>[a-z][a-z-]{2,}(?:\s+[a-z][a-z-]{2,})?)"
)
# What follows says which one is meant: "the company that ...", "the price of ...", "the year 2020".
_SAID = re.compile(r"\s+(?:of|that|who|which|whose|where|for|between|behind|called|named|[A-Z\d])")
# Spoken of again and again, and hardly ever the same one.
_LOOSE = frozenset(
    "year years month months week weeks day days date time times hour hours way ways kind kinds number amount "
    "percentage share rest reason reasons world case fact thing things name names one ones past future".split()
)
_LONG = 60


def descriptions(question: str, last: Turn) -> list[Description]:
    """The descriptions in a question that the last turn makes clear.

    Args:
        question: as asked.
        last: the turn before it.
    """
    found = []
    for match in _DEFINITE.finditer(question):
        words = list(re.finditer(r"\S+", match["noun"]))
        for size in range(len(words), 0, -1):
            noun = " ".join(word.group() for word in words[:size])
            last_word = words[size - 1].group()
            end = match.start("noun") + words[size - 1].end()
            if last_word in _LOOSE or is_stop_word(last_word) or _SAID.match(question, end):
                continue
            meant = _asked_for(noun, last) or _longer(noun, last.question) or _answered(noun, last)
            if meant and meant.casefold() not in question.casefold():
                found.append(Description(Span(match.start(), end), meant))
                break
    return found


def _asked_for(noun: str, last: Turn) -> str | None:
    """The short answer, where the question was for that noun: "Which company ...?" - "Nvidia"."""
    short = (last.short or "").strip()
    if not short or len(short) > _LONG or not names(f"x {short}"):
        return None
    asked = re.search(rf"\b(?:which|what)\s+(?:[\w-]+\s+){{0,2}}{re.escape(noun)}\b", last.question, re.I)
    return short if asked else None


def _longer(noun: str, said: str) -> str | None:
    """The phrase that had the noun: "the TikTok deal", "the capital of Kenya"."""
    for match in re.finditer(rf"\b{re.escape(noun)}\b", said, re.IGNORECASE):
        before = [(token, span) for token, span in tokens(said) if span.end <= match.start()]
        start, article = match.start(), False
        for token, span in reversed(before):
            gap = said[span.end : start].strip()
            low = token.casefold()
            if gap or (is_stop_word(token) and not (token[0].isupper() and span.start)):
                article = not gap and low in {"the", "a", "an"}
                start = span.start if article else start
                break
            start = span.start
        phrase = said[start : match.end()]
        if not article:
            # Where the phrase begins is only sure with a name: "trade talks" may follow a verb.
            named = names(f"x {phrase}")
            phrase = phrase[max(0, named[0].start - 2) :] if named else said[match.start() : match.end()]
        more = re.match(r"\s+of\s+\S.*", said[match.end() :])
        if more:
            phrase += _of(said[match.end() :])
        elif len(phrase.split()) <= (2 if article else 1):
            continue
        phrase = re.sub(r"^an?\s", "the ", phrase, flags=re.IGNORECASE)
        if len(phrase) <= _LONG:
            return phrase if re.match(r"the\s", phrase, re.I) or phrase[:1].isupper() else f"the {phrase}"
    return None


def _of(rest: str) -> str:
    """ " of Kenya" of " of Kenya in 1990": until the next verb or preposition."""
    end = 0
    for i, (token, span) in enumerate(tokens(rest)):
        low = token.casefold()
        stops = low in AUXILIARIES or (low in PREPOSITIONS and low != "of")
        if i and (stops or rest[end : span.start].strip()):
            break
        end = span.end
    return rest[:end]


def _answered(noun: str, last: Turn) -> str | None:
    """The short answer, where it says more of the noun: "a ban on diesel cars"."""
    short = (last.short or "").strip()
    head = re.match(
        rf"(?:(?:an?|the)\s+)?((?:[\w-]+\s+){{0,2}}{re.escape(noun)}\s+\w+.*)", short, re.IGNORECASE
    )
    return f"the {head.group(1)}" if head and len(short) <= _LONG else None
