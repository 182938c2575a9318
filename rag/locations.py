"""Where an index is: a folder of its own, or a database that a URI names."""

from __future__ import annotations

from pathlib import Path

__all__ = ["LANCE", "folder_of", "is_lance"]

LANCE = "lance://"


def is_lance(index: object) -> bool:
    """Whether the name of an index means LanceDB.

    >>> is_lance("lance://shared/index"), is_lance("index")
    (True, False)
    """
    return isinstance(index, str) and index.startswith(LANCE)


def folder_of(index: str | Path) -> Path | None:
    """The folder that an index is in; None where it is on an object store.

    >>> folder_of("lance:///srv/index"), folder_of("lance://s3://bucket/index")
    (PosixPath('/srv/index'), None)
    """
    place = index.removeprefix(LANCE) if is_lance(index) and isinstance(index, str) else index
    return None if isinstance(place, str) and "://" in place else Path(place)
