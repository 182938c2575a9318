"""What a web page says of itself: title, author, date, site, language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from rag.dates import iso_date as certain_date
from rag.formats.canonical import one_line
from rag.formats.trees import local_name

__all__ = ["PageFacts", "iso_date", "language_code", "page_facts"]

_ISO = re.compile(r"\s*(\d{4})-(\d{2})-(\d{2})(?!\d)")
_DAY = re.compile(r"\s*(\d{4})(\d{2})(\d{2})(?:\D|$)")
_LANGUAGE = re.compile(r"\s*([A-Za-z]{2})(?:[-_][A-Za-z0-9]+)*\s*$")
_TITLE = ("og:title", "twitter:title", "dc.title", "citation_title")
_AUTHOR = ("author", "article:author", "dc.creator", "citation_author", "parsely-author", "sailthru.author")
_DATE = (
    "article:published_time", "datepublished", "dc.date", "dc.date.issued", "citation_publication_date",
    "citation_date", "date", "pubdate", "parsely-pub-date", "sailthru.date",
)  # fmt: skip
_SITE = ("og:site_name", "application-name", "dc.publisher", "citation_journal_title", "publisher")
_LANGUAGES = ("lang", "xml:lang", "{http://www.w3.org/XML/1998/namespace}lang")
_LONGEST = 300
_MOST_DATES = 100
_LINE = 100  # characters but blanks: a date in a longer paragraph is one the article speaks of


@dataclass(frozen=True, slots=True)
class PageFacts:
    """As `Parsed` has them; None where the page doesn't say."""

    title: str | None = None
    author: str | None = None
    date: str | None = None
    source: str | None = None
    language: str | None = None


def page_facts(root: Any, address: str | None = None) -> PageFacts:
    """Read meta elements, JSON-LD, dated elements and the title: of each the first that can be used.

    Args:
        root: of the page.
        address: where it was saved from, if known.
    """
    meta = _meta(root)
    linked = _json_ld(root)
    heading = next((one_line("".join(h.itertext())) for h in root.iter("h1")), "")
    title_element = next((one_line("".join(t.itertext())) for t in root.iter("title")), "")
    canonical = next(
        (e.get("href") for e in root.iter("link") if (e.get("rel") or "").lower() == "canonical"), None
    )
    return PageFacts(
        title=_short(
            next(_all(meta, _TITLE), None) or linked.get("headline") or _shared(title_element, heading)
        ),
        author=_short(next(filter(_is_name, (*_all(meta, _AUTHOR), linked.get("author"))), None)),
        date=_first_day((*_all(meta, _DATE), linked.get("date"))) or _dated_element(root),
        source=_short(
            next(filter(_is_name, (*_all(meta, _SITE), linked.get("publisher"))), None)
            or _host(address or canonical or meta.get("og:url"))
        ),
        language=next(filter(None, (language_code(root.get(name)) for name in _LANGUAGES)), None),
    )


def iso_date(text: str | None) -> str | None:
    """The day of an ISO date and time; None for anything else.

    >>> iso_date("2024-05-31T08:00:00Z"), iso_date("20240531"), iso_date("yesterday")
    ('2024-05-31', '2024-05-31', None)
    """
    match = (_ISO.match(text) or _DAY.match(text)) if text else None
    if match is None or not (1 <= int(match.group(2)) <= 12 and 1 <= int(match.group(3)) <= 31):
        return None
    return "-".join(match.groups())


def language_code(text: str | None) -> str | None:
    """ISO 639-1 of a language tag: "en-US" is "en"."""
    match = _LANGUAGE.match(text) if text else None
    return match.group(1).lower() if match else None


def _meta(root: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for element in root.iter("meta"):
        name = (element.get("property") or element.get("name") or element.get("itemprop") or "").lower()
        content = one_line(element.get("content"))
        if name and content:
            found.setdefault(name, content)
    return found


def _json_ld(root: Any) -> dict[str, str]:
    """headline, author, date and publisher of the first article that JSON-LD describes."""
    for script in root.iter("script"):
        if (script.get("type") or "").lower() != "application/ld+json" or not script.text:
            continue
        try:
            data = json.loads(script.text)
        except (ValueError, RecursionError):
            continue
        for item in _items(data):
            if "headline" in item:
                named = {
                    "headline": item.get("headline"),
                    "author": _names(item.get("author")),
                    "date": item.get("datePublished"),
                    "publisher": _names(item.get("publisher")),
                }
                return {
                    key: one_line(value) for key, value in named.items() if isinstance(value, str) and value
                }
    return {}


def _items(data: Any) -> Iterator[dict[str, Any]]:
    """What a JSON-LD script describes, in lists and graphs or not."""
    for outer in data if isinstance(data, list) else [data]:
        graph = outer.get("@graph", outer) if isinstance(outer, dict) else outer
        for item in graph if isinstance(graph, list) else [graph]:
            if isinstance(item, dict):
                yield item


def _names(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(name for name in map(_names, value[:10]) if name and _is_name(name)) or None
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else None


def _all(meta: dict[str, str], names: tuple[str, ...]) -> Iterator[str]:
    return (meta[name] for name in names if name in meta)


def _is_name(text: str | None) -> bool:
    """Whether it names someone, and is no address of their page."""
    return bool(text) and not str(text).lower().startswith(("http:", "https:", "//", "www."))


def _first_day(stated: Iterable[str | None]) -> str | None:
    """The first day among dates as stated, in ISO 8601 or else where there is no doubt which is meant."""
    days = (iso_date(text) or certain_date(text) for text in stated)
    return next((day for day in days if day and len(day) == len("2024-05-31")), None)


def _dated_element(root: Any) -> str | None:
    """The day of `<time datetime>`: where it says that it is the day of publication, else the article's one."""
    stated: set[str | None] = set()
    near: set[str | None] = set()
    for element in islice(root.iter("time"), _MOST_DATES):
        day = iso_date(element.get("datetime"))
        if day is None:
            continue
        if element.get("pubdate") is not None or "datepublished" in (element.get("itemprop") or "").lower():
            stated.add(day)
        above = [local_name(outer.tag) for outer in element.iterancestors()]
        paragraph = next(element.iterancestors("p", "li", "td"), None)
        in_prose = paragraph is not None and _is_long(paragraph)
        if "article" in above and not in_prose and not {"aside", "nav", "footer"} & set(above):
            near.add(day)
    days = stated or near
    return days.pop() if len(days) == 1 else None


def _is_long(paragraph: Any) -> bool:
    left = _LINE
    for piece in paragraph.itertext():
        left -= len("".join(piece.split()))
        if left < 0:
            return True
    return False


def _shared(title: str, heading: str) -> str | None:
    """The page's title without the site's name, where the heading shows which part that is."""
    if heading and (not title or heading.lower() in title.lower()):
        return heading
    return title or None


def _host(address: str | None) -> str | None:
    try:
        host = urlsplit(address).hostname if address else None
    except ValueError:
        return None
    return host.removeprefix("www.") if isinstance(host, str) and host else None


def _short(text: str | None) -> str | None:
    return one_line(text)[:_LONGEST] or None if text else None
