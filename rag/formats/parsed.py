"""What a parser is told and what it gives: one canonical text, and what the file says of itself."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_CHARS", "ParseOptions", "Parsed"]

# Longest canonical text of one file, in characters.
MAX_CHARS = 20_000_000


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """How files are parsed.

    Attributes:
        text_column: the column or field of .csv and .jsonl files that holds the text; None finds one.
        keep_furniture: menus, running heads and the like stay in the text.
    """

    text_column: str | None = None
    keep_furniture: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """One file's canonical text; every offset of the index refers to it.

    Attributes:
        text: the canonical text; for .txt and .md the file itself.
        title, author: as the file's own metadata has them.
        date: ISO 8601 ("2024-05-31") where the metadata's could be read as a date.
        language: ISO 639-1, as declared.
        source: where it comes from: a site, a publisher, a mail's sender.
        pages: for paged formats the start of each page in `text`, ascending, one an item.
        furniture: `[start, end)` in `text` of what runs through the pages, ascending: there to be seen, never quoted.
        records: where it holds many texts (a table's rows) the start of each in `text`, ascending: what is
            recognised in one does not hold for another.
        notes: what of the file is not in the text, or may be missing, for the person who indexes it.
    """

    text: str
    title: str | None = None
    author: str | None = None
    date: str | None = None
    language: str | None = None
    source: str | None = None
    pages: tuple[int, ...] = ()
    furniture: tuple[tuple[int, int], ...] = ()
    records: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
