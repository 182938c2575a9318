"""Saved web pages in one file (MHTML): a mail whose parts are the page and its pictures."""

from __future__ import annotations

from email.message import EmailMessage

from rag.errors import FileError
from rag.formats.charsets import declared_in_page, decode_declared
from rag.formats.mail import body_bytes, read_message
from rag.formats.parsed import Parsed, ParseOptions
from rag.formats.web_page import parse_page

__all__ = ["parse"]


def parse(data: bytes, options: ParseOptions) -> Parsed:
    """Read an MHTML file: its first HTML part is the page.

    Raises:
        FileError: no page in it.
    """
    message = read_message(data)
    page = _page(message)
    if page is None:
        raise FileError("no web page in it; expected a part of type text/html, as browsers save")
    raw = body_bytes(page)
    charset = page.get_content_charset()
    text, note = decode_declared(raw, charset or declared_in_page(raw))
    address = str(message.get("Snapshot-Content-Location") or page.get("Content-Location") or "").strip()
    return parse_page(text, options, address=address or None, notes=(note,) if note else ())


def _page(message: EmailMessage) -> EmailMessage | None:
    parts = (part for part in message.walk() if isinstance(part, EmailMessage))
    return next(
        (part for part in parts if part.get_content_type() in ("text/html", "application/xhtml+xml")), None
    )
