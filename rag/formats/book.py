"""E-books (.epub): a zip of XHTML chapters, read in the order of the book's spine."""

from __future__ import annotations

import posixpath
import re
from typing import Any
from urllib.parse import unquote

from rag.errors import FileError
from rag.formats.canonical import Canonical, one_line
from rag.formats.charsets import declared_in_page, decode_declared
from rag.formats.page_facts import iso_date, language_code
from rag.formats.parsed import Parsed, ParseOptions
from rag.formats.trees import local_name, xml_tree
from rag.formats.web_page import page_text
from rag.formats.zipped import Zipped

__all__ = ["parse"]

_COARSE = re.compile(r"[12]\d{3}(?:-(?:0[1-9]|1[0-2]))?")
# Old books, and the programs that make new ones of them, call their pages XML, or by the name of 1999.
_PAGES = frozenset(
    "application/xhtml+xml text/html application/html+xml text/xml application/xml text/x-oeb1-document".split()
)
_SUFFIXES = (".html", ".xhtml", ".htm")


def parse(data: bytes, options: ParseOptions) -> Parsed:
    """Read an .epub file.

    Raises:
        FileError: no e-book, damaged, protected, a bomb, or without text.
    """
    opened = Zipped(data, "e-book")
    if "META-INF/rights.xml" in opened.names or _encrypted(opened):
        raise FileError("protected (DRM); only books without protection can be read")
    package_name = _package_name(opened)
    package_data = opened.read(package_name)
    if package_data is None:
        raise FileError(f"its list of contents {package_name!r} is missing; the file is damaged")
    package = xml_tree(package_data, package_name)
    out = Canonical()
    chapters, notes = _chapters(package, posixpath.dirname(package_name))
    for name in chapters:
        chapter = opened.read(name)
        if chapter is None:
            notes.append(f"its chapter {name!r} is missing")
            continue
        text, note = decode_declared(chapter, declared_in_page(chapter) or "utf-8")
        out.add(page_text(text, "office"))
        if note:
            notes.append(f"{name}: {note}")
    if not len(out):
        raise FileError("no text in this book; pictures of pages would need OCR")
    facts = _facts(package)
    return Parsed(
        out.text(),
        title=facts.get("title"),
        author=facts.get("creator"),
        date=_date(facts.get("date")),
        language=language_code(facts.get("language")),
        source=facts.get("publisher"),
        notes=tuple(notes),
    )


def _encrypted(opened: Zipped) -> bool:
    """Whether more than fonts is encrypted."""
    data = opened.read("META-INF/encryption.xml")
    if data is None:
        return False
    uris = [
        str(element.get("URI") or "")
        for element in xml_tree(data, "META-INF/encryption.xml").iter()
        if local_name(element.tag) == "cipherreference"
    ]
    return any(uri.lower().endswith((".html", ".xhtml", ".htm", ".xml")) for uri in uris)


def _package_name(opened: Zipped) -> str:
    data = opened.read("META-INF/container.xml")
    if data is None:
        raise FileError("no e-book: META-INF/container.xml is missing")
    for element in xml_tree(data, "META-INF/container.xml").iter():
        if local_name(element.tag) == "rootfile" and element.get("full-path"):
            return str(element.get("full-path"))
    raise FileError("META-INF/container.xml names no list of contents; the file is damaged")


def _chapters(package: Any, folder: str) -> tuple[list[str], list[str]]:
    """Names of the spine's pages, in order, each once; and a note for each entry that is left out."""
    items: dict[str, tuple[str, str]] = {}
    for element in package.iter():
        if local_name(element.tag) == "item" and element.get("id") and element.get("href"):
            path = posixpath.join(folder, unquote(str(element.get("href")).partition("#")[0]))
            kind = (element.get("media-type") or "").lower()
            items[str(element.get("id"))] = posixpath.normpath(path), kind
    names: list[str] = []
    notes: list[str] = []
    for entry in (str(e.get("idref")) for e in package.iter() if local_name(e.tag) == "itemref"):
        path, kind = items.get(entry, ("", ""))
        if not path:
            notes.append(
                f"its spine names {entry!r}, which its list of contents lacks: a chapter may be missing"
            )
        elif kind in _PAGES or path.lower().endswith(_SUFFIXES):
            names.append(path)
        else:
            notes.append(
                f"{path!r} of its spine is {kind or 'of no stated type'}, no page of text, and is not read"
            )
    return list(dict.fromkeys(names)), list(dict.fromkeys(notes))


def _facts(package: Any) -> dict[str, str]:
    """Dublin Core of the book; several creators are put together."""
    found: dict[str, list[str]] = {}
    for element in package.iter():
        name = local_name(element.tag)
        if name in ("title", "creator", "date", "language", "publisher"):
            text = one_line("".join(element.itertext()))[:300]
            if text:
                found.setdefault(name, []).append(text)
    return {name: ", ".join(texts[:10]) if name == "creator" else texts[0] for name, texts in found.items()}


def _date(text: str | None) -> str | None:
    """A day, or the year or month alone that books often state."""
    return iso_date(text) or (text if text and _COARSE.fullmatch(text) else None)
