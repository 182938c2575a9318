"""Makes the pictures in `docs/images/`: `python -m docs.screenshots` (needs Debian's chromium).

Starts the chat over `seeds/` as `python app.py` does, asks, and takes pictures: light and dark,
desktop and phone.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

FOUND = "Between whom is Trump's camp divided?"
REFUSED = "How old is Jensen Huang?"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
# name, width, height, colours, what to do
PICTURES = [
    ("chat-light", 1280, 800, "light", "answer"),
    ("chat-dark", 1280, 800, "dark", "answer"),
    ("refusal-light", 1280, 800, "light", "refusal"),
    ("welcome-light", 1280, 800, "light", "welcome"),
    ("documents-light", 1280, 800, "light", "panel"),
    ("phone-light", 390, 844, "light", "answer"),
    ("phone-source-dark", 390, 844, "dark", "source"),
]


def main() -> int:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--index", default="index")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("error: no chromium found; install it with: apt-get install chromium", file=sys.stderr)
        return 2
    from playwright.sync_api import sync_playwright

    from rag.web.launch import start
    from rag.web.options import ServeOptions

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        server = start(ServeOptions(port=port, index=arguments.index, data=Path(data)))
        try:
            # The first question loads the models; a picture of that would mislead.
            server.service.answer(FOUND)
            server.service.answer(REFUSED)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                for name, width, height, colours, what in PICTURES:
                    context = browser.new_context(
                        viewport={"width": width, "height": height}, color_scheme=colours, locale="en-GB"
                    )
                    path = arguments.out / f"{name}.png"
                    take(context.new_page(), server.url, what, path)
                    print(f"{path} {path.stat().st_size / 1000:.0f} kB")
                    context.close()
                browser.close()
        finally:
            server.close()
    return 0


def take(page: Any, url: str, what: str, path: Path) -> None:
    """One picture."""
    page.goto(url)
    page.wait_for_selector("#chat .welcome")
    if what in ("answer", "source", "refusal", "panel"):
        ask(page, FOUND, "found")
    if what == "refusal":
        ask(page, REFUSED, "refused")
    if what == "source":
        page.locator("#chat button.cite").first.click()
        page.wait_for_selector("#sv-hit")
    if what == "panel":
        page.click("#side .toggle-button")
    page.wait_for_timeout(900)
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=path)
    shrink(path)


def shrink(path: Path) -> None:
    """Fewer colours: text needs no more, and the repository stays small."""
    from PIL import Image

    with Image.open(path) as picture:
        smaller = picture.convert("RGB").quantize(96, dither=Image.Dither.NONE)
    smaller.save(path, optimize=True)


def ask(page: Any, question: str, expected: str) -> None:
    """Ask and wait for the answer."""
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")
    page.wait_for_selector(f"#chat .ans.{expected}", timeout=60_000)


if __name__ == "__main__":
    sys.exit(main())
