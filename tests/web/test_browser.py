"""The page in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chrome import CONTRAST, ask, hit, in_chromium, quote_of
from fake import FakePipeline
from sites import ANSWERED, REFUSED, SEEDS, Site
from test_render import PAYLOADS

from rag.web.service import Service
from rag.web.session import Conversations

pytestmark = in_chromium
Visit = Callable[..., Any]
Start = Callable[..., Site]


def test_click_opens_the_exact_span(site: Site, client: Any, visit: Visit) -> None:
    cited = site.ask_api(client, ANSWERED)[1][0]["citations"][0]
    page = visit(site)
    answer = ask(page, ANSWERED)
    assert quote_of(answer) == cited["quote"]
    # The first source opens by itself, without taking the focus from the question.
    hit(page, cited["quote"])
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.evaluate("document.querySelector('.sv-body').scrollTop = 0")
    answer.locator("button.cite").first.click()
    hit(page, cited["quote"])
    text = (SEEDS / cited["doc_id"]).read_bytes().decode()
    start, end = cited["highlight"]
    assert page.locator("#sv-hit .sv-short").evaluate("(e) => e.textContent") == text[start:end]
    assert page.evaluate("document.activeElement.id") == "sv-hit"


def test_keyboard_alone(site: Site, visit: Visit) -> None:
    page = visit(site)
    answer = ask(page, ANSWERED)
    page.wait_for_function("document.activeElement.tagName === 'TEXTAREA'")
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('button.cite')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    chips = answer.locator("button.cite")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'sv-hit'")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('button.cite')")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'sv-hit'")
    first = page.locator("#sv-hit").inner_text()
    if chips.count() > 1:
        page.keyboard.press("n")
        page.wait_for_function("(t) => document.getElementById('sv-hit').innerText !== t", arg=first)
        page.keyboard.press("p")
        page.wait_for_function("(t) => document.getElementById('sv-hit').innerText === t", arg=first)


def test_closed_panel_is_out_of_the_way(site: Site, visit: Visit) -> None:
    page = visit(site)
    toggle = page.locator("#side .toggle-button")
    page.wait_for_function("document.querySelector('#side .sidebar-content').inert")
    assert toggle.get_attribute("aria-label") == "Documents and more"
    assert toggle.get_attribute("aria-expanded") == "false"
    toggle.click()
    page.wait_for_function("!document.querySelector('#side .sidebar-content').inert")
    assert toggle.get_attribute("aria-expanded") == "true"


def test_phone_has_no_sideways_scrolling(site: Site, visit: Visit) -> None:
    page = visit(site, width=390, height=844, has_touch=True)
    answer = ask(page, ANSWERED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    answer.locator("button.cite").first.tap()
    hit(page, quote_of(answer))
    ask(page, REFUSED)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for box in page.locator("#chat .near button.cite").all():
        assert box.bounding_box()["x"] + box.bounding_box()["width"] <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough(site: Site, visit: Visit, scheme: str) -> None:
    page = visit(site, color_scheme=scheme)
    low: dict[str, float] = {}

    def check(*selectors: str) -> None:
        for selector in selectors:
            ratio = page.locator(selector).first.evaluate(CONTRAST)
            if ratio < 4.5:
                low[selector] = ratio

    check(".masthead p", ".welcome p", ".example", ".sv-empty", "#send", "#new", ".sv-select", ".sv-label")
    answer = ask(page, ANSWERED)
    hit(page, quote_of(answer))
    check(
        "#sv-hit",
        "#sv-hit .sv-short",
        ".turn-q",
        ".ans .quote",
        ".ans .quote strong",
        "button.cite .t",
        "button.cite .n",
    )
    check("button.cite .w", ".ans .band", ".ans .took", ".act", ".sv-place", ".sv-body", ".sv-b")
    ask(page, REFUSED)
    check(
        ".refused .headline",
        ".refused .sign",
        ".refused .dim",
        ".near .label",
        ".near .glimpse",
        ".near .cite .n",
    )
    ask(page, "please crash")
    check(".problem .headline", ".problem .dim")
    page.click("#side .toggle-button")
    check("#documents label span", "#side .section h2", "#save .act")
    assert low == {}


def test_targets_are_large_enough(site: Site, visit: Visit) -> None:
    page = visit(site)
    ask(page, ANSWERED)
    for button in page.locator("#chat button:visible, #viewer button:visible, #new, #send").all():
        box = button.bounding_box()
        assert box["width"] >= 24
        assert box["height"] >= 24


def test_everything_has_a_name_and_the_page_a_language(site: Site, visit: Visit) -> None:
    page = visit(site, locale="de-DE")
    ask(page, ANSWERED)
    assert page.evaluate("document.documentElement.lang") == "de"
    nameless = page.evaluate("""() => [...document.querySelectorAll('button, select, textarea, input')]
      .filter((e) => e.offsetParent && !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
      .map((e) => e.outerHTML.slice(0, 120))""")
    assert nameless == []
    assert page.locator("[role=log]").count() == 1
    assert page.locator("[role=region][aria-labelledby]").count() == 1
    assert page.locator("#chat article[aria-label=Antwort]").count() == 1


def test_languages_can_be_switched(site: Site, visit: Visit) -> None:
    page = visit(site)
    ask(page, ANSWERED)
    page.click("#side .toggle-button")
    page.locator("#language input").click()
    page.get_by_role("option", name="Español").click()
    page.wait_for_function("document.documentElement.lang === 'es'")
    assert page.locator("#send").inner_text() == "Preguntar"
    assert page.locator("#chat article").get_attribute("aria-label") == "Respuesta"
    assert page.locator(".sv-next").inner_text() == "Siguiente ›"
    page.reload()
    page.wait_for_function("document.documentElement.lang === 'es'")


def test_refusal_has_no_quote_style(site: Site, visit: Visit) -> None:
    page = visit(site)
    answer = ask(page, REFUSED)
    assert answer.locator("blockquote, .quote, figure").count() == 0
    assert "Not in the sources" in answer.inner_text()
    fonts = answer.locator("p, span").evaluate_all("(es) => es.map((e) => getComputedStyle(e).fontFamily)")
    assert not [font for font in fonts if "Georgia" in font]
    near = answer.locator("button.cite").first
    near.click()
    page.wait_for_function("document.activeElement.id === 'sv-hit'")


def test_examples_ask_and_links_fill_in(site: Site, visit: Visit) -> None:
    page = visit(site)
    example = page.locator(".example").first
    text = example.inner_text()
    example.click()
    page.wait_for_selector("#chat .turn-q")
    assert page.locator("#chat .turn-q .q").inner_text() == text
    assert page.locator("#chat .ans.found").count() == 1
    page = visit(site, "/?q=Who%20is%20%3Cb%3Eit%3C%2Fb%3E%3F")
    assert page.input_value("#question textarea") == "Who is <b>it</b>?"
    assert page.locator("#chat .turn-q").count() == 0


def test_copy_is_exact(site: Site, client: Any, visit: Visit) -> None:
    cited = site.ask_api(client, ANSWERED)[1][0]["citations"][0]
    page = visit(site, permissions=["clipboard-read", "clipboard-write"])
    answer = ask(page, ANSWERED)
    answer.locator(".copy").click()
    page.wait_for_function("document.querySelector('.copy').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    place = f"characters {cited['start']:,}–{cited['end']:,}, sha256 {cited['sha256'][:12]}"
    assert copied.startswith(f"“{cited['quote']}”\n— {cited['title']}, {cited['doc_id']}, line ")
    assert copied.endswith(place)
    answer.locator(".link").click()
    page.wait_for_function("document.querySelector('.link').textContent === 'Copied'")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(site.url + "/?q=What%20did")
    answer.locator("button.cite").first.click()
    page.click(".sv-copy")
    page.wait_for_function("document.querySelector('.sv-copy').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == copied


def test_conversation_is_saved_as_files(site: Site, visit: Visit) -> None:
    page = visit(site, accept_downloads=True)
    quote = quote_of(ask(page, ANSWERED))
    page.click("#side .toggle-button")
    texts = {}
    for kind in ("markdown", "json", "bibtex", "csl"):
        with page.expect_download() as download:
            page.click(f"[data-save={kind}]")
        texts[kind] = Path(download.value.path()).read_text(encoding="utf-8")
        assert download.value.suggested_filename.startswith("insources-")
    assert json.loads(texts["json"])["conversation"][0]["answer"]["text"] == quote
    assert json.loads(texts["csl"])[0]["type"] == "document"
    assert texts["bibtex"].startswith("@misc{")
    assert texts["markdown"].startswith("# insources")


def test_reload_keeps_the_conversation(site: Site, visit: Visit) -> None:
    page = visit(site)
    quote = quote_of(ask(page, ANSWERED))
    page.reload()
    page.wait_for_selector("#chat .ans.found")
    assert quote_of(page.locator("#chat .ans")) == quote
    page.locator("#chat .cite").first.click()
    hit(page, quote)
    page.click("#new")
    page.wait_for_selector("#chat .welcome")
    page.reload()
    page.wait_for_selector("#chat .welcome")


def test_trouble_inside_leaves_the_conversation(site: Site, visit: Visit) -> None:
    page = visit(site)
    quote = quote_of(ask(page, ANSWERED))
    answer = ask(page, "please crash")
    assert re.search(r"number to whoever runs the server: [0-9a-f]{8}", answer.inner_text())
    assert quote_of(page.locator("#chat .ans").first) == quote
    assert ask(page, ANSWERED).get_attribute("class") == "ans found"


def test_folder_is_added(start_site: Start, visit: Visit, tmp_path: Path) -> None:
    corpus, mine = tmp_path / "corpus", tmp_path / "mine"
    corpus.mkdir()
    (mine / "inner").mkdir(parents=True)
    shutil.copy(SEEDS / "002_54e73b8160326602.txt", corpus)
    (mine / "one.txt").write_text("Zoe Vance said the harbour office opens at seven.\n")
    (mine / "inner" / "two.md").write_text("Adam Quill said the lighthouse closes at nine.\n")
    (mine / "inner" / "picture.png").write_bytes(b"\x89PNG")
    page = visit(start_site(corpus))
    page.click("#side .toggle-button")
    with page.expect_file_chooser() as chooser:
        page.click("#add-folder")
    chooser.value.set_files(mine)
    page.wait_for_selector("#results li")
    told = sorted(page.locator("#results li").all_inner_texts())
    assert [told[0], told[2]] == ["one.txt: added", "two.md: added"]
    assert told[1].startswith("picture.png: not added: not a kind of file")
    page.wait_for_function("document.querySelectorAll('#documents input:checked').length === 3")
    assert (
        ask(page, "Who said the lighthouse closes at nine, Adam Quill?").get_attribute("class") == "ans found"
    )


def test_every_citation_of_a_long_conversation_opens(start_site: Start, visit: Visit, tmp_path: Path) -> None:
    questions = [ANSWERED, "What did Brian Hughes state about contacts?", REFUSED]
    kept, key = Conversations(tmp_path / "conversations"), "c0ffee" + "0" * 26
    service, conversation = Service(FakePipeline.over_seeds()), kept.get(key)
    for i in range(1, 101):
        conversation.add(service.turn(i, questions[i % 3]))
    kept.save(key, conversation)
    site = start_site(save_history=True, uploads=False, data=tmp_path)
    page = visit(site)
    page.context.add_cookies([{"name": f"insources-{site.port}", "value": key, "url": site.url}])
    page.reload()
    page.wait_for_function("document.querySelectorAll('#chat .turn-q').length === 100")
    chips = page.locator("#chat .ans .cites button.cite")
    assert chips.count() >= 60
    wrong = page.evaluate("""async () => { const wrong = [];
      for (const chip of document.querySelectorAll('#chat .ans .cites button.cite')) {
        const quote = chip.closest('.ans').querySelector('.quote').textContent;
        document.getElementById('sv-hit')?.remove();
        chip.click();
        for (let i = 0; i < 200 && !document.getElementById('sv-hit'); i++) await new Promise((r) => setTimeout(r, 10));
        if (document.getElementById('sv-hit')?.textContent !== quote) wrong.push(quote);
      }
      return wrong; }""")
    assert wrong == []


def test_documents_can_be_left_out(site: Site, visit: Visit) -> None:
    page = visit(site)
    page.click("#side .toggle-button")
    page.get_by_role("button", name="None", exact=True).click()
    page.wait_for_function("!document.querySelector('#documents input:checked')")
    assert "No document is chosen" in ask(page, ANSWERED).inner_text()
    page.get_by_role("button", name="All", exact=True).click()
    page.wait_for_function("document.querySelectorAll('#documents input:checked').length === 5")
    assert ask(page, ANSWERED).get_attribute("class") == "ans found"
    page.locator("#documents input").nth(2).uncheck()
    assert quote_of(page.locator("#chat .found").first) not in ask(page, ANSWERED).inner_text()


def test_document_is_added_asked_and_removed(start_site: Start, visit: Visit, tmp_path: Path) -> None:
    corpus, mine = tmp_path / "corpus", tmp_path / "mine"
    corpus.mkdir(), mine.mkdir()
    shutil.copy(SEEDS / "002_54e73b8160326602.txt", corpus)
    (mine / "harbour.txt").write_text("Zoe Vance said the harbour office opens at seven.\n")
    (mine / "latin.txt").write_bytes(b"caf\xe9")
    page = visit(start_site(corpus))
    page.click("#side .toggle-button")
    page.wait_for_selector("#documents input")
    with page.expect_file_chooser() as chooser:
        page.click("#add")
    chooser.value.set_files([mine / "harbour.txt", mine / "latin.txt"])
    page.wait_for_selector("#results li")
    told = page.locator("#results li").all_inner_texts()
    assert told[0] == "harbour.txt: added"
    assert told[1].startswith("latin.txt: not added: byte 0xE9 at offset 3")
    page.wait_for_function("document.querySelectorAll('#documents input:checked').length === 2")
    answer = ask(page, "When does the harbour office open, says Zoe Vance?")
    quote = quote_of(answer)
    hit(page, quote)
    page.locator("#remove input").check()
    page.click("#remove-do")
    page.wait_for_function("document.querySelectorAll('#documents input').length === 1")
    answer.locator("button.cite").first.click()
    page.wait_for_function("!document.querySelector('.sv-note').hidden")
    hit(page, quote)
    assert "removed since this answer" in page.locator(".sv-note").inner_text()


def test_verdict_is_noted(start_site: Start, visit: Visit) -> None:
    site = start_site(feedback=True, uploads=False)
    page = visit(site)
    button = ask(page, ANSWERED).locator("[data-kind=right]")
    button.click()
    page.wait_for_selector("[data-kind=right][aria-pressed=true]")
    assert json.loads((site.data / "feedback.jsonl").read_text())["question"] == ANSWERED


@pytest.fixture(scope="module")
def hostile(start_site: Start, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Documents, titles and names that would do anything if they were taken for markup."""
    folder = tmp_path_factory.mktemp("hostile")
    for i, payload in enumerate(PAYLOADS):
        shown = payload.replace("\x00", "").replace("\r", "")
        name = re.sub(r"[/\x00]", "_", f"{i:02d} {payload[:40]}.txt")
        text = f"{shown}\nThe needle{i:02d} zebra lies beside {shown} in the haystack. And then there is more text!\n"
        (folder / name).write_bytes(text.encode())
    return start_site(folder, uploads=False)


def test_hostile_documents_are_shown_as_they_are(hostile: Site, visit: Visit) -> None:
    page = visit(hostile)
    for i, payload in enumerate(PAYLOADS):
        answer = ask(page, f"needle{i:02d} zebra {payload}"[:1_900])
        shown = page.locator("#chat .turn-q .q").last.evaluate("(q) => q.textContent")
        sent = re.sub("\r\n?", "\n", payload)
        clean = re.sub("[\x00-\x08\x0b-\x1f\x7f]", "", f"needle{i:02d} zebra {sent}").strip()
        assert shown == clean
        chip = answer.locator("button.cite").first
        chip.click()
        page.wait_for_function("document.activeElement.id === 'sv-hit'")
        if answer.get_attribute("class") == "ans found":
            hit(page, quote_of(answer))
    page.click("#side .toggle-button")
    page.evaluate("""() => {
      const any = document.querySelectorAll(':is(#chat, #viewer) :is(a, svg *)');
      any.forEach((e) => e.dispatchEvent(new MouseEvent('click', { bubbles: true }))); }""")
    for chip in page.locator("#chat button.cite").all()[:10]:
        chip.hover()
    assert page.evaluate("window.__xss") is None
    # What only a document or a question could have brought in.
    foreign = ":is(.ans, .turn-q, .sv-body) :is(a, img, svg, script, iframe, form, style, textarea, input)"
    assert page.locator(foreign).count() == 0


def test_right_to_left_text_turns_nothing_else_round(start_site: Start, visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("עברית\nהספרייה נפתחה מחדש בשנת 2021 אחרי שיפוץ ארוך.\n")
    (tmp_path / "b.txt").write_text("Trick\nThe invoice \u202e001$ is due \u2066 tomorrow at the office.\n")
    page = visit(start_site(tmp_path, uploads=False))
    answer = ask(page, "מתי הספרייה נפתחה מחדש")
    assert answer.locator(".quote").evaluate("(q) => getComputedStyle(q).direction") == "rtl"
    assert page.locator(".masthead h1").evaluate("(q) => getComputedStyle(q).direction") == "ltr"
    answer = ask(page, "When is the invoice due tomorrow at the office?")
    assert answer.locator(".quote .ctl").evaluate_all("(es) => es.map((e) => e.dataset.c)") == [
        "U+202E",
        "U+2066",
    ]
    hit(page, quote_of(answer))
    assert page.locator("#sv-hit .ctl").count() == 2


def test_motion_can_be_reduced(site: Site, visit: Visit) -> None:
    page = visit(site, reduced_motion="reduce")
    moving = page.evaluate("""() => [...document.querySelectorAll('*')].filter((e) => {
      const s = getComputedStyle(e);
      return s.animationName !== 'none' || parseFloat(s.transitionDuration) > 0;
    }).map((e) => e.outerHTML.slice(0, 99))""")
    assert moving == []
