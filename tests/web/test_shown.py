"""What documents, questions and file names bring into a real page: text, and nothing else."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chrome import ask, in_chromium
from sites import Site
from test_render import PAYLOADS, S, answer_about, seen

from rag.web.render import answer_html, question_html

pytestmark = in_chromium
Start = Callable[..., Site]
Visit = Callable[..., Any]


def strings_of_all_kinds() -> list[str]:
    """About two thousand: payloads and their pieces, all punctuation, markup, controls, bidi, beyond the BMP."""
    chance = random.Random(5)
    pieces = [part for payload in PAYLOADS for part in (payload, payload[: len(payload) // 2], payload[3:])]
    pairs = [a + b for a in string.punctuation for b in string.punctuation]
    marks = [
        "# ",
        "> ",
        "- ",
        "1. ",
        "```",
        "---",
        "| a | b |",
        "[x](y)",
        "![x](y)",
        "<https://x>",
        "\\(x\\)",
    ]
    odd = [
        chr(c)
        for c in [*range(1, 32), *range(127, 160), 0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F)]
    ]
    odd += [
        chr(c) for c in [*range(0x2060, 0x2070), 0xFEFF, 0xFFFD, 0x1F469, 0x10FFFD, 0xE0041, 0x0301, 0x05D0]
    ]
    alphabet = [*"<>&\"'`/=\\ab $ {}", *odd, *marks]
    mixed = ["".join(chance.choices(alphabet, k=chance.randint(1, 30))) for _ in range(700)]
    return [*pieces, *pairs, *marks, *(f"a{c}b" for c in odd), *mixed]


# What a browser makes of markup: its text, its elements but the boxes of controls, its attributes.
PARSED = """(markups) => markups.map((markup) => {
  const at = document.createElement('div'); at.innerHTML = markup;
  const all = [...at.querySelectorAll('*')];
  const active = (a) => /^on|^(href|src|srcdoc|style|action)$/.test(a.name);
  return { text: at.textContent, tags: all.map((e) => e.localName).filter((n) => n !== 'span').join(),
    bad: all.flatMap((e) => [...e.attributes]).filter(active).length };
})"""


def test_no_string_is_markup_to_a_browser(site: Site, visit: Visit) -> None:
    texts = strings_of_all_kinds()
    assert len(texts) > 1_800
    page = visit(site)
    parse = lambda make: page.evaluate(PARSED, [make(answer_about(text)) for text in texts])  # noqa: E731
    questions = parse(lambda turn: question_html(turn, S))
    answers = parse(lambda turn: answer_html(turn, S, feedback=True))
    for text, question, answer in zip(texts, questions, answers, strict=True):
        assert question["text"] == "You asked: " + seen(text)
        assert seen(text) in answer["text"]
        assert (question["tags"], question["bad"], answer["bad"]) == ("div", 0, 0)
    # The same elements whatever the text; one letter has no half to be emphasised.
    assert len({answer["tags"] for answer, text in zip(answers, texts, strict=True) if len(text) > 1}) == 1
    assert page.evaluate("window.__xss") is None


def test_viewer_shows_every_character_of_a_hostile_document(
    start_site: Start, visit: Visit, tmp_path: Path
) -> None:
    lines = [re.sub("[\x00-\x08\x0a-\x1f\x85\u2028\u2029]", "", text) for text in strings_of_all_kinds()]
    text = "\n".join(lines) + "\n"
    (tmp_path / "a.txt").write_bytes(text.encode())
    page = visit(start_site(tmp_path, uploads=False))
    page.select_option(".sv-select", "a.txt")
    page.wait_for_selector(".sv-tools:not([hidden])")
    # Piece by piece, to the end; beside the buttons that go on, nothing but the text is there.
    shown = page.evaluate("""async () => {
      const body = document.querySelector('.sv-body');
      let all = '', foreign = 0;
      const tick = () => new Promise((r) => setTimeout(r, 10));
      for (let i = 0; i < 60; i++) {
        const mark = document.getElementById('sv-hit');
        foreign += body.querySelectorAll(':not(.ctl):not(.sv-more):not(#sv-hit)').length;
        let after = '';
        for (let node = mark.nextSibling; node; node = node.nextSibling)
          if (!node.classList?.contains('sv-more')) after += node.textContent;
        all += after;
        const more = [...body.querySelectorAll('.sv-more')].pop();
        if (!more || more.nextSibling) return { all, foreign };
        const last = body.firstChild;
        more.click();
        for (let k = 0; k < 500 && body.firstChild === last; k++) await tick();
      }
      return null; }""")
    assert shown["all"] == text
    assert shown["foreign"] == 0
    assert page.evaluate("window.__xss") is None


def test_names_of_uploads_are_shown_as_they_are(start_site: Start, visit: Visit, tmp_path: Path) -> None:
    name = "<img src=x onerror=window.__xss=1>${window.__xss=2}\u202etxt.{{7*7}}.txt"
    (tmp_path / name).write_text("Zoe Vance said the harbour office opens at seven.\n")
    page = visit(start_site())
    page.click("#side .toggle-button")
    with page.expect_file_chooser() as chooser:
        page.click("#add")
    chooser.value.set_files(tmp_path / name)
    page.wait_for_selector("#results li")
    page.wait_for_function("document.querySelectorAll('#documents input').length === 6")
    ask(page, "When does the harbour office open, says Zoe Vance?")
    assert page.locator("#side img, #chat img, #viewer img, #viewer svg").count() == 0
    assert page.inner_text("#results").startswith("img src=x onerror=window.__xss=1")
    assert page.inner_text("#results").endswith("txt: added")
    assert page.evaluate("window.__xss") is None
