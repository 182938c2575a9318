"""Everything that can keep an index, in one shape for the tests; another store joins with one more entry.

A keeper makes its index mirror a folder and opens it. `reason` says why it can't be tested here.
"""

from __future__ import annotations

import importlib.util
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rag.config import Config, IndexConfig
from rag.encoder import Encoder
from rag.index import IndexReport
from rag.opening import mirror, open_index

WITHOUT_LANCE = (
    None
    if importlib.util.find_spec("lancedb")
    else 'LanceDB is not installed: pip install "insources[lance]"; see docs/scale-out.md'
)
# The server that the tests of Milvus use; `milvus_server.py` starts one of their own and sets this.
MILVUS = os.environ.get("MILVUS_URI")
WITHOUT_MILVUS = (
    'pymilvus is not installed: pip install "insources[milvus]"; see docs/scale-out.md'
    if importlib.util.find_spec("pymilvus") is None
    else None
    if MILVUS
    else "no Milvus server: set MILVUS_URI; test_milvus_server.py runs this over milvus-lite where it can"
)
needs_lance = pytest.mark.skipif(WITHOUT_LANCE is not None, reason=WITHOUT_LANCE or "")
needs_milvus = pytest.mark.skipif(WITHOUT_MILVUS is not None, reason=WITHOUT_MILVUS or "")


# Names of collections that the tests have used.
USED: set[str] = set()


def milvus_place(own: Path) -> str:
    """A collection of its own for each test."""
    name = f"test_{zlib.crc32(f'{os.getpid()} {own}'.encode())}"
    USED.add(name)
    return f"milvus://{MILVUS}/{name}"


@dataclass(frozen=True)
class Keeper:
    """One way to keep an index.

    Attributes:
        name: for the test's own name.
        place: the index's name, from an empty folder that it may use.
        kind: of vector store, where the index is in a folder.
        reason: why it can't be tested here; None where it can.
    """

    name: str
    place: Callable[[Path], str | Path]
    kind: str = "auto"
    reason: str | None = None

    def config(self) -> Config:
        return Config(index=IndexConfig(self.kind))

    def mirror(self, folder: Path, own: Path, encoder: Encoder) -> IndexReport:
        return mirror([folder], self.place(own), config=self.config(), encoder=encoder)

    def open(self, own: Path) -> Any:
        return open_index(self.place(own))


KEEPERS = [
    Keeper("exact", lambda own: own / "index", kind="exact"),
    Keeper("flat", lambda own: own / "index", kind="flat"),
    Keeper("ivf", lambda own: own / "index", kind="ivf"),
    Keeper("lance", lambda own: f"lance://{own / 'lance'}", reason=WITHOUT_LANCE),
    Keeper("milvus", milvus_place, reason=WITHOUT_MILVUS),
]


def over(keepers: Sequence[Keeper]) -> pytest.MarkDecorator:
    """A test for each of some keepers."""
    return pytest.mark.parametrize(
        "keeper",
        [
            pytest.param(k, id=k.name, marks=pytest.mark.skipif(k.reason is not None, reason=k.reason or ""))
            for k in keepers
        ],
    )


every_keeper = over(KEEPERS)
every_database = over([keeper for keeper in KEEPERS if keeper.name in ("lance", "milvus")])
