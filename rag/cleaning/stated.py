"""Author, date and source as an article's own lines state them: byline, dateline, "Published ..."."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.cleaning.lines import BYLINE, DATE
from rag.cleaning.paragraphs import Paragraph
from rag.dates import iso_date

__all__ = ["Stated", "find_stated"]

_HEAD = 12  # paragraphs at either end in which such lines stand
_LONGEST = 200
_LATER = re.compile(
    r"(?:last |zuletzt )?(?:updated|modified|edited|aktualisiert|geändert|actualizado|mis à jour|aggiornato|更新)",
    re.IGNORECASE,
)
_PUBLISHED = re.compile(
    r"(?:first |erst)?(?:published|posted|veröffentlicht|erschienen|publicado|publié|pubblicato|发布)",
    re.IGNORECASE,
)
# "LONDON, May 3, 2021 (Reuters) — Shares fell": who reports, from where, and when.
_DATELINE = re.compile(
    r"(?P<before>[A-ZÀ-Þ][^()\n]{1,60}?)?\s?\((?P<agency>AP|AFP|Reuters|REUTERS|dpa|DPA|EFE|ANSA|Xinhua|Bloomberg|UPI|TASS|"
    r"Kyodo|Yonhap|PTI|IANS|Interfax|APA|KNA|epd)\)\s?(?:[-–—]|$)"
)


@dataclass(frozen=True, slots=True)
class Stated:
    """As written; None where not said."""

    author: str | None = None
    date: str | None = None
    source: str | None = None


def find_stated(paragraphs: Sequence[Paragraph]) -> Stated:
    """Read the lines around an article.

    Args:
        paragraphs: classified.
    """
    dateline = next(
        (m for p in paragraphs[: _HEAD + 1] if p.kind == "prose" and (m := _DATELINE.match(p.text))), None
    )
    return Stated(
        author=_author(paragraphs),
        date=_date(paragraphs) or (_dated(dateline["before"]) if dateline else None),
        source=dateline["agency"] if dateline else None,
    )


def _author(paragraphs: Sequence[Paragraph]) -> str | None:
    for paragraph in paragraphs:
        if paragraph.kind == "byline":
            match = BYLINE.match(paragraph.text)
            if match is not None:
                return (match["name"] or match["cjk"]).strip()
    return None


def _date(paragraphs: Sequence[Paragraph]) -> str | None:
    """When it was published; where only a later change is dated, that."""
    later: str | None = None
    for paragraph in paragraphs:
        if paragraph.kind != "date":
            continue
        match = DATE.match(paragraph.text)
        stated = match["date"].strip() if match is not None else paragraph.text
        if not _LATER.match(paragraph.text):
            return stated
        later = later or stated
    near = [p for p in (*paragraphs[:_HEAD], *paragraphs[-_HEAD:]) if len(p.text) <= _LONGEST]
    for paragraph in near:
        if paragraph.kind == "byline" and (match := BYLINE.match(paragraph.text)) and match["name"]:
            found = _dated(paragraph.text[match.end("name") :])
        elif _PUBLISHED.match(paragraph.text):
            found = _dated(_LATER.split(paragraph.text)[0])
        else:
            continue
        if found:
            return found
    return later


def _dated(text: str | None) -> str | None:
    """A text that states one date, without what stands around it."""
    if not text or iso_date(text) is None:
        return None
    shown = _PUBLISHED.sub("", text, count=1).strip(" ,|·•:–—-")
    place, _, rest = shown.partition(", ")
    return rest if iso_date(rest) == iso_date(text) and iso_date(place) is None else shown
