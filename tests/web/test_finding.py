"""Finding a text in an open document: by the server, over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import SEEDS, Site
from test_chat import window

from rag.datatypes import Document, Span
from rag.web.finding import Finder, pattern_of

Start = Callable[..., Site]
DOC = "001_00a0dee1bbca7409.txt"


def document(text: str) -> Document:
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return Document("a.txt", text, digest, None, (Span(0, len(text)),), ())


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("The Harbour and the HARBOUR", "harbour", ["Harbour", "HARBOUR"]),
        ("of Trump’s\n  camp", "trump's camp", ["Trump’s\n  camp"]),
        ("“no deal”, he said", '"No deal"', ["“no deal”"]),
        ("one–on–one", "one-on-one", ["one–on–one"]),
        ("İstanbul straße 😀 needle", "needle", ["needle"]),
        ("cafe\u0301 or caf\u00e9", "caf\u00e9", ["cafe\u0301", "caf\u00e9"]),
        ("a.c abc a*c", "a.c", ["a.c"]),
        ("(x+x+)+y", "(x+x+)+y", ["(x+x+)+y"]),
        ("text", "   ", []),
        ("text", "other", []),
    ],
)
def test_text_is_found_as_it_is_printed(text: str, wanted: str, found: list[str]) -> None:
    assert [span.of(text) for span in Finder().places(document(text), wanted)] == found


@given(st.text(), st.text(max_size=5), st.text())
def test_any_word_is_found_where_it_stands(before: str, wanted: str, after: str) -> None:
    text = before + wanted + after
    pattern = pattern_of(wanted)
    if pattern is None:
        assert not wanted.strip()
        return
    spans = Finder().places(document(text), wanted)
    assert all(pattern.fullmatch(span.of(text)) for span in spans)
    assert spans


def test_next_and_previous_go_round() -> None:
    finder, doc = Finder(), document("x one x two x")
    at = [finder.step(doc, "x", start, back=False)[0] for start in (0, 1, 7, 13, 99)]
    assert at == [0, 1, 2, 0, 0]
    back = [finder.step(doc, "x", start, back=True)[0] for start in (12, 6, 0)]
    assert back == [1, 0, 2]
    assert finder.step(doc, "nothing", 0, back=True) == (0, [])


def test_searches_are_bounded() -> None:
    finder = Finder()
    assert len(finder.places(document("a" * 50_000), "a")) == 10_000
    for i in range(50):
        finder.places(document("text"), f"{i}")
    assert len(finder._known) <= 8
    # Whitespace between words is bounded as well: nothing here grows with its square.
    assert finder.places(document("a" + " " * 200_000 + "b"), "a b") == []


# Over HTTP


def find(site: Site, client: httpx.Client, **sent: object) -> dict[str, Any]:
    answer = site.serve_function(client, "find_in_source", sent)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_hit_comes_with_its_window_and_number(site: Site, client: httpx.Client) -> None:
    text = (SEEDS / DOC).read_bytes().decode()
    first = find(site, client, doc=DOC, text="trump's", **{"from": 0})
    assert (first["n"], first["at"]) == (text.count("Trump’s"), 1)
    assert "".join(first["hit"]) == text[first["start"] : first["end"]] == "Trump’s"
    last = find(site, client, doc=DOC, text="trump's", back=True, **{"from": 0})
    assert last["at"] == last["n"]
    assert find(site, client, doc=DOC, text="no such words", **{"from": 0}) == {"n": 0}


def test_long_document_is_searched_whole(start_site: Start, tmp_path: Path) -> None:
    text = "😀 line\n" * 30_000 + "The needle İ is here.\n" + "Tail. " * 30_000 + "Another needle.\n"
    (tmp_path / "a.txt").write_bytes(text.encode())
    site = start_site(tmp_path, uploads=False)
    with site.client() as client:
        client.get("/")
        seen = window(site, client, doc="a.txt", s=0, e=0)
        assert "needle" not in str(seen["post"])
        got = find(site, client, doc="a.txt", text="NEEDLE", **{"from": 0})
        assert (got["start"], got["n"]) == (text.index("needle"), 2)
        assert text[got["first"] : got["last"]] == got["pre"] + "".join(got["hit"]) + got["post"]
        after = find(site, client, doc="a.txt", text="NEEDLE", **{"from": got["start"] + 1})
        assert (after["start"], after["at"]) == (text.rindex("needle"), 2)


def test_old_text_is_searched_where_it_was_cited(start_site: Start, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir(), new.mkdir()
    text = "Ann Lee said the bridge opened in 1932.\n"
    (old / "a.txt").write_text(text)
    (new / "a.txt").write_text("Other words altogether, in a new file.\n")
    site = start_site(old, uploads=False)
    sha = hashlib.sha256(text.encode()).hexdigest()
    with site.client() as client:
        client.get("/")
        site.ask_api(client, "When did Ann Lee say the bridge opened?")
        site.host.tell(do="swap", port=site.port, folder=str(new))
        got = find(site, client, doc="a.txt", sha=sha, text="bridge", **{"from": 0})
        assert "".join(got["hit"]) == "bridge"
        assert "indexed anew" in got["note"]
        assert find(site, client, doc="a.txt", text="bridge", **{"from": 0}) == {"n": 0}


@pytest.mark.parametrize(
    "sent",
    [
        {"doc": "../../etc/passwd", "text": "root", "from": 0},
        {"doc": DOC, "text": "x" * 201, "from": 0},
        {"doc": DOC, "text": None, "from": 0},
        {"doc": DOC, "text": ["a"], "from": 0},
        {"doc": DOC, "text": "a", "from": "0"},
        {"doc": DOC, "text": "a", "from": True},
        {"doc": DOC, "text": "a", "from": 1.5},
        {"doc": DOC},
        {},
        [],
        None,
    ],
)
def test_bad_searches_get_a_message(site: Site, client: httpx.Client, sent: object) -> None:
    answer = site.serve_function(client, "find_in_source", sent)
    assert answer.status_code == 200
    assert answer.json()["error"]


def test_odd_searches_are_harmless(site: Site, client: httpx.Client) -> None:
    for text in ("", "\x00", "\ud800", "(a+)+$", "\\", "[", "\u202e", "<script>"):
        assert find(site, client, doc=DOC, text=text, **{"from": 0})["n"] >= 0
    for start in (-1, 10**30, -(10**30)):
        assert find(site, client, doc=DOC, text="China", **{"from": start})["at"] >= 1
