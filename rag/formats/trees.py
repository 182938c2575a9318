"""XML and HTML to trees, by lxml, with nothing expanded, fetched or nested without end."""

from __future__ import annotations

import re
from typing import Any

from rag.errors import FileError, OptionalDependencyError

__all__ = ["html_tree", "local_name", "xml_tree"]

_INVALID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _etree(extra: str) -> Any:
    try:
        from lxml import etree
    except ImportError as error:
        raise OptionalDependencyError(
            "lxml", extra, "to read web pages, e-books and Word documents"
        ) from error
    return etree


def xml_tree(data: bytes, called: str) -> Any:
    """The root of an XML part.

    Entities are not expanded, nothing outside is read, and a document that declares entities is
    refused: no writer of these formats needs them.

    Raises:
        FileError: not well-formed, too deep, or with entities of its own.
    """
    etree = _etree("office")
    bomb = f"{called} declares XML entities; expected none: it may be an XML bomb"
    if b"<!ENTITY" in data:
        raise FileError(bomb)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise FileError(f"{called} is no well-formed XML: {str(error)[:200]}") from error
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and next(iter(dtd.iterentities()), None) is not None:
        raise FileError(bomb)  # written in UTF-16, say
    return root


def html_tree(text: str, extra: str = "web") -> Any:
    """The root of a page, however malformed; None where there is no element at all.

    Raises:
        FileError: nested too deeply, or the parser gave up on it.
    """
    etree = _etree(extra)
    # libxml2 reads UTF-8: what the page says of its encoding has been followed already.
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, no_network=True, recover=True
    )
    data = _INVALID.sub("\ufffd", text).encode("utf-8", "replace")
    if not data.strip():
        return None
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:  # "Document is empty"
        if "empty" in str(error):
            return None
        raise FileError(f"no web page: {str(error)[:200]}") from error
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        # The parser stopped there: what follows would be lost without a word.
        raise FileError("its elements are nested deeper than 2,000; expected a web page: save it anew")
    return root


def local_name(tag: Any) -> str:
    """An element's name without its namespace, in lower case; empty for what is no element."""
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""
