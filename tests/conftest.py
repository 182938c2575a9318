"""Fixtures that several areas share: the real index over the seeds, built once for the whole run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# No test depends on how fast the machine is.
hypothesis.settings.register_profile("any speed", deadline=None)
hypothesis.settings.load_profile("any speed")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the tests stays in this user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def seeds() -> Path:
    """The folder of the five articles."""
    return ROOT / "seeds"


@pytest.fixture(scope="session")
def seed_index(tmp_path_factory: pytest.TempPathFactory, seeds: Path) -> Path:
    """A real index over the seeds, made with the bundled encoder."""
    from rag.config import Config
    from rag.encoder import load_encoder
    from rag.index import update_index

    path = tmp_path_factory.mktemp("seeds") / "index"
    config = Config()
    update_index([seeds], path, config=config, encoder=load_encoder(config.encoder))
    return path


@pytest.fixture(scope="session")
def pipeline(seed_index: Path):  # type: ignore[no-untyped-def]
    """The real pipeline over the seeds."""
    from rag.pipeline import Pipeline

    return Pipeline.load(seed_index)


@pytest.fixture
def careless_index(seed_index: Path, tmp_path: Path) -> Path:
    """The five articles, with a decision of their own that is wrong at least once in ten answers."""
    index = tmp_path / "careless"
    shutil.copytree(seed_index, index)
    fitted = json.loads((ROOT / "rag" / "models" / "reader" / "calibration.json").read_text("utf-8"))
    (index / "calibration.json").write_text(json.dumps({**fitted, "risk_curve": [[0.5, 0.1, 0.8]]}), "utf-8")
    return index
