"""Servers for the tests, started by the function that the command uses, on free loopback ports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from chrome import CHROMIUM, FLAGS, complaint
from sites import SEEDS, Host, Site, free_port


@pytest.fixture(scope="session")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host") / "log.txt")
    yield host
    host.close()


@pytest.fixture(scope="session")
def start_site(hosting: Host, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Site]:
    """Start another server; all are closed at the end."""

    def start(
        folder: Path = SEEDS,
        delay: float = 0.0,
        data: Path | None = None,
        limits: dict[str, Any] | None = None,
        **options: Any,
    ) -> Site:
        options.setdefault("burst", 10_000)
        order = {"folder": str(folder), "delay": delay, "options": options, "limits": limits or {}}
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a site in a fresh profile; whatever it asks of the network or complains about counts, unless expected."""
    contexts, wrong = [], []

    def open_page(
        site: Site,
        path: str = "/",
        width: int = 1280,
        height: int = 800,
        expected: Sequence[str] = (),
        **settings: Any,
    ) -> Any:
        def note(text: str) -> None:
            if not any(part in text for part in expected):
                wrong.append(text)

        settings.setdefault("locale", "en-GB")
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        local = re.compile(rf"(http://127\.0\.0\.1:{site.port}/|data:|blob:)")
        page.on("request", lambda r: wrong.append(r.url) if not local.match(r.url) else None)
        page.on("console", lambda m: note(m.text) if complaint(m) else None)
        page.on("response", lambda r: note(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(site.url + path)
        page.wait_for_selector("#chat .welcome, #chat .ans")
        page.wait_for_function(
            "document.documentElement.lang && document.querySelector('.sv-prev').textContent"
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
