"""Everything that a client can send somewhere, and everything that a document can bring into the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake import FakePipeline
from hypothesis import given
from hypothesis import strategies as st
from sites import ANSWERED, SEEDS, Site
from test_chat import ask as ask_http

from rag.web.launch import prepare_environment
from rag.web.service import Service
from rag.web.source import Sources

Start = Callable[..., Site]
JUNK: list[Any] = [
    None, True, 10**30, "../../etc/passwd", [], [None], {},
    [{"path": "/etc/passwd", "url": "http://127.0.0.1:1/", "meta": {"_type": "gradio.FileData"}}],
    {"__type__": "update", "value": "x"},
]  # fmt: skip


def run(site: Site, client: httpx.Client, function: dict[str, Any], data: list[Any]) -> str:
    """What comes back of one event, whatever it is."""
    visit = uuid.uuid4().hex
    body = {"data": data, "fn_index": function["id"], "session_hash": visit}
    joined = client.post("/gradio_api/queue/join", json=body)
    if joined.status_code != 200:
        return joined.text
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": visit}) as stream:
        return joined.text + "".join(stream.iter_lines())


def test_no_event_can_be_made_to_tell_or_to_fall_over(start_site: Start) -> None:
    """Each of the page's events, also the private ones, with what no page would send."""
    site = start_site()
    with site.client() as client:
        client.get("/")
        ask_http(site, client, ANSWERED)
        events = site.config["dependencies"]
        tried = [(event, junk) for event in events for junk in (JUNK if event["inputs"] else JUNK[:1])]

        def send(one: tuple[dict[str, Any], Any]) -> str:
            return run(site, client, one[0], [one[1]] * len(one[0]["inputs"]))

        with ThreadPoolExecutor(8) as pool:
            for (function, junk), told in zip(tried, pool.map(send, tried), strict=True):
                for secret in ("Traceback", "site-packages", "root:x:", str(site.data), "/rag/web"):
                    assert secret not in told, (function["api_name"], junk, told[-800:])
        # And all is as it was.
        assert "ans found" in ask_http(site, client, ANSWERED)[-1]
        assert not list((site.data).rglob("added/*"))


def test_no_function_of_the_viewer_falls_over(site: Site, client: httpx.Client) -> None:
    keys = ["doc", "s", "e", "sha", "hs", "he", "text", "from", "back", "kind", "turn"]
    for name in ("get_source", "find_in_source", "viewer_words", "export_conversation", "give_feedback"):
        for junk in [*JUNK, *(dict.fromkeys(keys, junk) for junk in JUNK)]:
            answer = site.serve_function(client, name, junk)
            assert answer.status_code in (200, 413), (name, junk, answer.text)
            assert "root:x:" not in answer.text
            assert "site-packages" not in answer.text
            assert not re.search("runs the server: [0-9a-f]{8}", answer.text), (name, junk)


def test_questions_of_programs_and_of_people_share_their_places(site: Site) -> None:
    """What limits the one limits the other."""
    busy = {d["api_name"]: d for d in site.config["dependencies"]}
    assert busy["ask"]["queue"] is not False
    assert busy["chat"]["queue"] is not False
    assert busy["ask"].get("concurrency_id") == busy["chat"].get("concurrency_id")


def test_every_answer_has_the_headers(site: Site, client: httpx.Client) -> None:
    answers = [
        client.get("/"),
        client.get("/config"),
        client.get("/theme.css"),
        client.get("/nonsense"),
        client.get("/gradio_api/info"),
        client.post("/gradio_api/call/ask", json={"data": [ANSWERED]}),
        client.post("/gradio_api/call/ask", content=b"{"),
        client.get("/", headers={"host": "evil.example"}),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
        assert not [h for h in answer.headers if h.startswith("access-control")]
        assert "server" not in {h.lower() for h in answer.headers} or "/" not in answer.headers["server"]


def test_documents_and_links_bless_no_script(start_site: Start, tmp_path: Path) -> None:
    """Scripts of the page carry the nonce; nothing else in it can come to have one."""
    (tmp_path / "a.txt").write_text(
        "</script><script>window.__xss=1</script>\nA sentence of some words here.\n"
    )
    (tmp_path / "<script>window.__xss=2<").mkdir()
    (tmp_path / "<script>window.__xss=2<" / "script>.txt").write_text("Another sentence of words.\n")
    site = start_site(tmp_path, uploads=False)
    with site.client() as client:
        plain = client.get("/").text.count("<script")
        for query in ("", "?q=</script><script>window.__xss=3</script>", "?<script>=1", "?__theme=<script>"):
            page = client.get("/" + query)
            assert page.text.count("<script") == plain
            assert (
                "__xss" not in re.sub(r"\\u003c|%3C|&lt;", "", page.text) or "<script>window" not in page.text
            )


def test_environment_can_not_open_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ("ALLOWED_PATHS", "SHARE", "MCP_SERVER", "ANALYTICS_ENABLED", "ROOT_PATH", "SERVER_NAME")
    monkeypatch.setattr(os, "environ", {"PATH": "x", **{f"GRADIO_{name}": "/" for name in settings}})
    left, running = tmp_path / "tmp-999999999", tmp_path / "tmp-1"
    left.mkdir(), running.mkdir()
    (left / "old.txt").write_text("from a server that was killed")
    mine = prepare_environment(tmp_path)
    kept = {name: value for name, value in os.environ.items() if name.startswith("GRADIO_")}
    assert kept == {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(mine)}
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    # What a dead server left is removed, what a live one has is not.
    assert not left.exists()
    assert running.exists()
    assert mine.stat().st_mode & 0o777 == 0o700
    assert list(mine.iterdir()) == []


def test_temporary_folder_goes_with_the_server(start_site: Start) -> None:
    site = start_site()
    with site.client() as client:
        client.get("/")
        client.post("/gradio_api/upload", files=[("files", ("a.txt", b"Some words."))]).raise_for_status()
    assert list(site.temporary.rglob("a.txt"))
    site.stop()
    assert not site.temporary.exists()


def test_nothing_is_loaded_that_could_run_what_it_reads() -> None:
    """The chat's own code knows no pickle; nor does anything of ours that it imports."""
    code = (
        "import sys, pickle; real = pickle.loads\n"
        "import rag.web.page, rag.web.library, rag.web.session, rag.web.export\n"
        "assert 'torch' not in sys.modules and 'joblib' not in sys.modules and 'dill' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=SEEDS.parent)


# Text and offsets


@given(st.text(min_size=1, max_size=300), st.data())
def test_any_span_of_any_text_is_cut_exactly(text: str, data: st.DataObject) -> None:
    # A pipeline over one document of whatever characters.
    sources = Sources(Service(FakePipeline({"a.txt": text.encode("utf-8", "replace").decode()})))
    text = text.encode("utf-8", "replace").decode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    inner = sorted(data.draw(st.tuples(st.integers(start, end), st.integers(start, end))))
    got = sources.window({"doc": "a.txt", "s": start, "e": end, "hs": inner[0], "he": inner[1]})
    assert "".join(got["hit"]) == text[start:end]
    assert got["hit"][1] == text[inner[0] : inner[1]]
    assert got["pre"] + "".join(got["hit"]) + got["post"] == text[got["first"] : got["last"]]
    assert got["line"] == text[:start].count("\n") + 1
