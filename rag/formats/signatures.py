"""What a file's first bytes say it is, for files under a wrong suffix."""

from __future__ import annotations

import re

from rag.errors import FileError
from rag.formats.kinds import Kind

__all__ = ["check_signature", "looks_like"]

_SIGNATURES = (
    (b"%PDF-", "PDF", ".pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Word document of before 2007, or a protected one,", ".docx"),
    (b"{\\rtf", "rich text document", ".docx"),
    (b"\x1f\x8b", "gzip archive", ".txt after unpacking it"),
    (b"\x89PNG", "picture", ".txt after OCR"),
    (b"\xff\xd8\xff", "picture", ".txt after OCR"),
)
_PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
# `[^\n]*` takes the CR of a CRLF too: were it also asked for by name, lines would match in 2 ** n ways.
_MHTML = re.compile(rb"(?:[\w-]+:[^\n]*\n(?:[ \t][^\n]*\n)*){1,40}?content-type:\s*multipart/related", re.I)


def looks_like(data: bytes) -> tuple[str, str] | None:
    """(what, suffix) that a file's beginning shows it to be; None where it shows nothing.

    >>> looks_like(b"%PDF-1.7 ...")
    ('PDF', '.pdf')
    """
    head = data[:2048]
    for mark, what, suffix in _SIGNATURES:
        if head.startswith(mark):
            return what, suffix
    if head.startswith(b"PK\x03\x04"):
        if b"application/epub+zip" in head[:200]:
            return "EPUB book", ".epub"
        return (
            ("Word document", ".docx")
            if b"word/" in data[:65536]
            else ("zip archive", ".txt after unpacking it")
        )
    if _PAGE.match(head):
        return "web page", ".html"
    return ("saved web page (MHTML)", ".mhtml") if _MHTML.match(head) else None


def check_signature(data: bytes, kind: Kind, suffix: str) -> None:
    """Refuse a file whose beginning shows another format than its suffix names.

    Raises:
        FileError: naming both and what to do.
    """
    found = looks_like(data)
    if data.startswith(b"\xd0\xcf\x11\xe0") and b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e" in data:
        raise FileError("protected with a password; save it without one to have it indexed")
    if found is None:
        if kind.begins and not data.startswith(kind.begins):
            raise FileError(f"no {kind.name}: it begins with {data[:8]!r}; expected {kind.begins!r}")
        return
    what, other = found
    if data.startswith((b"\xd0\xcf\x11\xe0", b"{\\rtf")):
        raise FileError(f"begins as a {what} does; expected a {kind.name}: save it as {suffix}")
    same = other in kind.suffixes or (other == ".html" and suffix in (".mhtml", ".mht", ".xhtml"))
    if not same and not (other == ".mhtml" and suffix == ".eml"):
        advice = f"give the file the suffix {other}"
        if suffix in (".docx", ".epub") and what == "zip archive":
            return  # order of members differs between writers; the parser will say what is missing
        raise FileError(f"begins as a {what} does; expected a {kind.name}: {advice}")
