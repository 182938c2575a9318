"""The interface in several languages: one JSON file each in `languages/`, the same keys in all."""

from __future__ import annotations

import functools
import json
from importlib import resources

__all__ = ["LANGUAGES", "Strings", "choose_language", "strings"]

LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español"}


class Strings:
    """The words of one language.

    >>> strings("en")("source_n", n=2), strings("de").number(12345)
    ('Source 2', '12.345')
    """

    def __init__(self, language: str, table: dict[str, str]) -> None:
        self.language = language
        self.table = table

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key with its values filled in."""
        return self.table[key].format(**values) if values else self.table[key]

    def number(self, n: int) -> str:
        """A whole number with the language's own separator."""
        return f"{n:,}".replace(",", self.table["thousands"])

    def percent(self, share: float) -> str:
        """A share from 0 to 1; never rounded to a certainty that nobody has."""
        shown = round(share * 100)
        if shown == 0:
            return self("under", n=self("percent", n=1))
        return self("percent", n=min(shown, 99) if share < 1 else shown)


@functools.cache
def strings(language: str) -> Strings:
    """The words of a language, English where there is no such one."""
    known = language if language in LANGUAGES else "en"
    file = resources.files("rag.web") / "languages" / f"{known}.json"
    return Strings(known, json.loads(file.read_text(encoding="utf-8")))


def choose_language(accept_language: str) -> str:
    """The first language of a browser's Accept-Language header that we speak, else English.

    >>> choose_language("fr-CH, de;q=0.7, en;q=0.8"), choose_language("")
    ('en', 'en')
    """
    wishes: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept_language[:500].split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wishes.append((-weight, position, tag.split("-")[0].strip().lower()))
    return next((tag for _, _, tag in sorted(wishes) if tag in LANGUAGES), "en")
