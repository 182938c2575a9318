"""PDF files: the text layer, by PDFium, with pages, columns in reading order and running heads apart."""

from __future__ import annotations

import re
from typing import Any

from rag.errors import FileError, OptionalDependencyError
from rag.formats.canonical import one_line
from rag.formats.page_facts import iso_date, language_code
from rag.formats.parsed import Parsed, ParseOptions
from rag.formats.pdf_furniture import remove_repeated, remove_running
from rag.formats.pdf_layout import Line, Page, read_blocks, read_lines
from rag.formats.pdf_runs import PageRuns, read_runs
from rag.formats.pdf_text import write_text

__all__ = ["MAX_PAGES", "parse"]

MAX_PAGES = 5_000
_OCR = "OCR would be needed, for example: ocrmypdf in.pdf out.pdf"
# What programs write where nobody gave a title or a name.
_NO_TITLE = re.compile(
    r"(?:untitled|unspecified|title|document ?\d*|slide \d+|microsoft (?:word|powerpoint|excel) - .*|.*\."
    r"(?:docx?|pdf|indd|qxd|tex|dvi|pptx?|xlsx?|rtf|odt|html?))|\W*",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"(?:anonymous|unknown|unspecified|user|admin(?:istrator)?|author|owner|\(anonymous\))|\W*", re.I
)


def parse(data: bytes, options: ParseOptions) -> Parsed:
    """Read a PDF file.

    Raises:
        FileError: no PDF, encrypted, damaged, too many pages, or without a text layer.
    """
    document = _open(data)
    try:
        n_pages = len(document)
        if n_pages == 0:
            raise FileError("no page in it; the file is damaged")
        if n_pages > MAX_PAGES:
            raise FileError(f"{n_pages:,} pages; expected at most {MAX_PAGES:,}: split the file")
        pages, turned, notes = _read_pages(document, n_pages)
        facts = {key: one_line(value)[:300] for key, value in document.get_metadata_dict().items()}
        language = _language(document)
    finally:
        document.close()
    if b"%%EOF" not in data[-2048:]:
        notes.append("the file has no end mark and may be truncated: text may be missing")
    running: list[list[Line]] = [[] for _ in pages]
    if not options.keep_furniture:
        running = [a + b for a, b in zip(remove_running(pages), remove_repeated(turned), strict=True)]
    blocks = [read_blocks(a) + read_blocks(b) for a, b in zip(pages, turned, strict=True)]
    text, starts, furniture = write_text(blocks, running)
    if not any(blocks):
        raise FileError(f"only page numbers and running heads are text in it; {_OCR}")
    title, author = facts.get("Title", ""), facts.get("Author", "")
    return Parsed(
        text,
        title=None if _NO_TITLE.fullmatch(title) else title,
        author=None if _NO_NAME.fullmatch(author) else author,
        date=iso_date(facts.get("CreationDate", "").removeprefix("D:")[:8]),
        language=language,
        pages=starts,
        furniture=furniture,
        notes=tuple(notes),
    )


def _open(data: bytes) -> Any:
    try:
        import pypdfium2
    except ImportError as error:
        raise OptionalDependencyError("pypdfium2", "pdf", "to read .pdf files") from error
    at = data.find(b"%PDF-", 0, 1024)
    if at < 0:
        raise FileError(f"no PDF: it begins with {data[:8]!r}; expected b'%PDF-'")
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        message = str(error)
        if "assword" in message:
            raise FileError("encrypted with a password; save it without one to have it indexed") from error
        if "ecurity" in message:
            raise FileError("encrypted in a way that can't be read; save it without protection") from error
        cause = "truncated or damaged" if b"%%EOF" not in data[-2048:] else "damaged"
        raise FileError(f"{cause}, no PDF that can be opened; copy it again") from error


def _read_pages(document: Any, n_pages: int) -> tuple[list[Page], list[Page], list[str]]:
    """Lines of each page, those in other directions apart, and what is to be said of them.

    Raises:
        FileError: no page has text, or the text is not readable.
    """
    import pypdfium2

    pages: list[Page] = []
    turned: list[Page] = []
    without: list[int] = []
    damaged: list[int] = []
    n_unknown = n_chars = 0
    for number in range(n_pages):
        try:
            page = document[number]
            runs = read_runs(page)
            page.close()
        except pypdfium2.PdfiumError:
            damaged.append(number + 1)
            runs = PageRuns([], [], 0.0, 0.0, 0, 0)
        n_unknown += runs.n_unknown
        n_chars += runs.n_chars
        if not runs.upright and number + 1 not in damaged:
            without.append(number + 1)
        pages.append(read_lines(runs.upright, number, runs.bottom, runs.top))
        turned.append(read_lines(runs.turned, number, runs.bottom, runs.top))
    if len(damaged) == n_pages:
        raise FileError("damaged: none of its pages can be read; copy it again")
    if not any(page.lines for page in pages):
        raise FileError(f"no text layer was found on {n_pages} page{'s' * (n_pages > 1)} (a scan?); {_OCR}")
    if n_unknown > 0.3 * n_chars:
        raise FileError(
            f"its fonts do not say which characters they show ({n_unknown:,} of {n_chars:,}); {_OCR}"
        )
    notes = []
    if without:
        notes.append(
            f"no text on {len(without)} of {n_pages} pages ({_numbers(without)}): pictures would need OCR"
        )
    if damaged:
        notes.append(f"{len(damaged)} of {n_pages} pages are damaged and not read ({_numbers(damaged)})")
    return pages, turned, notes


def _numbers(pages: list[int]) -> str:
    return "page " + ", ".join(map(str, pages[:8])) + (" ..." if len(pages) > 8 else "")


def _language(document: Any) -> str | None:
    """The language that the catalog declares."""
    import ctypes

    import pypdfium2.raw as raw

    get = getattr(raw, "FPDFCatalog_GetLanguage", None)
    if get is None:
        return None
    buffer = ctypes.create_string_buffer(64)
    n = get(document.raw, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), 64)
    return (
        language_code(buffer.raw[: max(0, min(n, 64) - 2)].decode("utf-16-le", "replace")) if n > 2 else None
    )
