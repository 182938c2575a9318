"""An HTML tree to blocks of text: headings, paragraphs, list items, table rows, in reading order.

The tree is walked with a stack of its own making, so that no depth of nesting overflows Python's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from rag.formats.canonical import Canonical, one_line
from rag.formats.trees import local_name

__all__ = ["UNSEEN", "add_blocks", "is_hidden"]

# What a reader of the page does not see, or does not read.
UNSEEN = frozenset(
    "script style noscript template head iframe frame object embed applet canvas audio video svg map select "
    "option datalist textarea input rp rt source track link meta base".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol optgroup p pre "
    "search section summary table tbody td tfoot th thead tr ul".split()
)
_IN_CELL = ("table", "ul", "ol", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "form", "blockquote", "pre")
_MAX_ROW = 2_000
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)


def is_hidden(element: Any) -> bool:
    """Whether the page's author hid an element from view."""
    if element.get("hidden") is not None or (element.get("aria-hidden") or "").lower() == "true":
        return True
    return _HIDDEN.search(element.get("style") or "") is not None


class _Walk:
    """What is known at a place of the tree."""

    def __init__(self, out: Canonical) -> None:
        self.out = out
        self.words: list[str] = []
        self.heading = 0
        self.pre = 0
        self.item = False  # the next block is the first of a list item
        self.in_list = 0

    def text(self, text: str | None) -> None:
        if text:
            self.words.append(text if self.pre else re.sub(r"\s+", " ", text))

    def flush(self) -> None:
        """End the block at hand."""
        if not self.words:
            return
        text = "".join(self.words)
        self.words = []
        if self.heading and text.strip():
            self.out.add(" ".join(text.split()), mark="#" * min(self.heading, 6) + " ")
        elif self.in_list and text.strip():
            self.out.add(text, mark="- " if self.item else "", tight="list")
            self.item = False
        else:
            self.out.add(text, lines=self.pre > 0)


def add_blocks(root: Any, out: Canonical, skip: Callable[[Any], bool] | None = None) -> None:
    """Add all that a reader sees of an element.

    Args:
        root: of the part of the page that is wanted.
        out: takes the blocks.
        skip: says which elements are left out with all that is in them.
    """
    walk = _Walk(out)
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        element, leaving = stack.pop()
        name = local_name(element.tag)
        if leaving:
            _leave(element, name, walk)
            if element is not root:
                walk.text(element.tail)
            continue
        unseen = (
            not name
            or name in UNSEEN
            or (element is not root and (is_hidden(element) or _skipped(element, skip)))
        )
        if unseen:
            if element is not root:
                walk.text(element.tail)
            continue
        if name == "table" and is_data_table(element):
            walk.flush()
            _add_rows(element, out)
            walk.text(element.tail)
            continue
        _enter(element, name, walk)
        walk.text(element.text)
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))
    walk.flush()


def _skipped(element: Any, skip: Callable[[Any], bool] | None) -> bool:
    return skip is not None and skip(element)


def _enter(element: Any, name: str, walk: _Walk) -> None:
    if name == "br":
        walk.words.append("\n")
    elif name == "q":
        walk.words.append("“")
    elif name in _BLOCKS:
        walk.flush()
        if name[0] == "h" and name[1:].isdigit():
            walk.heading = int(name[1])
        elif name == "pre":
            walk.pre += 1
        elif name == "li":
            walk.item = True
            walk.in_list += 1
    elif name == "img":
        walk.words.append(" ")


def _leave(element: Any, name: str, walk: _Walk) -> None:
    if name == "q":
        walk.words.append("”")
    elif name in _BLOCKS:
        walk.flush()
        if name[0] == "h" and name[1:].isdigit():
            walk.heading = 0
        elif name == "pre":
            walk.pre -= 1
        elif name == "li":
            walk.item = False
            walk.in_list -= 1


def is_data_table(table: Any) -> bool:
    """Whether a table holds data, or only lays out a page (as old pages and mails do)."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return False
    if any(next(table.iter(name, f"{{*}}{name}"), None) is not None for name in _IN_CELL[1:]):
        return False
    if next(table.iterdescendants("table", "{*}table"), None) is not None:
        return False
    widest, total, n_cells = 0, 0, 0
    for row in _shown(table, "tr"):
        cells = _cells(row)
        widest = max(widest, len(cells))
        for cell in cells:
            total += len(one_line("".join(cell.itertext())))
            n_cells += 1
    return widest >= 2 and total <= 300 * max(1, n_cells)


def _cells(row: Any) -> list[Any]:
    return [cell for cell in row if local_name(cell.tag) in ("td", "th") and not is_hidden(cell)]


def _shown(table: Any, wanted: str) -> Iterator[Any]:
    """The rows or captions of a table, but those that are hidden or in a hidden part of it."""
    stack: list[Any] = [table]
    while stack:
        element = stack.pop()
        name = local_name(element.tag)
        if not name or name in UNSEEN or (element is not table and is_hidden(element)):
            continue
        if name == wanted:
            yield element
        else:
            stack.extend(reversed(element))


def _add_rows(table: Any, out: Canonical) -> None:
    """One line a row, its cells divided by bars."""
    for caption in _shown(table, "caption"):
        out.add(one_line(_seen_text(caption)))
    for row in _shown(table, "tr"):
        shown = [one_line(_seen_text(cell)) for cell in _cells(row)]
        line = " | ".join(cell for cell in shown if cell)
        out.add(line, tight="table" if len(line) < _MAX_ROW else "")


def _seen_text(cell: Any) -> str:
    parts: list[str] = []
    stack: list[Any] = [cell]
    while stack:
        element = stack.pop()
        if isinstance(element, str):
            parts.append(element)
            continue
        name = local_name(element.tag)
        if element is not cell and element.tail:
            stack.append(element.tail)
        if not name or name in UNSEEN or (element is not cell and is_hidden(element)):
            continue
        if name in ("br", "p", "div"):
            parts.append(" ")
        stack.extend(reversed(element))
        if element.text:
            parts.append(element.text)
    return "".join(parts)
