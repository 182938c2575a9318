"""Invariants of `read_structure` over made-up documents, and texts that try to break it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.cleaning import Structure, read_structure, search_copy
from rag.datatypes import Span

KINDS = {"prose", "heading", "title", "byline", "date", "caption", "furniture", "markup"}
LINES = [
    "The council voted on Monday to close the old bridge. Residents had asked for it for years, and nobody objected.",
    "It opened in 1932. ■",
    "and then the sentence goes on over the page until it finds its end.",
    "A Short Heading",
    "By Jane Q. Doe",
    "October 23rd 2025",
    "You May Also Like",
    "Share this article",
    "Man bites dog in broad daylight, police say",
    "“We are glad. We really are,” she said.",
    "- a bullet",
    "1. a numbered item",
    "IMG_2023-0001-thumb",
    "![](images/p1.jpeg)",
    '<span style="font-size:21pt">Large words</span>',
    "<p>A paragraph in HTML.</p><p>And another one.</p>",
    "<!-- a remark -->",
    "<script>var x = '<p>no</p>';</script>",
    "你好。今天天气很好！",
    "Las empresas han buscado durante mucho tiempo mayor claridad. No la hay en la ley.",
    "😀 e\u0301 \u200f\u05e9\u05dc\u05d5\u05dd 𝔘",
    "* * *",
    "---",
    "Title: Low tide",
    "author: Jane Doe",
    "Date: 3 May 2021",
    "tags: [sea, moon]",
    "  - an indented item",
    "12",
    "",
    "   ",
]
documents = st.lists(
    st.tuples(
        st.sampled_from(LINES),
        st.sampled_from(["\n", "\n\n", "\r\n", "\r\n\r\n", "\x0c", "\u2028", " \n\t\n"]),
    ),
    max_size=14,
).map(lambda lines: "".join(line + end for line, end in lines))


def check(text: str, structure: Structure, *, removed: bool = True) -> None:
    last = 0
    outside = list(text)
    for block in structure.blocks:
        assert last <= block.span.start < block.span.end <= len(text)
        assert block.kind in KINDS
        outside[block.span.start : block.span.end] = " " * len(block.span)
        last = block.span.end
    assert not "".join(outside).strip(), "every character that is not blank is in a block"
    last = 0
    for span in structure.prose:
        assert last <= span.start < span.end <= len(text)
        last = span.end
    assert len(structure.sentences) == len(structure.sentence_kinds)
    last = 0
    for span in structure.sentences:
        assert last <= span.start < span.end <= len(text)
        assert span.of(text) == span.of(text).strip()
        assert any(p.start <= span.start < p.end for p in structure.prose)
        assert any(p.start < span.end <= p.end for p in structure.prose)
        last = span.end
    if not removed:
        assert not {block.kind for block in structure.blocks} & {"furniture", "caption"}


@settings(deadline=None)
@example(
    "1. a numbered item\n<!-- a remark -->\nand then the sentence goes on over the page until it ends.\n"
)
@given(documents)
def test_spans_are_in_order_and_nothing_is_lost(text: str) -> None:
    check(text, read_structure(text))
    check(text, read_structure(text, remove_furniture=False), removed=False)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    check(text, read_structure(text))
    check(text, read_structure(text, remove_furniture=False), removed=False)


@settings(deadline=None)
@example(".\u0301 0")
@given(st.text(alphabet="aB.<>/!-[]()&;:*#\n \u0301\u200d\u00ad“”\"'0", max_size=200))
def test_broken_markup(text: str) -> None:
    check(text, read_structure(text))


@settings(deadline=None)
@given(documents)
def test_without_removal_every_word_is_in_a_sentence(text: str) -> None:
    structure = read_structure(text, remove_furniture=False)
    covered = [False] * (len(text) + 1)
    for span in structure.sentences:
        covered[span.start : span.end] = [True] * len(span)
    for block in structure.blocks:
        if block.kind == "markup":
            continue
        shown = search_copy(text, block.span)
        for i, char in enumerate(shown.text):
            if char.isalnum():
                assert covered[shown.to_raw(i, i + 1).start], (block, char)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n\n", "\ufeff", "\x00", "\u200b\u200b", "<p></p>", "![](a.png)", "<!-- x -->"]
)
def test_texts_without_words_have_no_sentences(text: str) -> None:
    structure = read_structure(text)
    assert structure.sentences == ()
    assert structure.title is None
    check(text, structure)


N = 50_000


@pytest.mark.parametrize(
    "unit",
    [
        "a", "\n", " ", "<", "<b>", "<!--", "<script>", "![", "![](",
        "[", "[a](http://x", "&", "**", "*", "- ", "> ", "# ",
        ".", ". ", "“A. ", '"A. ', "(a. B ", "A. B. ", "1. ",
        "Aa:", "By Aa, ", "A-A/", "_ ", "e\u0301", "\u0301", "\u200d",
        "a\u200d", "🇩🇪", "。", "他说你好。", "ab\n", "ab\n\n",
        "a-\n", "<p>\n", "\r", "\x0c", "<a x=1 ", "font-size: 9pt",
        "A (", "Follow us @", "lower case words that never end, and\n\n",
    ],
)  # fmt: skip
def test_hostile_repetition_is_read_in_reasonable_time(unit: str) -> None:
    # No clock here: quadratic work on this length would take minutes and be noticed as such.
    text = unit * (N // len(unit))
    structure = read_structure(text)
    assert all(0 <= s.start < s.end <= len(text) for s in structure.sentences)


def test_a_very_long_text_is_read_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.cleaning.structure._STRETCH", 2_000)
    paragraph = (
        "The council voted on Monday to close the bridge. Nobody objected to it, and the vote took a minute."
    )
    text = "A Title\n\n" + "\n\n".join(f"{paragraph} It was vote {n}." for n in range(200))
    structure = read_structure(text)
    check(text, structure)
    assert structure.title == "A Title"
    assert len(structure.sentences) == 1 + 3 * 200
    assert {s.of(text) for s in structure.sentences} >= {f"It was vote {n}." for n in range(200)}


def test_a_block_is_the_whole_line_and_prose_what_is_seen() -> None:
    text = (
        '<span style="font-size:21pt">A Title</span>\n\n'
        "<b>It is so.</b> And so on, the council of the town said on Monday."
    )
    structure = read_structure(text)
    assert structure.blocks[0].span == Span(0, text.index("\n"))
    assert structure.title == "A Title"
    assert [s.of(text) for s in structure.sentences][:2] == ["A Title", "It is so."]


def test_asking_waits_for_no_pattern_of_reading() -> None:
    code = (
        "import sys, rag.asking, rag.pipeline\n"
        "print([name for name in sys.modules if name in ('rag.cleaning.structure', 'rag.cleaning.lexicon')])\n"
        "from rag.cleaning import Block, Structure, read_structure\n"
        "print(Block.__module__, type(read_structure('A day.')) is Structure)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[]", "rag.cleaning.structure True"], done.stderr
