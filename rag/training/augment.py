"""What news pages do to text: typographic quotes, furniture around the prose, bare questions.

Every replacement keeps the text's length, so that offsets stay as they are.
"""

from __future__ import annotations

import random
import re

__all__ = ["bare_question", "furniture", "typographic"]

_OPENING = re.compile(r"(?:^|(?<=[\s(\[\u2014-]))\"")

_LINES = (
    "Advertisement",
    "Share this article",
    "Share\nSave",
    "Read more",
    "Sign up for our newsletter",
    "Subscribe now\nSign in",
    "Related topics",
    "Follow us on X, Facebook and Instagram",
    "Comments",
    "Image source, Getty Images",
    "Image caption, File photo",
    "Photo: Reuters",
    "Listen to this article\n4 min",
    "Updated {hour}:{minute} GMT, {weekday} {month} {day}, {year}",
    "Published {day} {month} {year}",
    "{month} {day}, {year} / {hour}:{minute} AM EST",
    "By Staff Reporter",
    "By {first} {last}",
    "By {first} {last}, political correspondent",
    "{first} {last} and {second} {last2}\n{weekday}, {month} {day}, {year}",
    "\u00a9 {year} All rights reserved.",
    "More on this story",
    "Most read",
    "Home\nNews\nSport\nBusiness\nCulture",
    "Skip to content",
    "Watch: what happened in {minute} seconds",
    "This article was amended on {day} {month} {year}.",
)
_FIRST = ("Anna", "David", "Maria", "James", "Wei", "Fatima", "Tom", "Elena", "Kwame", "Lucy")
_LAST = ("Smith", "Garcia", "Okafor", "Chen", "Miller", "Novak", "Khan", "Rossi", "Baker")
_MONTH = ("January", "March", "April", "May", "June", "August", "October", "November")
_WEEKDAY = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def typographic(text: str) -> str:
    """Curly quotes and apostrophes in place of straight ones, one character for one.

    >>> typographic('"It\\'s on," he said.')
    '“It’s on,” he said.'
    """
    return _OPENING.sub("\u201c", text).replace('"', "\u201d").replace("'", "\u2019")


def furniture(rng: random.Random) -> str:
    """One or two lines of the sort that a page has around its article."""
    return "\n".join(_line(rng) for _ in range(rng.choice((1, 1, 2))))


def bare_question(question: str) -> str:
    """The question as many people type it: without its mark.

    >>> bare_question("Who won in 2008?")
    'Who won in 2008'
    """
    return question.rstrip(" ?")


def _line(rng: random.Random) -> str:
    return rng.choice(_LINES).format(
        first=rng.choice(_FIRST),
        second=rng.choice(_FIRST),
        last=rng.choice(_LAST),
        last2=rng.choice(_LAST),
        month=rng.choice(_MONTH),
        weekday=rng.choice(_WEEKDAY),
        year=rng.randrange(2009, 2026),
        day=rng.randrange(1, 29),
        hour=rng.randrange(1, 12),
        minute=rng.randrange(10, 60),
    )
