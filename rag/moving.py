"""Files that only moved: what the index holds of them goes on under the new name, neither read nor encoded again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import PurePosixPath

from rag.assembly import Part
from rag.chunking import chunk_id
from rag.formats import SUFFIXES
from rag.joined import Documents
from rag.records import decode_chunk, decode_document, encode_chunk, encode_document

__all__ = ["Origins", "moved_part"]


class Origins:
    """Where the contents of new files may be known from.

    Args:
        held: the sha256 of each document of the index, by doc_id.
        there: the doc_ids of the files that there are now.
    """

    def __init__(self, held: Mapping[str, str], there: Set[str]) -> None:
        self._gone = {doc_id for doc_id in held if doc_id not in there}
        self._by_sha256: dict[str, list[str]] = {}
        for doc_id, sha256 in held.items():
            self._by_sha256.setdefault(sha256, []).append(doc_id)

    def find(self, doc_id: str, sha256: str) -> tuple[str, bool] | None:
        """The document that a new file equals, and whether it moved from there: each moves once, others are copies."""
        known = [other for other in self._by_sha256.get(sha256, []) if _parsed_alike(other, doc_id)]
        if not known:
            return None
        gone = [other for other in known if other in self._gone]
        if not gone:
            return known[0], False
        self._gone.discard(gone[0])
        return gone[0], True


def moved_part(documents: Documents, origin: str, doc_id: str, rows: Sequence[int]) -> Part:
    """A document of the index under another name.

    Args:
        documents: of the index.
        origin: its name there.
        doc_id: its name now.
        rows: the places of its chunks in the index.
    """
    record, lines = documents.records(origin)
    document = replace(decode_document(json.loads(record)), doc_id=doc_id)
    chunks = [decode_chunk(json.loads(line)) for line in lines.splitlines()]
    chunks = [replace(c, doc_id=doc_id, chunk_id=chunk_id(doc_id, c.span, c.text)) for c in chunks]
    facts, sketch = documents.light(origin)
    return Part(
        doc_id=doc_id,
        sha256=document.sha256,
        document=encode_document(document),
        facts=facts,
        sketch=sketch,
        chunks=[encode_chunk(chunk) for chunk in chunks],
        texts=[chunk.text for chunk in chunks],
        language=document.language,
        rows=list(rows),
    )


def _parsed_alike(one: str, other: str) -> bool:
    """Whether the same bytes give the same text under both names."""
    first, second = (PurePosixPath(name).suffix.lower() for name in (one, other))
    return first == second or all(s in SUFFIXES and SUFFIXES[s].module is None for s in (first, second))
