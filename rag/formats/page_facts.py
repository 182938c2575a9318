"""What a web page says of itself: title, author, date, site, language."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rag.formats.canonical import one_line

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
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class PageFacts:
    """As `Parsed` has them; None where the page doesn't say."""

    title: str | None = None
    author: str | None = None
    date: str | None = None
    source: str | None = None
    language: str | None = None


def page_facts(root: Any, address: str | None = None) -> PageFacts:
    """Read meta elements, JSON-LD and the title.

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
    author = _first(meta, _AUTHOR) or linked.get("author")
    return PageFacts(
        title=_short(_first(meta, _TITLE) or linked.get("headline") or _shared(title_element, heading)),
        author=_short(author) if author and not author.startswith(("http:", "https:")) else None,
        date=iso_date(_first(meta, _DATE) or linked.get("date")),
        source=_short(
            _first(meta, _SITE)
            or linked.get("publisher")
            or _host(address or canonical or meta.get("og:url"))
        ),
        language=language_code(root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang")),
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
        graph = data.get("@graph", data) if isinstance(data, dict) else data
        for item in graph if isinstance(graph, list) else [graph]:
            if isinstance(item, dict) and "headline" in item:
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


def _names(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(name for name in map(_names, value[:10]) if name) or None
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else None


def _first(meta: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((meta[name] for name in names if name in meta), None)


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
