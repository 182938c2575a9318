"""From raw text to prose, structure and whole sentences, every offset kept in the raw text.

Reading the structure of a document takes many patterns, which take long to compile: they are loaded when a
document is read. Who only asks never waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rag.cleaning.search_copy import MappedText, join_search_copies, search_copy

if TYPE_CHECKING:
    from rag.cleaning.structure import Block, Structure

__all__ = ["Block", "MappedText", "Structure", "join_search_copies", "read_structure", "search_copy"]


def read_structure(
    text: str,
    *,
    remove_furniture: bool = True,
    language: str | None = None,
    furniture: Sequence[tuple[int, int]] = (),
    records: Sequence[int] = (),
) -> Structure:
    """Read what a text consists of: `rag.cleaning.structure.read_structure`."""
    from rag.cleaning import structure

    return structure.read_structure(
        text,
        remove_furniture=remove_furniture,
        language=language,
        furniture=furniture,
        records=records,
    )


def __getattr__(name: str) -> Any:
    if name in ("Block", "Structure"):
        from rag.cleaning import structure

        return getattr(structure, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
