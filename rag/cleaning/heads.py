"""What a text file says of itself before it begins: Markdown's front matter, or lines such as "Author: Jane Doe".

Front matter is read line by line rather than by a YAML library: it comes from anybody's files, and what is
wanted of it are a few plain values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rag.datatypes import Span

__all__ = ["Head", "read_head"]

_NAMES = {
    "title": "title titel título titulo titre titolo headline subject betreff asunto objet oggetto 标题 题目",
    "author": "author authors autor autorin autoren autores autora auteur auteurs autore autori by byline creator from "
    "作者 记者",
    "date": "date datum fecha data published posted pubdate publishdate publish_date published_at date_published "
    "publication_date datepublished veröffentlicht erschienen publicado publié pubblicato 日期 发布时间",
    "source": "source quelle fuente fonte publisher publication newspaper journal outlet website site "
    "site_name sitename 来源",
    "language": "language lang sprache idioma langue lingua locale 语言",
    "address": "url link canonical canonical_url permalink original_url source_url",
}
_FIELD_OF = {name: which for which, names in _NAMES.items() for name in names.split()}
_KIND = {"title": "title", "author": "byline", "date": "date"}
_LANGUAGES = {
    "english": "en", "englisch": "en", "spanish": "es", "español": "es", "german": "de", "deutsch": "de",
    "french": "fr", "français": "fr", "italian": "it", "italiano": "it", "portuguese": "pt", "português": "pt",
    "dutch": "nl", "nederlands": "nl", "chinese": "zh", "中文": "zh", "japanese": "ja", "日本語": "ja",
}  # fmt: skip
_TAG = re.compile(r"([A-Za-z]{2})(?:[-_][A-Za-z0-9]+)*\Z")
_KEY = re.compile(r"(?P<key>[^\W\d_][\w.-]*(?: [\w.-]+){0,2})[ \t]?[:：](?:[ \t]+(?P<value>.*))?\Z")
_LINE = re.compile(
    r"[*_]{0,3}(?P<key>[^\W\d_]\w*(?: \w+){0,2})[ \t]?(?::[*_]{0,3}(?=\s)|：[*_]{0,3})[ \t]*(?P<value>\S.*)\Z"
)
_ITEM = re.compile(r"[ \t]*-[ \t]+(?:name:[ \t]*)?(?P<value>\S.*)\Z")
_FENCE = re.compile(r"-{3}[ \t]*\Z")
_END = re.compile(r"(?:-{3}|\.{3})[ \t]*\Z")
_MAX_LINES = 200
_MAX_VALUE = 300
_MAX_BEFORE = 2  # lines of a title that may stand before the fields


@dataclass(frozen=True, slots=True)
class Head:
    """Lines that describe the text, and what they say.

    Attributes:
        span: from the first of them to the last one's end.
        lines: each with what it is: title, byline, date, prose or markup.
        title, author, date, source: as written; None where not said.
        language: ISO 639-1.
    """

    span: Span
    lines: tuple[tuple[Span, str], ...] = ()
    title: str | None = None
    author: str | None = None
    date: str | None = None
    source: str | None = None
    language: str | None = None


@dataclass(slots=True)
class _Fields:
    """What was said, by field; lists are joined."""

    said: dict[str, list[str]] = field(default_factory=dict)

    def add(self, which: str | None, value: str, *, more: bool = False) -> None:
        text = _plain(value)
        if which and text and (more or which not in self.said):
            self.said.setdefault(which, []).append(text)

    def head(self, lines: list[tuple[Span, str]]) -> Head:
        said = {which: ", ".join(values)[:_MAX_VALUE] for which, values in self.said.items()}
        return Head(
            span=Span(lines[0][0].start, lines[-1][0].end),
            lines=tuple(lines),
            title=said.get("title"),
            author=said.get("author"),
            date=said.get("date"),
            source=said.get("source") or _host(said.get("address")),
            language=_language(said.get("language")),
        )


def read_head(text: str) -> Head | None:
    """The lines at the beginning of a text that describe it; None where there are none.

    >>> head = read_head("Title: Low tide\\nAuthor: Jane Doe\\nDate: 3 May 2021\\n\\nThe harbour fell dry.")
    >>> head.title, head.author, head.date, head.span
    ('Low tide', 'Jane Doe', '3 May 2021', Span(start=0, end=48))
    """
    lines = list(_lines(text))
    return _front_matter(text, lines) or _field_lines(text, lines)


def _lines(text: str) -> Iterator[Span]:
    """The first lines, without the blanks at their ends; a byte order mark is not part of one."""
    at = 1 if text.startswith("\ufeff") else 0
    for _ in range(_MAX_LINES):
        if at >= len(text):
            return
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        last = end
        while last > at and text[last - 1].isspace():
            last -= 1
        yield Span(at, last)
        at = end + 1


def _front_matter(text: str, lines: list[Span]) -> Head | None:
    """YAML between two lines of three hyphens."""
    if not lines or not _FENCE.match(lines[0].of(text)):
        return None
    last = next((n for n, line in enumerate(lines[1:], 1) if _END.match(line.of(text))), 0)
    if not last:
        return None
    fields, kinds, which = _Fields(), [(lines[0], "markup")], None
    for line in lines[1:last]:
        shown = line.of(text)
        match, item = _KEY.match(shown), _ITEM.match(shown)
        if match is not None:
            which = _FIELD_OF.get(match["key"].lower().replace("-", "_"))
            value = match["value"] or ""
            if value.strip() not in (">", "|", ">-", "|-"):
                for part in _listed(value):
                    fields.add(which, part, more=which == "author")
            kinds.append((line, _KIND.get(which or "", "markup") if value else "markup"))
        elif item is not None or shown[:1] in (" ", "\t"):
            fields.add(which, item["value"] if item else shown, more=True)
            kinds.append((line, "markup"))
        elif not shown.strip() or shown.startswith("#"):
            kinds.append((line, "markup"))
        else:
            return None  # a text between two rules
    return fields.head([*kinds, (lines[last], "markup")])


def _field_lines(text: str, lines: list[Span]) -> Head | None:
    """Neighbouring lines "Name: value", at the beginning or right after a title."""
    worded = [n for n, line in enumerate(lines) if line.of(text).strip()]
    for first in worded[: _MAX_BEFORE + 1]:
        fields, kinds = _Fields(), []
        n_known = 0
        for line in lines[first:]:
            match = _LINE.match(line.of(text).rstrip())
            if match is None:
                break
            which = _FIELD_OF.get(match["key"].lower().replace(" ", "_"))
            n_known += which is not None
            fields.add(which, match["value"])
            kinds.append((line, _KIND.get(which or "", "prose")))
        after = lines[first + len(kinds)].of(text).strip() if first + len(kinds) < len(lines) else ""
        alone = n_known == len(kinds) and not after and first == worded[0]
        if kinds and 2 * n_known >= len(kinds) and (n_known >= 2 or alone):
            return fields.head(kinds)
    return None


def _listed(value: str) -> list[str]:
    """The items of "[Jane Doe, John Roe]", or the value itself."""
    stripped = value.strip()
    return stripped[1:-1].split(",") if stripped[:1] == "[" and stripped[-1:] == "]" else [value]


def _plain(value: str) -> str:
    """A value without quotes, emphasis and the comment after it."""
    text = " ".join(value.split())
    if text[:1] in ("'", '"') and text.find(text[0], 1) > 0:
        return text[1 : text.find(text[0], 1)].strip()
    return re.split(r"\s#", text)[0].strip("*_ \t,").strip()


def _language(said: str | None) -> str | None:
    if not said:
        return None
    match = _TAG.match(said)
    return match[1].lower() if match else _LANGUAGES.get(said.lower())


def _host(address: str | None) -> str | None:
    try:
        host = urlsplit(address).hostname if address else None
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None
