"""Debian's chromium, and what the tests do with it."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
in_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium found; install it with: apt-get install chromium"
    ),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Colours of an element's text and of whatever lies under it, and the contrast of the two.
CONTRAST = """(element) => {
  const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
  const part = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  let ground = [255, 255, 255, 1];
  for (let under = element; under; under = under.parentElement) {
    const c = parse(getComputedStyle(under).backgroundColor);
    if (c[3] > 0.99) { ground = c; break; }
  }
  const text = light(parse(getComputedStyle(element).color)), back = light(ground);
  return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05); }"""


def complaint(message: Any) -> bool:
    """Whether the console shows trouble; a reload cuts off what was still being fetched."""
    return message.type in ("error", "warning") and "AbortError: signal is aborted" not in message.text


def ask(page: Any, question: str) -> Any:
    """Ask by keyboard; the newest answer."""
    before = page.locator("#chat .turn-q").count()
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")
    page.wait_for_function(f"document.querySelectorAll('#chat .turn-q').length > {before}")
    return page.locator("#chat .ans").last


def hit(page: Any, quote: str) -> None:
    """The viewer's highlight is this quote, to the character, and can be seen."""
    page.wait_for_function("(q) => document.getElementById('sv-hit')?.textContent === q", arg=quote)
    seen = page.evaluate("""() => { const m = document.getElementById('sv-hit').getBoundingClientRect(),
      b = document.querySelector('.sv-body').getBoundingClientRect();
      return m.top >= b.top - 1 && m.top < b.bottom && m.top < innerHeight && m.top >= 0; }""")
    assert seen


def quote_of(answer: Any) -> str:
    return str(answer.locator(".quote").first.evaluate("(q) => q.textContent"))
