"""A small folder of texts, the encoder without a model, and one way to index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hash_encoder import HashEncoder
from keepers import MILVUS, USED
from small_texts import TEXTS

from rag.config import Config
from rag.index import Index, IndexReport, update_index


@pytest.fixture(scope="session", autouse=True)
def _clean_server() -> Iterator[None]:
    """Nothing of the tests stays on a Milvus server."""
    yield
    if USED and MILVUS is not None:
        from pymilvus import MilvusClient

        client = MilvusClient(uri=MILVUS)
        for name in client.list_collections():
            if USED.intersection((name, "_".join(name.split("_")[:2]))):
                client.drop_collection(name)


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three short texts."""
    path = tmp_path / "texts"
    for name, text in TEXTS.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the index goes."""
    return tmp_path / "index"


@pytest.fixture
def update(folder: Path, place: Path, encoder: HashEncoder) -> Callable[..., IndexReport]:
    """Make the index mirror the folder."""

    def run(config: Config | None = None) -> IndexReport:
        return update_index([folder], place, config=config or Config(), encoder=encoder)

    return run


@pytest.fixture
def load(place: Path, encoder: HashEncoder) -> Callable[[], Index]:
    """Open the index."""
    return lambda: Index.load(place, config=Config(), encoder_id=encoder.encoder_id)
