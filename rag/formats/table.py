"""Tables (.csv, .tsv) with a column of text: each row is a section of one canonical text."""

from __future__ import annotations

import csv
import io

from rag.errors import FileError
from rag.formats.canonical import Canonical
from rag.formats.parsed import MAX_CHARS, Parsed, ParseOptions
from rag.formats.plain import decode_text
from rag.formats.rows import add_record, choose_column, own_facts

__all__ = ["parse"]

_SEPARATORS = ",;\t|"


def parse(data: bytes, options: ParseOptions) -> Parsed:
    """Read a table; the first row names the columns.

    Raises:
        FileError: no text encoding, no header, no text column, or malformed quotes.
    """
    text = decode_text(data).removeprefix("\ufeff")
    csv.field_size_limit(MAX_CHARS)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    out = Canonical()
    begins: list[int | None] = []
    n_ragged = 0
    try:
        header = next((row for row in rows if any(cell.strip() for cell in row)), [])
        if not header:
            raise FileError("no header; expected a first row that names the columns")
        column = choose_column(header, options.text_column)
        for number, row in enumerate(rows, start=1):
            if not any(cell.strip() for cell in row):
                continue
            n_ragged += len(row) != len(header)
            record = dict(zip(header, row, strict=False))
            begins.append(add_record(record, column, number, out))
    except csv.Error as error:
        raise FileError(
            f"malformed table at line {rows.line_num}: {error}; expected quotes that close"
        ) from error
    if not len(out):
        raise FileError(f"the column {column!r} holds no text in any row")
    records = tuple(begin for begin in begins if begin is not None)
    n_empty = len(begins) - len(records)
    notes = [f"{n_empty} rows without text in {column!r} are left out"] if n_empty else []
    notes += [f"{n_ragged} rows have more or fewer cells than the {len(header)} columns"] if n_ragged else []
    return Parsed(out.text(), records=records, notes=(*notes, *own_facts(header, column)))
