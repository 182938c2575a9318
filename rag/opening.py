"""An index by its name: `index/` is a folder, `lance://PLACE` in LanceDB, `milvus://HOST/COLLECTION` in Milvus."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from rag.assembly import Progress
from rag.config import Config
from rag.encoder import Encoder
from rag.index import Index, IndexReport, update_index
from rag.kept_index import KeptIndex
from rag.locations import is_milvus, is_shared
from rag.prepared import Prepare, in_a_folder, prepare_here
from rag.stores.database import AnyDatabase

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
    if not is_shared(index):
        return Index.load(Path(index), config=config)
    database = _database(str(index))
    # All that is asked of an open index is the same; only what writes one tells them apart.
    return cast(Index, KeptIndex.of(database, database.state(), config=config))


def newest_state(uri: str) -> Callable[[], int]:
    """What tells the number of the newest state of an index that is not in a folder; it may be asked often."""
    return _database(uri).generation


def mirror(
    paths: Iterable[str | os.PathLike[str]],
    index: str | Path,
    *,
    config: Config,
    encoder: Encoder,
    progress: Progress | None = None,
    check: bool = False,
    prepare: Prepare = prepare_here,
) -> IndexReport:
    """As `update_index`, of any index.

    Args:
        paths, index, config, encoder, progress, check: as there.
        prepare: reads and encodes what is new, here or on a cluster; an index in a folder knows only `prepare_here`.

    Raises:
        ConfigError: a folder, and work that others are to do.
        RagError: as `update_index`, or where the store is down.
    """
    if not is_shared(index):
        if prepare is not prepare_here:
            raise in_a_folder(str(index))
        return update_index(
            paths, Path(index), config=config, encoder=encoder, progress=progress, check=check
        )
    if is_milvus(index):
        from rag.milvus_update import update_milvus

        return update_milvus(
            paths,
            str(index),
            config=config,
            encoder=encoder,
            progress=progress,
            prepare=prepare,
            check=check,
        )
    from rag.lance_update import update_lance

    return update_lance(
        paths, str(index), config=config, encoder=encoder, progress=progress, prepare=prepare, check=check
    )


def _database(uri: str) -> AnyDatabase:
    if is_milvus(uri):
        from rag.stores.milvus import MilvusDatabase

        return MilvusDatabase(uri)
    from rag.stores.lance import Database

    return Database(uri)
