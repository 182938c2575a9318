"""The search copy's words, and the way back to the raw text, against a slow reference."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rag.cleaning import MappedText, join_search_copies, search_copy
from rag.datatypes import Span

WHITE = "white"
# What stands in the raw text and what a reader sees; None stands for nothing, WHITE for a blank.
UNITS = {
    "a": "a",
    "B": "B",
    "7": "7",
    ".": ".",
    ",": ",",
    "ß": "ß",
    "é": "é",
    "e\u0301": "é",  # a combining mark that composes
    "q\u0303": "q\u0303",  # and one that does not
    "\u1112\u1161\u11ab": "한",  # Hangul in parts
    "\u212b": "Å",  # ANGSTROM SIGN is another character in NFC
    "א": "א",
    "ع": "ع",
    "中": "中",
    "𝔘": "𝔘",
    "😀": "😀",
    "👍🏽": "👍🏽",
    "🇩🇪": "🇩🇪",
    "👨\u200d👩\u200d👧": "👨👩👧",
    "❤\ufe0f": "❤",
    "\ufb01": "fi",
    "\ufb04": "ffl",
    "&amp;": "&",
    "&#8212;": "—",
    "&nosuchentity;": "&nosuchentity;",
    "&nbsp;": WHITE,
    "&shy;": None,
    "<b>": None,
    '<span style="x:y">': None,
    "</span>": None,
    "![pic](a/b.png)": None,
    "\u00ad": None,
    "\u200b": None,
    "\ufeff": None,
    "\u202e": None,
    "\x00": None,
    " ": WHITE,
    "\t": WHITE,
    "\r\n": WHITE,
    "\n": WHITE,
    "\xa0": WHITE,
    "\u3000": WHITE,
    "<br>": WHITE,
    "</p>": WHITE,
    "\ud800": "\ufffd",  # a lone surrogate, which no encoder takes
}


def reference(units: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """The shown text, and for each of its characters the raw range of the unit that it comes from."""
    pieces: list[tuple[str | None, int, int]] = []
    pos = 0
    for unit in units:
        shown = UNITS[unit]
        if shown is WHITE and unit.isspace() and pieces and pieces[-1][0] == "blanks":
            pieces[-1] = ("blanks", pieces[-1][1], pos + len(unit))
        else:
            pieces.append(("blanks" if shown is WHITE and unit.isspace() else shown, pos, pos + len(unit)))
        pos += len(unit)
    shown_text = ""
    ranges: list[tuple[int, int]] = []
    pending: tuple[int, int] | None = None
    for shown, start, end in pieces:
        if shown is None:
            continue
        if shown in ("blanks", WHITE):
            if shown_text and pending is None:
                pending = (start, end)
            continue
        if pending is not None:
            shown_text += " "
            ranges.append(pending)
            pending = None
        shown_text += shown
        ranges.extend([(start, end)] * len(shown))
        if shown.startswith("&") and len(shown) > 1:  # an unknown entity is shown letter by letter
            ranges[-len(shown) :] = [(start + i, start + i + 1) for i in range(len(shown))]
    return shown_text, ranges


@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(sorted(UNITS)), max_size=30))
def test_every_character_maps_to_the_raw_characters_it_comes_from(units: list[str]) -> None:
    raw = "".join(units)
    assume(not re.search(r"\w\u00ad\s*[\r\n]", raw))  # a word divided at a line's end: has its own tests
    shown, ranges = reference(units)
    mapped = search_copy(raw, Span(0, len(raw)))
    assert mapped.text == shown
    for start in range(len(shown)):
        for end in (start + 1, len(shown)):
            assert mapped.to_raw(start, end) == Span(ranges[start][0], ranges[end - 1][1])


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_any_text_any_span(text: str, a: int, b: int) -> None:
    span = Span(*sorted((min(a, len(text)), min(b, len(text)))))
    mapped = search_copy(text, span)
    assert mapped.text == mapped.text.strip()
    assert "  " not in mapped.text
    mapped.text.encode()  # raises on what no encoder takes
    assert list(mapped.breakpoints) == sorted(mapped.breakpoints)
    previous = span.start
    for i in range(len(mapped.text)):
        raw = mapped.to_raw(i, i + 1)
        assert span.start <= raw.start < raw.end <= span.end
        assert raw.end >= previous
        previous = raw.start


@settings(deadline=None)
@given(st.text(alphabet="ae\u0301\u0323\u0308 \u1100\u1161\u11a8\u00ad<b>", max_size=40))
def test_the_copy_is_composed(text: str) -> None:
    shown = search_copy(text, Span(0, len(text))).text
    assert unicodedata.is_normalized("NFC", shown)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a short- video app", "a short-video app"),
        ("short- and long-term", "short- and long-term"),
        ("Vor- und Nachteile", "Vor- und Nachteile"),
        ("the exam-\nple given", "the example given"),
        ("the exam\u00ad\nple given", "the example given"),
        ("a long-\nterm plan", "a long-term plan"),
        ("a tit-for-\ntat war", "a tit-for-tat war"),
        ("the US-\nChina talks", "the US-China talks"),
        ("top Chinese\n\ndiplomats with", "top Chinese diplomats with"),
        ("see [the *report*](https://example.org/a(b)) now", "see the *report* now"),
        ("note [1](2) stays", "note [1](2) stays"),
        ("**Bold** and 2**3**4", "Bold and 2**3**4"),
        ("if a <b and c> d then", "if a <b and c> d then"),
        ("Dear <your name>, hi", "Dear <your name>, hi"),
        ("x &lt;b&gt; y", "x <b> y"),
        ("- first\n- second", "first second"),
        ("## A heading", "A heading"),
        ("one<!-- two --> three", "one<!-- two --> three"),
        ("Tom &amp Jerry & co", "Tom &amp Jerry & co"),
        ("first<br/>second", "first second"),
        ("", ""),
        ("<b></b>", ""),
    ],
)
def test_what_a_reader_sees(raw: str, shown: str) -> None:
    assert search_copy(raw, Span(0, len(raw))).text == shown


def test_several_sentences_become_one_text() -> None:
    raw = "One &amp; only. <i>Skip me.</i> Two."
    mapped = join_search_copies(raw, [Span(0, 15), Span(len(raw) - 4, len(raw))])
    assert mapped.text == "One & only. Two."
    assert mapped.to_raw(4, 5).of(raw) == "&amp;"
    assert mapped.to_raw(12, 16).of(raw) == "Two."
    assert mapped.to_raw(0, 16).of(raw) == raw


def test_touching_chinese_sentences_get_no_blank() -> None:
    raw = "你好。我来了。"
    assert join_search_copies(raw, [Span(0, 3), Span(3, 7)]).text == raw


def test_from_raw_is_the_way_there() -> None:
    raw = "AT&amp;T  <b>rose</b> 5 %"
    mapped = search_copy(raw, Span(0, len(raw)))
    for i in range(len(mapped.text)):
        assert mapped.from_raw(mapped.to_raw(i, i + 1).start) <= i
    assert mapped.from_raw(raw.index("rose")) == mapped.text.index("rose")


def test_empty_ranges_and_ranges_outside() -> None:
    mapped = search_copy("abc", Span(0, 3))
    assert mapped.to_raw(1, 1) == Span(1, 1)
    assert mapped.to_raw(3, 3) == Span(3, 3)
    assert MappedText("", ()).to_raw(0, 0) == Span(0, 0)
    for bad in ((2, 1), (-1, 2), (0, 4)):
        with pytest.raises(ValueError, match="outside the text"):
            mapped.to_raw(*bad)
