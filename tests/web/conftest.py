"""Servers for the tests, started by the function that the command uses, on free loopback ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sites import SEEDS, Host, Site, free_port


@pytest.fixture(scope="session")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host") / "log.txt")
    yield host
    host.close()


@pytest.fixture(scope="session")
def start_site(hosting: Host, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Site]:
    """Start another server; all are closed at the end."""

    def start(folder: Path = SEEDS, delay: float = 0.0, data: Path | None = None, **options: Any) -> Site:
        options.setdefault("burst", 10_000)
        order = {"folder": str(folder), "delay": delay, "options": options}
        return Site(hosting, free_port(), data or tmp_path_factory.mktemp("data"), order)

    return start


@pytest.fixture(scope="session")
def site(start_site: Callable[..., Site]) -> Site:
    """One server over the seeds for all tests that change nothing."""
    return start_site(uploads=False)


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """A fresh visitor who has opened the page."""
    with site.client() as client:
        client.get("/").raise_for_status()
        yield client
