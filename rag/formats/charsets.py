"""Bytes of web pages and mails to text: byte order mark, declaration, then what fits."""

from __future__ import annotations

import codecs
import re

from rag.errors import FileError

__all__ = ["declared_in_page", "decode_declared"]

_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{1,40})[\"']", re.IGNORECASE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Names that browsers know (https://encoding.spec.whatwg.org) and Python does not.
_LABELS = {
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "cseucpkdfmtjapanese": "euc_jp",
    "x-gbk": "gb18030",
    "gb_2312": "gb18030",
    "gb_2312-80": "gb18030",
    "csgb2312": "gb18030",
    "cn-big5": "big5",
    "x-x-big5": "big5",
    "windows-949": "cp949",
    "ks_c_5601-1989": "cp949",
    "ksc_5601": "cp949",
    "cseuckr": "cp949",
    "csksc56011987": "cp949",
    "dos-874": "cp874",
    "windows-874": "cp874",
    "koi": "koi8_r",
    "koi8": "koi8_r",
    "koi8-ru": "koi8_u",
    "iso-8859-6-e": "iso8859-6",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-8-i": "iso8859-8",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "csisolatin9": "iso8859-15",
    "mac": "mac_roman",
    "x-mac-roman": "mac_roman",
    "csmacintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ukrainian": "mac_cyrillic",
    **{f"x-cp{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"iso8859{part}": f"iso8859-{part}" for part in (1, 2, 13, 14, 15)},
    "iso885911": "cp874",
    "unicode-1-1-utf-8": "utf-8",
    "unicode11utf8": "utf-8",
    "unicode20utf8": "utf-8",
    "x-unicode20utf8": "utf-8",
}
# What browsers take these names for (same source): pages say Latin-1 and mean Windows'.
_MEANT = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
    "iso8859-9": "cp1254",
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
    "utf-32": "utf-8",
    "utf-7": "utf-8",
}
# Codecs that unpack or rewrite instead of decoding characters are no character sets.
_NOT_TEXT = frozenset(
    "idna punycode unicode_escape raw_unicode_escape utf-7 undefined unicode-escape mbcs oem".split()
)


def declared_in_page(data: bytes) -> str | None:
    """The character set that a page declares near its beginning, as written."""
    match = _XML.match(data[:1024]) or _META.search(data[:4096])
    return match.group(1).decode("ascii") if match else None


def decode_declared(data: bytes, declared: str | None) -> tuple[str, str | None]:
    """Text of bytes whose encoding is declared, or not.

    A byte order mark wins; then the declaration where it fits; then UTF-8. Bytes that don't fit where
    the rest does (encodings mixed in one file) are read as Windows-1252, which is what they mostly are.

    >>> decode_declared("Zürich".encode("latin-1"), "iso-8859-1")
    ('Zürich', None)

    Args:
        data: the bytes.
        declared: the name of an encoding, if any.

    Returns:
        The text, and a note where encodings were mixed.

    Raises:
        FileError: binary, no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _mixed(data[len(mark) :], encoding)
    if data.count(b"\0", 0, 4096) > len(data[:4096]) // 10:
        raise FileError("its first bytes are not text (many are zero); expected a web page or mail")
    names = [name for name in (_codec(declared), "utf-8") if name]
    for name in names:
        try:
            return data.decode(name), None
        except UnicodeDecodeError:
            continue
    if not declared or _codec(declared) is None:
        # Nothing is said and it isn't UTF-8: what the Western web was written in.
        high = sum(byte >= 0x80 for byte in data[:200_000])
        if high * 2 < len(data[:200_000]) and not _mostly_utf8(data):
            said = (
                f"the encoding it declares, {declared[:40]!r}, is not known"
                if declared
                else "no encoding is declared"
            )
            return data.decode("cp1252", "replace"), f"{said}; read as Windows-1252"
    return _mixed(data, names[0])


def _codec(declared: str | None) -> str | None:
    """Python's codec for a declared name; None for names that are none, or no character set."""
    if not declared:
        return None
    try:
        label = declared.strip().lower()
        name = codecs.lookup(_LABELS.get(label, label)).name
        b"a".decode(name)
    except (LookupError, ValueError, UnicodeError, TypeError):
        return None
    if name in _NOT_TEXT:
        return None
    return _MEANT.get(name, name)


def _mostly_utf8(data: bytes) -> bool:
    """Whether more characters are good UTF-8 than bytes are bad."""
    text = data[:200_000].decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(character > "\x7f" for character in text) - bad
    return good > bad


def _mixed(data: bytes, encoding: str) -> tuple[str, str | None]:
    """Decode, reading each run of bytes that does not fit as Windows-1252."""
    parts: list[str] = []
    decoder = codecs.getincrementaldecoder(encoding)
    n_bad = 0

    def western(error: UnicodeError) -> tuple[str, int]:
        nonlocal n_bad
        if not isinstance(error, UnicodeDecodeError):
            raise error
        n_bad += 1
        return error.object[error.start : error.end].decode("cp1252", "replace"), error.end

    # One handler a call would pile up in the registry: it is set anew under one name.
    codecs.register_error("rag-western", western)
    parts.append(decoder("rag-western").decode(data, True))
    if not n_bad:
        return "".join(parts), None
    places = "1 place is" if n_bad == 1 else f"{n_bad} places are"
    return "".join(parts), f"encodings are mixed: {places} not {encoding} and read as Windows-1252"
