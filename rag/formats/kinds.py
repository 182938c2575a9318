"""Which formats there are, and what each needs."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from rag.errors import OptionalDependencyError

__all__ = ["KINDS", "SUFFIXES", "Kind", "missing"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A file format.

    Attributes:
        name: for people.
        suffixes: in lower case.
        module: with the parser `parse(data, options)`; None for text, which is itself.
        package: what must be installed to read it, besides the standard library.
        extra: the extra that brings the package.
        begins: bytes that every such file begins with, where there are some.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str | None
    package: str = ""
    extra: str = ""
    begins: bytes = b""

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return not self.package or importlib.util.find_spec(self.package) is not None


KINDS = (
    Kind("plain text", (".txt", ".md"), None),
    Kind("web page", (".html", ".htm", ".xhtml"), "rag.formats.web_page", "lxml", "web"),
    Kind("saved web page", (".mhtml", ".mht"), "rag.formats.web_archive", "lxml", "web"),
    Kind("PDF", (".pdf",), "rag.formats.pdf", "pypdfium2", "pdf"),
    Kind("Word document", (".docx",), "rag.formats.word", "lxml", "office", b"PK"),
    Kind("e-book", (".epub",), "rag.formats.book", "lxml", "office", b"PK"),
    Kind("e-mail", (".eml",), "rag.formats.mail"),
    Kind("table", (".csv", ".tsv"), "rag.formats.table"),
    Kind("JSON lines", (".jsonl",), "rag.formats.json_lines"),
)
SUFFIXES = {suffix: kind for kind in KINDS for suffix in kind.suffixes}


def missing(kind: Kind) -> str | None:
    """The line that says which package of which extra is missing; None where nothing is."""
    if kind.available:
        return None
    return str(OptionalDependencyError(kind.package, kind.extra, f"to read {kind.suffixes[0]} files"))
