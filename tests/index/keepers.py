"""Everything that can keep an index, in one shape for the tests; another store joins with one more entry.

A keeper makes its index mirror a folder and opens it. `reason` says why it can't be tested here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
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
needs_lance = pytest.mark.skipif(WITHOUT_LANCE is not None, reason=WITHOUT_LANCE or "")


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
]

every_keeper = pytest.mark.parametrize(
    "keeper",
    [
        pytest.param(k, id=k.name, marks=pytest.mark.skipif(k.reason is not None, reason=k.reason or ""))
        for k in KEEPERS
    ],
)
