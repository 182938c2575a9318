"""What a person sees when the server has too much to do, or is gone for a while."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chrome import ask, hit, in_chromium, quote_of
from sites import ANSWERED, Site

pytestmark = in_chromium
Start = Callable[..., Site]
Visit = Callable[..., Any]


def send(page: Any, question: str) -> None:
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")


def nothing_lies_over_the_chat(page: Any) -> bool:
    return bool(
        page.evaluate("""() => { const r = document.querySelector('#chat .ans').getBoundingClientRect();
          const top = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
          return Boolean(top.closest('.ans')); }""")
    )


def test_full_queue_keeps_conversation_and_question(start_site: Start, visit: Visit) -> None:
    site = start_site(uploads=False)
    page = visit(site, expected=["503"])
    quote = quote_of(ask(page, ANSWERED))
    site.host.tell(do="room", port=site.port, places=0)
    send(page, "And a second question?")
    page.wait_for_selector(".toast-body:has-text('busy')")
    assert quote_of(page.locator("#chat .ans").first) == quote
    assert nothing_lies_over_the_chat(page)
    # Nothing typed is lost: Enter asks it again.
    assert page.input_value("#question textarea") == "And a second question?"
    site.host.tell(do="room", port=site.port, places=32)
    page.press("#question textarea", "Enter")
    page.wait_for_function("document.querySelectorAll('#chat .turn-q').length === 2")


def test_too_many_requests_are_told(start_site: Start, visit: Visit) -> None:
    site = start_site(uploads=False, burst=14, rate=0.2)
    page = visit(site, expected=["429", "Too Many Requests"])
    quote = quote_of(ask(page, ANSWERED))
    for _ in range(14):
        page.evaluate("document.querySelector('#chat button.cite').click()")
    page.wait_for_function("document.querySelector('.sv-note').textContent.includes('too much to do')")
    send(page, ANSWERED)
    page.wait_for_selector(".toast-body:has-text('too many requests; wait')")
    assert quote_of(page.locator("#chat .ans").first) == quote
    assert nothing_lies_over_the_chat(page)
    assert page.input_value("#question textarea") == ANSWERED


def test_open_page_lives_through_a_restart(start_site: Start, visit: Visit, tmp_path: Path) -> None:
    site = start_site(uploads=False, save_history=True, data=tmp_path)
    page = visit(site, expected=["ERR_", "reconnect", "Connection", "status of 4", "404"])
    quote = quote_of(ask(page, ANSWERED))
    site.stop()
    send(page, "Typed while nobody was there?")
    page.wait_for_selector(".toast-body:has-text('Connection')")
    assert page.input_value("#question textarea") == "Typed while nobody was there?"
    assert quote_of(page.locator("#chat .ans").first) == quote
    site.start()
    # The page finds its way back by itself, with what was said.
    page.wait_for_function(
        "!document.querySelector('.toast-body') && document.querySelector('#chat .ans.found')", timeout=60_000
    )
    assert quote_of(page.locator("#chat .ans").first) == quote
    answer = ask(page, ANSWERED)
    answer.locator("button.cite").first.click()
    hit(page, quote)
