"""E-mails: the header lines that people ask about, then the message."""

from __future__ import annotations

import email
import email.policy
import re
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime

from rag.errors import FileError
from rag.formats.canonical import Canonical, one_line
from rag.formats.charsets import declared_in_page, decode_declared
from rag.formats.parsed import Parsed, ParseOptions

__all__ = ["body_bytes", "parse", "read_message"]

_MAX_PARTS = 1_000
_MAX_DEPTH = 20
_HEADER = re.compile(rb"\s{0,100}[!-9;-~]{1,100}:[^\n]*", re.DOTALL)


def read_message(data: bytes) -> EmailMessage:
    """A message from its bytes.

    Raises:
        FileError: it has no header, or more parts than any mail.
    """
    head = data[:200_000].lstrip()
    if head.startswith(b"From "):  # of a mailbox
        head = head.partition(b"\n")[2]
    if not _HEADER.match(head):
        raise FileError("no mail: it does not begin with header lines such as 'From: ...'")
    if data.lower().count(b"content-type:") > _MAX_PARTS or data.count(b"\n--") > 200 * _MAX_PARTS:
        raise FileError(f"more than {_MAX_PARTS:,} parts; expected a mail, not an archive")
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
    except (
        MessageError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
        RecursionError,
    ) as error:
        raise FileError(f"malformed mail ({type(error).__name__}: {str(error)[:100]})") from error
    if not isinstance(message, EmailMessage):
        raise FileError("malformed mail; expected a message")
    return message


def parse(data: bytes, options: ParseOptions) -> Parsed:
    """Read an .eml file.

    Raises:
        FileError: no mail, or no text in it.
    """
    message = read_message(data)
    header = {name: _header(message, name) for name in ("Subject", "From", "To", "Cc", "Date")}
    out = Canonical()
    out.add(header["Subject"], mark="# ")
    for name in ("From", "To", "Cc", "Date"):
        if header[name]:
            out.add(f"{name}: {header[name]}", tight="header")
    n_header = len(out)
    notes: list[str] = []
    _add_body(message, out, notes)
    if len(out) == n_header and not header["Subject"]:
        raise FileError("no text in this mail")
    name, address = _sender(header["From"])
    return Parsed(
        out.text(),
        title=header["Subject"] or None,
        author=name or address or None,
        date=_date(header["Date"]),
        source=address or None,
        notes=tuple(notes),
    )


def body_bytes(part: EmailMessage) -> bytes:
    """A part's content, transfer encoding undone.

    Raises:
        FileError: it can't be undone.
    """
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise FileError(f"malformed mail ({type(error).__name__}: {str(error)[:100]})") from error
    return payload if isinstance(payload, bytes) else b""


def _add_body(message: EmailMessage, out: Canonical, notes: list[str], depth: int = 0) -> None:
    """The text of a part and of all that is in it, the plainest of alternatives."""
    if depth > _MAX_DEPTH:
        raise FileError(f"parts nested deeper than {_MAX_DEPTH}; expected a mail")
    kind = message.get_content_type()
    if kind == "message/rfc822" or message.get_content_maintype() == "multipart":
        inner = (
            [part for part in message.get_payload() if isinstance(part, EmailMessage)]
            if (message.is_multipart())
            else []
        )
        if kind == "multipart/alternative":
            inner = _plainest(inner)
        if kind == "message/rfc822":
            for part in inner:
                _add_forwarded(part, out)
        for part in inner:
            _add_body(part, out, notes, depth + 1)
        return
    name = _safe_filename(message)
    if message.get_content_disposition() == "attachment" or kind not in ("text/plain", "text/html"):
        shown = name or f"one of kind {kind} without a name"
        notes.append(f"attachment not read: {shown}; save it into the folder to have it indexed")
        return
    raw = body_bytes(message)
    if kind == "text/html":
        from rag.formats.web_page import page_text

        text, note = decode_declared(raw, message.get_content_charset() or declared_in_page(raw))
        out.add(page_text(text))
    else:
        text, note = decode_declared(raw, message.get_content_charset())
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if str(message.get_param("format", "")).lower() == "flowed":
            text = _unflowed(text, str(message.get_param("delsp", "")).lower() == "yes")
        out.add(text)
    if note:
        notes.append(note)


def _plainest(parts: list[EmailMessage]) -> list[EmailMessage]:
    """Of versions of one text the one to read: plain text unless it is empty or says nothing."""
    for kind in ("text/plain", "text/html", "multipart/related", "multipart/mixed", "multipart/alternative"):
        for part in parts:
            if part.get_content_type() == kind and (
                kind != "text/plain" or len(body_bytes(part).strip()) > 30
            ):
                return [part]
    return parts[:1]


def _add_forwarded(message: EmailMessage, out: Canonical) -> None:
    for name in ("Subject", "From", "To", "Date"):
        value = _header(message, name)
        if value:
            out.add(f"{name}: {value}", tight="header")


def _header(message: EmailMessage, name: str) -> str:
    """A header's text, encoded words undone; empty where it is missing or malformed beyond reading."""
    try:
        value = message.get(name)
        return one_line(str(value)) if value is not None else ""
    except (ValueError, LookupError, TypeError, AttributeError, IndexError, AssertionError):
        raw = next((v for k, v in message.raw_items() if k.lower() == name.lower()), "")
        return one_line(str(raw))


def _safe_filename(message: EmailMessage) -> str:
    try:
        return one_line(message.get_filename())[:100]
    except (ValueError, LookupError, TypeError, AttributeError, IndexError, AssertionError):
        return "one with a malformed name"


def _sender(text: str) -> tuple[str, str]:
    try:
        name, address = next(iter(getaddresses([text])), ("", ""))
    except (ValueError, TypeError, IndexError):
        return text[:200], ""
    return name[:200], address[:200]


def _date(text: str) -> str | None:
    try:
        return parsedate_to_datetime(text).date().isoformat() if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _unflowed(text: str, delete_space: bool) -> str:
    """Paragraphs of `format=flowed` (RFC 3676): a line that ends in a blank goes on in the next."""
    lines: list[str] = []
    flowing = False
    for raw in text.split("\n"):
        line = raw[1:] if raw.startswith(" ") else raw
        soft = line.endswith(" ") and line != "-- "
        line = line[:-1] if soft and delete_space else line
        if flowing and line and not line.startswith(">"):
            lines[-1] += line
        else:
            lines.append(line)
        flowing = soft and not line.startswith(">")
    return "\n".join(lines)
