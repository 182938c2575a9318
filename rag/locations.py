"""Where an index is: a folder of its own, or a database that a URI names."""

from __future__ import annotations

from pathlib import Path

__all__ = ["LANCE", "MILVUS", "folder_of", "is_lance", "is_milvus", "is_shared"]

LANCE = "lance://"
MILVUS = "milvus://"


def is_lance(index: object) -> bool:
    """Whether the name of an index means LanceDB.

    >>> is_lance("lance://shared/index"), is_lance("index")
    (True, False)
    """
    return isinstance(index, str) and index.startswith(LANCE)


def is_milvus(index: object) -> bool:
    """Whether the name of an index means Milvus.

    >>> is_milvus("milvus://localhost:19530/corpus"), is_milvus("index")
    (True, False)
    """
    return isinstance(index, str) and index.startswith(MILVUS)


def is_shared(index: object) -> bool:
    """Whether the name of an index means a database that many machines may read.

    >>> is_shared("lance://shared/index"), is_shared("milvus://localhost/corpus"), is_shared("index")
    (True, True, False)
    """
    return is_lance(index) or is_milvus(index)


def folder_of(index: str | Path) -> Path | None:
    """The folder that an index is in; None where it is on an object store or a server.

    >>> folder_of("lance:///srv/index"), folder_of("lance://s3://bucket/index")
    (PosixPath('/srv/index'), None)
    """
    place = index.removeprefix(LANCE) if is_lance(index) and isinstance(index, str) else index
    return None if isinstance(place, str) and "://" in place else Path(place)
