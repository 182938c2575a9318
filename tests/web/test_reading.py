"""Reading a document in a real browser: finding a text, going to a place, opening any document."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chrome import CONTRAST, ask, hit, in_chromium, quote_of
from sites import ANSWERED, SEEDS, Site

pytestmark = in_chromium
Start = Callable[..., Site]
Visit = Callable[..., Any]


def test_text_is_found_by_keyboard_in_a_long_document(
    start_site: Start, visit: Visit, tmp_path: Path
) -> None:
    rows = [f"Row {i}: nothing of note is written in this place." for i in range(3_000)]
    for place in (10, 1_500, 2_990):
        rows[place] = f"Row {place}: here is the needle 😀 that was looked for."
    text = "\n".join(rows) + "\n"
    (tmp_path / "long.txt").write_bytes(text.encode())
    page = visit(start_site(tmp_path, uploads=False))
    page.select_option(".sv-select", "long.txt")
    page.wait_for_selector(".sv-tools:not([hidden])")
    page.focus(".sv-body")
    page.keyboard.press("f")
    assert page.evaluate("document.activeElement.matches('.sv-wanted')")
    page.keyboard.type("NEEDLE 😀")

    def at(count: str, place: int) -> None:
        page.wait_for_function("(c) => document.querySelector('.sv-count').textContent === c", arg=count)
        hit(page, "needle 😀")
        start = text.index("needle", text.index(f"Row {place}:"))
        assert f"characters {start:,}–{start + 8:,} of" in page.inner_text(".sv-place")
        # So that Enter goes on.
        assert page.evaluate("document.activeElement.matches('.sv-wanted')")

    page.keyboard.press("Enter")
    at("1 of 3", 10)
    page.keyboard.press("Enter")
    at("2 of 3", 1_500)
    page.keyboard.press("Enter")
    at("3 of 3", 2_990)
    page.keyboard.press("Enter")
    at("1 of 3", 10)
    page.keyboard.press("Shift+Enter")
    at("3 of 3", 2_990)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "sv-hit"
    page.keyboard.press("F3")
    page.wait_for_function("document.querySelector('.sv-count').textContent === '1 of 3'")
    page.fill(".sv-wanted", "nowhere to be found")
    page.press(".sv-wanted", "Enter")
    page.wait_for_function("document.querySelector('.sv-count').textContent === 'Not in this document'")
    hit(page, "needle 😀")


def test_place_is_gone_to_by_its_characters(site: Site, client: Any, visit: Visit) -> None:
    cited = site.ask_api(client, ANSWERED)[1][0]["citations"][0]
    text = (SEEDS / cited["doc_id"]).read_bytes().decode()
    page = visit(site)
    answer = ask(page, ANSWERED)
    answer.locator("button.cite").first.click()
    hit(page, quote_of(answer))
    page.keyboard.press("g")
    page.keyboard.type(f"{cited['start']:,}–{cited['end']:,}")
    page.keyboard.press("Enter")
    page.wait_for_function("!document.querySelector('.sv-short')")
    hit(page, cited["quote"])
    # This is a place, not the citation: it can't be copied as one.
    assert page.locator(".sv-copy").is_hidden()
    page.keyboard.press("g")
    page.keyboard.type("700")
    page.keyboard.press("Enter")
    hit(page, text[700])
    page.keyboard.press("g")
    page.keyboard.type("99999999")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(n) => document.querySelector('.sv-count').textContent.includes(n)", arg=f"{len(text):,}"
    )
    hit(page, text[700])
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('button.cite')")


@pytest.mark.parametrize("width", [1280, 390])
def test_any_document_is_read_from_the_panel(site: Site, visit: Visit, width: int) -> None:
    page = visit(site, width=width, height=844)
    page.click("#side .toggle-button")
    buttons = page.locator("#documents .read")
    page.wait_for_function("document.querySelectorAll('#documents .read').length === 5")
    for i in range(5):
        if width == 390 and i:
            page.evaluate("scrollTo(0, 0)")
            page.click("#side .toggle-button")
        doc_id = page.locator("#documents input").nth(i).get_attribute("name")
        title = page.locator("#documents label > span").nth(i).inner_text()
        assert buttons.nth(i).get_attribute("aria-label") == f"Read {title}"
        buttons.nth(i).focus()
        page.keyboard.press("Enter")
        page.wait_for_function("(t) => document.querySelector('.sv-title').textContent === t", arg=title)
        text = (SEEDS / doc_id).read_bytes().decode()
        shown = page.evaluate("document.querySelector('.sv-body').textContent")
        assert shown.startswith(text[:5_000])
        assert page.evaluate("document.querySelector('.sv-body').scrollTop") < 40
        # Reading is not choosing.
        assert page.locator("#documents input").nth(i).is_checked()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fields_are_named_and_readable(site: Site, visit: Visit, scheme: str) -> None:
    page = visit(site, color_scheme=scheme, locale="de-DE")
    ask(page, ANSWERED).locator("button.cite").first.click()
    page.wait_for_selector("#sv-hit")
    assert page.get_by_role("textbox", name="In diesem Dokument suchen").count() == 1
    assert page.get_by_role("search").count() == 1
    page.fill(".sv-wanted", "a")
    page.press(".sv-wanted", "Enter")
    page.wait_for_function("document.querySelector('.sv-count').textContent.includes(' von ')")
    for selector in (".sv-wanted", ".sv-at", ".sv-count", ".sv-find-next"):
        assert page.locator(selector).evaluate(CONTRAST) >= 4.5
        box = page.locator(selector).bounding_box()
        assert selector == ".sv-count" or min(box["width"], box["height"]) >= 24
