"""Which files the last run of `rag index` could not read, kept beside the index for `rag doctor`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["load_failures", "save_failures"]

_NAME = "failures.json"
_KEPT = 1_000


def save_failures(root: Path, failed: Sequence[tuple[str, str]]) -> None:
    """Keep (file, what was wrong) of the files that are not in the index; the first thousand of them.

    It is for people only: an index without it, or with one that can't be written, is whole.
    """
    path = root / _NAME
    with suppress(OSError):
        if not failed:
            path.unlink(missing_ok=True)
            return
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(list(failed)[:_KEPT], ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, path)


def load_failures(root: Path) -> list[tuple[str, str]]:
    """What `save_failures` kept; nothing where there is nothing that can be read."""
    try:
        return [(str(name), str(message)) for name, message in json.loads((root / _NAME).read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
