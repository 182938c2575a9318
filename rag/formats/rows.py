"""Records of a table or of JSON lines to text: a heading a record, then its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rag.errors import FileError
from rag.formats.canonical import Canonical, one_line

__all__ = ["add_record", "choose_column", "own_facts"]

_TEXTS = ("text", "body", "content", "article", "article_body", "articlebody", "description", "paragraph",
          "passage", "document", "message", "abstract", "summary", "answer", "note", "comment")  # fmt: skip
_TITLES = ("title", "headline", "heading", "name", "subject", "question")
_IDS = ("id", "_id", "doc_id", "docid", "uid", "uuid", "key", "number", "no", "url", "link")
_FACTS = ("author", "byline", "source", "publisher", "date", "published", "published_at", "created_at", "url")


def choose_column(columns: Iterable[str], wanted: str | None) -> str:
    """The column that holds the text.

    Args:
        columns: the names of all columns.
        wanted: the one that the person named; None takes the first of the usual names.

    Raises:
        FileError: no such column, or none with a usual name.
    """
    names = list(columns)
    shown = ", ".join(repr(name) for name in names[:20]) or "none"
    if wanted is not None:
        exact = [name for name in names if name == wanted] or [
            n for n in names if n.lower() == wanted.lower()
        ]
        if not exact:
            raise FileError(f"no column {wanted!r}; it has {shown}: name one with --text-column")
        return exact[0]
    by_name = {name.strip().lower(): name for name in reversed(names)}
    found = next((by_name[name] for name in _TEXTS if name in by_name), None)
    if found is None:
        raise FileError(f"no column with a usual name for text (text, body, content ...); it has {shown}: "
                        "name one with --text-column")  # fmt: skip
    return found


def own_facts(columns: Iterable[str], column: str) -> tuple[str, ...]:
    """A note where columns seem to hold each record's title, author or date: an index has one of each a file.

    Args:
        columns: the names of all columns.
        column: the one with the text.
    """
    known = {"title", "headline", *_FACTS} - {"url"}  # a "name" or a "subject" is the title of many things
    found = [name for name in columns if name != column and name.strip().lower() in known]
    if not found:
        return ()
    shown = ", ".join(repr(name) for name in found[:20])
    return (f"{shown} can be read and quoted with each record, but are no title, author or date to filter by; "
            "for that, make each record a file",)  # fmt: skip


def add_record(record: Mapping[str, str], column: str, number: int, out: Canonical) -> int | None:
    """Add one record: "## Title [id]", a line of facts (author, date, source), and the text.

    Args:
        record: values by column.
        column: the one with the text.
        number: of the row, from 1, for a record without a title or an id.
        out: takes the blocks.

    Returns:
        Where it begins in the text; None, and nothing is added, where the record has no text.
    """
    text = record.get(column, "")
    if not text.strip():
        return None
    values = {name.strip().lower(): one_line(value) for name, value in record.items() if name != column}
    title, key = _first(values, _TITLES), _first(values, _IDS)
    label = f"{title} [{key}]" if title and key else title or key or f"row {number}"
    out.add(label, mark="## ")
    begin = out.begin
    facts = [
        f"{name}: {values[name]}" for name in _FACTS if values.get(name) and values[name] not in (title, key)
    ]
    out.add("; ".join(facts))
    out.add(text)
    return begin


def _first(values: Mapping[str, str], names: Sequence[str]) -> str:
    return next((values[name][:300] for name in names if values.get(name)), "")
