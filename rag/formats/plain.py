"""Plain text: UTF-8, or UTF-16 by its byte order mark. The text is the file itself."""

from __future__ import annotations

import codecs

from rag.errors import FileError
from rag.formats.signatures import looks_like

__all__ = ["decode_text"]


def decode_text(data: bytes) -> str:
    """The text of a file's bytes, line ends as they are.

    A UTF-8 byte order mark stays, as character 0 (U+FEFF), so that offsets are those of the file
    decoded as UTF-8. UTF-16's mark is not part of the text.

    Raises:
        FileError: not text in one of these encodings, with the offset of the byte.
    """
    encoding, called, mark = "utf-8", "UTF-8", 0
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise FileError("UTF-32; expected UTF-8, or UTF-16 with a byte order mark")
    if data.startswith(codecs.BOM_UTF16_LE):
        encoding, called, mark = "utf-16-le", "UTF-16", 2
    elif data.startswith(codecs.BOM_UTF16_BE):
        encoding, called, mark = "utf-16-be", "UTF-16", 2
    other = looks_like(data) if not mark else None
    if other is not None and other[1] not in (".html", ".eml", ".mhtml"):  # those are text, of a kind
        raise FileError(f"begins as a {other[0]} does; expected text: give the file the suffix {other[1]}")
    try:
        text = data[mark:].decode(encoding)
    except UnicodeDecodeError as error:
        offset = error.start + mark
        raise FileError(
            f"byte 0x{data[offset]:02X} at offset {offset} is not {called}; expected UTF-8, or UTF-16 "
            "with a byte order mark; convert it, for example: iconv -f WINDOWS-1252 -t UTF-8"
        ) from error
    nul = text.find("\0")
    if nul >= 0:
        offset = mark + len(text[:nul].encode(encoding))
        raise FileError(
            f"NUL byte at offset {offset}; expected text, which has none (UTF-16 needs a byte order mark)"
        )
    return text
