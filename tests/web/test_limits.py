"""What is bounded: room on the disk, uploads, sessions, open and slow requests. Over HTTP, with small limits."""

from __future__ import annotations

import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sites import ANSWERED, Site
from test_chat import ask, html_of
from test_library import as_file, quiet, send, upload

from rag.web.library import Library
from rag.web.sweep import Sweeper

Start = Callable[..., Site]
FILE = ("note.txt", b"Zoe Vance said the harbour office opens at seven.\n")


def post_file(client: httpx.Client, size: int = 50) -> int:
    return client.post("/gradio_api/upload", files=[("files", ("a.txt", b"x" * size))]).status_code


def test_upload_is_refused_where_the_disk_is_nearly_full(start_site: Start) -> None:
    site = start_site(limits={"free_disk": 10**18})
    with site.client() as client:
        client.get("/")
        answer = client.post("/gradio_api/upload", files=[("files", FILE)])
        assert answer.status_code == 507
        assert "no room" in answer.text
        assert str(site.temporary) not in answer.text
        assert not [p for p in site.temporary.rglob("*") if p.is_file() and p.suffix == ".txt"]
        # Asking goes on.
        assert "ans found" in ask(site, client, ANSWERED)[1]


def test_uploads_that_wait_have_a_quota(start_site: Start) -> None:
    site = start_site(limits={"waiting": 2_000})
    with site.client() as client, site.client() as another:
        client.get("/"), another.get("/")
        [path] = send(client, ("big.txt", b"Some words. " * 200))
        assert post_file(client) == 507
        # For all together, so that a new session is no way round it.
        assert post_file(another) == 507
        told = site.call(client, "add_files", [as_file(path)])[1]
        assert "big.txt" in told
        assert "added" in told
        # What was added waits no more.
        assert post_file(client) == 200


def test_uploads_that_nobody_adds_go(start_site: Start) -> None:
    site = start_site(limits={"waiting_seconds": 1})
    with site.client() as client:
        client.get("/")
        [path] = send(client, FILE)
        until = time.monotonic() + 30
        while Path(path).exists() and time.monotonic() < until:
            time.sleep(0.2)
        assert not Path(path).exists()


def test_upload_without_a_length_is_counted(start_site: Start) -> None:
    site = start_site(limits={"upload": 100_000})
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'

    def body() -> Iterator[bytes]:
        yield part
        for _ in range(30):
            yield b"x" * 10_000
        yield b"\r\n--b--\r\n"

    with site.client() as client:
        headers = {"content-type": "multipart/form-data; boundary=b"}
        assert client.post("/gradio_api/upload", content=body(), headers=headers).status_code == 413
        assert client.get("/").status_code == 200


def test_added_documents_have_a_quota(
    start_site: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from fake import FakePipeline

    import rag.web.library
    from rag.web.options import LIMITS
    from rag.web.service import Service

    monkeypatch.setattr(rag.web.library, "LIMITS", dataclasses.replace(LIMITS, files=2))
    (tmp_path / "up").mkdir()
    library = Library(
        tmp_path / "lib",
        Service(FakePipeline.over_seeds()),
        tmp_path / "up",
        [".txt"],
        lambda documents, index, progress: (FakePipeline.over_folder(documents), []),
    )
    uploads = [upload(library, f"{i}.txt", f"Text number {i} is here.\n".encode()) for i in range(4)]
    assert [r.key for r in library.add(uploads, quiet)] == ["result_ok", "result_ok", "too_many", "too_many"]
    # A document that is there already may still be replaced.
    again = upload(library, "0.txt", b"Another text is here now.\n")
    assert [r.key for r in library.add([again], quiet)] == ["result_replaced"]


def test_sessions_are_bounded(start_site: Start) -> None:
    """Whoever makes up session after session fills neither Gradio's memory nor ours."""
    site = start_site(uploads=False, limits={"conversations": 4})
    with site.client() as first:
        first.get("/")
        assert "ans found" in ask(site, first, ANSWERED)[1]
        for _ in range(12):
            with site.client() as stranger:
                stranger.get("/")
                # Each call comes with a session of its own.
                site.call(stranger, "load")
                ask(site, stranger, ANSWERED)
        assert site.host.tell(do="sessions", port=site.port)["held"] <= 4
        # The oldest conversation has left, and its owner can begin anew.
        page = ask(site, first, ANSWERED)
        assert len(page) == 2
        assert "ans found" in page[1]


def test_conversation_expires(start_site: Start) -> None:
    site = start_site(uploads=False, limits={"idle_seconds": 1.0})
    with site.client() as client:
        client.get("/")
        ask(site, client, ANSWERED)
        time.sleep(1.1)
        assert 'class="welcome"' in html_of(site.call(client, "load")[0])[0]


def test_session_of_another_browser_shows_nothing(site: Site) -> None:
    """The session's name is the client's own invention; what counts is the cookie."""
    events = {d["api_name"]: d for d in site.config["dependencies"]}

    def run(client: httpx.Client, name: str, visit: str, *data: object) -> str:
        sent = [*data, *[None] * (len(events[name]["inputs"]) - len(data))]
        body = {"data": sent, "fn_index": events[name]["id"], "session_hash": visit}
        client.post("/gradio_api/queue/join", json=body).raise_for_status()
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": visit}) as stream:
            return "".join(stream.iter_lines())

    visit = uuid.uuid4().hex
    with site.client() as owner, site.client() as thief:
        owner.get("/"), thief.get("/")
        assert "Ryan Hass, former" in run(owner, "chat", visit, ANSWERED, None)
        assert "Ryan Hass, former" not in run(thief, "load", visit)
        thief.cookies.clear()
        assert "Ryan Hass, former" not in run(thief, "load", visit)
        assert "Ryan Hass, former" in run(owner, "load", visit)


def test_cookies_of_the_clients_invention_are_not_taken(site: Site) -> None:
    for value in ("", "x", "0" * 31, "0" * 33, "../../etc/passwd", "A" * 32):
        with site.client(headers={"cookie": f"insources-{site.port}={value}"}) as client:
            assert re.search(r"insources-\d+=[0-9a-f]{32};", client.get("/").headers["set-cookie"])


def test_viewer_is_rate_limited_too(start_site: Start) -> None:
    """What needs no place in the queue counts like any other request."""
    site = start_site(uploads=False, rate=0.2, burst=3)
    with site.client() as client:
        asked = [site.serve_function(client, "get_source", {}).status_code for _ in range(5)]
    assert asked == [200, 200, 200, 429, 429]


def test_open_requests_are_bounded(start_site: Start) -> None:
    site = start_site(uploads=False, limits={"connections": 3})
    held = []
    try:
        for _ in range(3):
            raw = socket.create_connection(("127.0.0.1", site.port), timeout=10)
            raw.sendall(
                b"GET /gradio_api/heartbeat/abcdefghij HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            raw.recv(10)
            held.append(raw)
        with site.client() as client:
            answer = client.get("/config")
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            for raw in held:
                raw.close()
            until = time.monotonic() + 20
            while client.get("/config").status_code == 503 and time.monotonic() < until:
                time.sleep(0.2)
            assert client.get("/config").status_code == 200
    finally:
        for raw in held:
            raw.close()


def test_slow_body_is_cut_off(start_site: Start) -> None:
    site = start_site(uploads=False, limits={"body_seconds": 0.5})
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as raw:
        raw.sendall(
            b'POST /gradio_api/call/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"data": ['
        )
        assert raw.recv(100).split(b" ")[1] == b"408"


def test_full_queue_says_so(start_site: Start) -> None:
    site = start_site(uploads=False, delay=1.0, limits={"queue": 1, "workers": 1})

    def one(i: int) -> int:
        with site.client() as client:
            joined = client.post("/gradio_api/call/ask", json={"data": [f"{ANSWERED} {i}"]})
            if joined.status_code == 200:
                client.get(f"/gradio_api/call/ask/{joined.json()['event_id']}")
            return joined.status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(one, range(8)))
    assert set(statuses) == {200, 503}
    # And when they have been answered, there is room again.
    assert one(9) == 200


class FakeQueue:
    """What the sweeper looks at of Gradio's queue."""

    def __init__(self) -> None:
        self.event_ids_to_events: dict[str, object] = {}
        self.pending_messages_per_session: dict[str, object] = {"done": [], "lost": []}
        self.pending_event_ids_session: dict[str, set[str]] = {"done": set(), "lost": {"event"}}


def test_what_nobody_collects_is_swept() -> None:
    now, queue = 0.0, FakeQueue()
    sweeper = Sweeper(queue, keep=600.0, clock=lambda: now)
    assert sweeper.sweep() == 0
    now = 61.0
    assert sweeper.sweep() == 1
    assert list(queue.pending_messages_per_session) == ["lost"]
    now = 601.0
    assert sweeper.sweep() == 1
    assert not queue.pending_event_ids_session
