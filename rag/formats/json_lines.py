"""JSON Lines with a field of text: each object is a section of one canonical text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice

from rag.errors import FileError
from rag.formats.canonical import Canonical
from rag.formats.parsed import Parsed, ParseOptions
from rag.formats.plain import decode_text
from rag.formats.rows import add_record, choose_column, own_facts

__all__ = ["parse"]

_LOOKED_AT = 100  # objects that the fields are learned from


def parse(data: bytes, options: ParseOptions) -> Parsed:
    """Read objects, one a line.

    Raises:
        FileError: a line that is no JSON object (with its number), or no text field.
    """
    records = _records(decode_text(data).removeprefix("\ufeff"))
    first = list(islice(records, _LOOKED_AT))
    if not first:
        raise FileError("no object in it; expected a JSON object on each line")
    # Not every object has every field: those of the first ones together show which there are.
    names = dict.fromkeys(name for _, record in first for name, value in record.items() if value)
    column = choose_column(names, options.text_column)
    out = Canonical()
    begins = [add_record(record, column, number, out) for number, record in chain(first, records)]
    starts = tuple(begin for begin in begins if begin is not None)
    n_empty = len(begins) - len(starts)
    if not len(out):
        raise FileError(f"the field {column!r} holds no text in any line")
    notes = (f"{n_empty} lines without text in {column!r} are left out",) if n_empty else ()
    return Parsed(out.text(), records=starts, notes=(*notes, *own_facts(names, column)))


def _records(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, _record(line, number)


def _record(line: str, number: int) -> dict[str, str]:
    """A line's values as text; what is itself a list or an object is no text."""
    try:
        value = json.loads(line)
    except RecursionError as error:
        raise FileError(f"line {number}: nested too deeply; expected a JSON object") from error
    except ValueError as error:
        raise FileError(
            f"line {number} is no JSON ({str(error)[:120]}); expected an object on each line"
        ) from error
    if not isinstance(value, dict):
        raise FileError(f"line {number} is a {type(value).__name__}; expected a JSON object on each line")
    return {str(name): _shown(item) for name, item in value.items()}


def _shown(item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, list) and all(isinstance(part, str) for part in item):
        return "\n\n".join(item)
    return str(item) if isinstance(item, int | float) and not isinstance(item, bool) else ""
