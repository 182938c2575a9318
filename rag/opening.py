"""An index by its name, whatever keeps it: `index/` is a folder, `lance://PLACE` is in LanceDB."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from rag.assembly import Progress
from rag.config import Config
from rag.encoder import Encoder
from rag.index import Index, IndexReport, update_index
from rag.locations import is_lance

__all__ = ["mirror", "newest_state", "open_index"]


def open_index(index: str | Path, *, config: Config | None = None) -> Index:
    """Open an index.

    Args:
        index: its folder, or its URI.
        config: the settings in use; None takes those that it was made with.

    Raises:
        IndexMissing: nothing there.
        IndexMismatch: made by another format, encoder or setting, or damaged.
        IndexUnavailable: the store is down or slow.
    """
    if not is_lance(index):
        return Index.load(Path(index), config=config)
    from rag.lance_index import LanceIndex

    # All that is asked of an open index is the same; only what writes one tells them apart.
    return cast(Index, LanceIndex.load(str(index), config=config))


def newest_state(uri: str) -> Callable[[], int]:
    """What tells the number of the newest state of an index that is not in a folder; it may be asked often."""
    from rag.stores.lance import Database

    database = Database(uri)
    return lambda: database.state().generation


def mirror(
    paths: Iterable[str | os.PathLike[str]],
    index: str | Path,
    *,
    config: Config,
    encoder: Encoder,
    progress: Progress | None = None,
    check: bool = False,
) -> IndexReport:
    """As `update_index`, of any index. LanceDB's reads every file, whatever `check` says."""
    if not is_lance(index):
        return update_index(
            paths, Path(index), config=config, encoder=encoder, progress=progress, check=check
        )
    from rag.lance_update import update_lance

    return update_lance(paths, str(index), config=config, encoder=encoder, progress=progress)
