"""Where a run stands, on disk, written so that a kill leaves the last good one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from rag.errors import ModelError

__all__ = ["read_checkpoint", "write_checkpoint"]

FORMAT = 1


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` beside `path`, then put it in its place in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save({"format": FORMAT, **state}, part)
    os.replace(part, path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint back.

    Raises:
        ModelError: there is none, or it has another format.
    """
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path} to resume from; start without --resume")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if state.get("format") != FORMAT:
        raise ModelError(f"{path} has checkpoint format {state.get('format')!r}; this version reads {FORMAT}")
    return state
