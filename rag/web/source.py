"""A cited document, cut for the viewer by the server.

Offsets count code points and a browser counts UTF-16 units, so the browser never slices: it
gets the text before the span, the span in three pieces around the short answer, and the
text after it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from rag.datatypes import Document
from rag.web.finding import LONGEST, Finder
from rag.web.markup import plain
from rag.web.service import Service

__all__ = ["FileCheck", "Sources", "locate"]

WINDOW = 6_000
_LONGEST = 20_000


class FileCheck:
    """Whether files on disk are still what was indexed, without reading them each time."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[tuple[int, int], str]] = {}

    def state(self, path: Path, sha256: str) -> str | None:
        """None where the file is as indexed, else "changed" or "missing"."""
        try:
            status = path.stat()
        except OSError:
            return "missing"
        stamp = (status.st_mtime_ns, status.st_size)
        seen = self._seen.get(path)
        if seen is None or seen[0] != stamp:
            try:
                with path.open("rb") as file:
                    seen = (stamp, hashlib.file_digest(file, "sha256").hexdigest())
            except OSError:
                return "missing"
            if len(self._seen) > 10_000:
                self._seen.clear()
            self._seen[path] = seen
        return None if seen[1] == sha256 else "changed"


class Sources:
    """Answers the viewer's requests.

    Args:
        service: holds the pipeline in use and the documents of old citations.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._check = FileCheck()
        self._finder = Finder()
        self._listed: tuple[object, list[dict[str, str]]] = (None, [])

    def window(self, request: object) -> dict[str, Any]:
        """The part of a document around a span.

        Args:
            request: `doc`, `s`, `e`, and optionally `sha`, `hs`, `he`; whatever a client sent.

        Returns:
            The pieces to show; or `error`, the key of a message.
        """
        asked = request if isinstance(request, dict) else {}
        document, note = self._asked_for(asked)
        if document is None:
            return {"error": note}
        span = _span(asked.get("s"), asked.get("e"), 0, len(document.text))
        if span is None:
            return {"error": "source_range"}
        short = _span(asked.get("hs"), asked.get("he"), *span) or (span[0], span[0])
        return _cut(document, *span, short, note)

    def find(self, request: object) -> dict[str, Any]:
        """The part of a document around a text that a reader looks for in it.

        Args:
            request: `doc`, `text`, `from` (where to begin, in characters), and optionally `sha` and
                `back` (look towards the beginning); whatever a client sent.

        Returns:
            As `window`, with `n`, how often the text is there, and `at`, which of these it is, from 1;
            or only `n`, 0, where it is not there.
        """
        asked = request if isinstance(request, dict) else {}
        document, note = self._asked_for(asked)
        if document is None:
            return {"error": note}
        wanted, start = asked.get("text"), asked.get("from")
        if not isinstance(wanted, str) or len(wanted) > LONGEST or type(start) is not int:
            return {"error": "find_none"}
        at, places = self._finder.step(document, wanted, start, back=asked.get("back") is True)
        if not places:
            return {"n": 0}
        span = places[at]
        cut = _cut(document, span.start, span.end, (span.start, span.start), note)
        return {**cut, "n": len(places), "at": at + 1}

    def _asked_for(self, asked: dict[str, Any]) -> tuple[Document | None, str | None]:
        """The document that a client means, with a note about it; or None and what is wrong."""
        doc_id, sha = asked.get("doc"), asked.get("sha")
        if not isinstance(doc_id, str) or len(doc_id) > 1_000:
            return None, "source_unknown"
        index = self._service.pipeline.index
        document = index.documents.get(doc_id)
        if isinstance(sha, str) and (document is None or document.sha256 != sha):
            note = "removed" if document is None else "replaced"
            document = self._service.archive.get(doc_id, sha)
            return document, note if document is not None else "gone"
        if document is None:
            return None, "source_unknown"
        return document, self._on_disk(index, document)

    def documents(self) -> list[dict[str, str]]:
        """Every document, to open one at its beginning."""
        pipeline = self._service.pipeline
        if self._listed[0] is not pipeline:
            # An index decodes a document when it is asked for: once is enough.
            held = pipeline.index.documents.values()
            self._listed = (pipeline, [{"doc": d.doc_id, "title": plain(d.title or d.doc_id)} for d in held])
        return self._listed[1]

    def _on_disk(self, index: object, document: Document) -> str | None:
        path = locate(index, document.doc_id)
        return self._check.state(path, document.sha256) if path is not None else None


def locate(index: object, doc_id: str) -> Path | None:
    """Where a document's file is; None where that can't be known.

    An index records the paths it was made from as they were given: seen from another folder,
    a relative one says nothing.
    """
    roots = [Path(root) for root in getattr(index, "roots", ())]
    if not roots or not all(root.exists() for root in roots):
        return None
    folders = [root.resolve() if root.is_dir() else root.resolve().parent for root in roots]
    return Path(os.path.commonpath(folders)) / doc_id


def _span(start: object, end: object, low: int, high: int) -> tuple[int, int] | None:
    """Two whole numbers that a client sent, if they are a span within another one."""
    if isinstance(start, bool) or isinstance(end, bool):
        return None
    if not isinstance(start, int) or not isinstance(end, int):
        return None
    return (start, end) if low <= start <= end <= high and end - start <= _LONGEST else None


def _cut(
    document: Document, start: int, end: int, inner: tuple[int, int], note: str | None
) -> dict[str, Any]:
    text = document.text
    first, last = max(0, start - WINDOW), min(len(text), end + WINDOW)
    # Windows begin and end at a line where there is one near, as a page would.
    if first > 0:
        first = text.find("\n", first, min(start, first + 1_000)) + 1 or first
    if last < len(text):
        last = text.rfind("\n", max(end, last - 1_000), last) + 1 or last
    return {
        "doc": document.doc_id,
        "title": plain(document.title or document.doc_id),
        "start": start,
        "end": end,
        "line": text.count("\n", 0, start) + 1,
        "page": document.page(start),
        "first": first,
        "last": last,
        "length": len(text),
        "pre": text[first:start],
        "hit": [text[start : inner[0]], text[inner[0] : inner[1]], text[inner[1] : end]],
        "post": text[end:last],
        "note": note,
    }
