"""What a filter asks of a document, beside the document's own record: a short line each, read without the text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rag.datatypes import Document

__all__ = ["NO_FACTS", "Facts", "decode_facts", "encode_facts"]

# The line of a document that says nothing of itself.
NO_FACTS = b"[null,null,null,null,null]\n"


@dataclass(frozen=True, slots=True)
class Facts:
    """As in `Document`."""

    title: str | None = None
    author: str | None = None
    source: str | None = None
    language: str | None = None
    date_iso: str | None = None


def encode_facts(document: Document) -> bytes:
    """A document's facts as one line of JSON with its newline.

    >>> encode_facts(Document("a.txt", "Text.", "", title="Low tide", language="en"))
    b'["Low tide",null,null,"en",null]\\n'
    """
    told = [document.title, document.author, document.source, document.language, document.date_iso]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode_facts(record: Any) -> Facts:
    """The inverse of `encode_facts`, from the line's JSON value."""
    title, author, source, language, date_iso = record
    return Facts(title, author, source, language, date_iso)
