"""The HTTP surface: every row of what a stranger, another web site or a wrong program may try."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sites import ANSWERED, Site


def test_page_comes_with_policy_and_nonce(site: Site) -> None:
    with site.client() as client:
        page = client.get("/", headers={"accept": "text/html", "accept-encoding": "br, gzip"})
    policy = page.headers["content-security-policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert page.status_code == 200
    assert "content-encoding" not in page.headers
    assert page.text.count("<script") == page.text.count(f'<script nonce="{nonce}"') > 0
    for part in ("default-src 'self'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'self'"):
        assert part in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-frame-options"] == "DENY"


def test_nonces_differ(site: Site) -> None:
    with site.client() as client:
        policies = {client.get("/").headers["content-security-policy"] for _ in range(3)}
    assert len(policies) == 3


def test_cookie_is_not_for_scripts_and_kept(site: Site) -> None:
    with site.client() as client:
        cookie = client.get("/").headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "set-cookie" not in client.get("/").headers


def test_assets_have_headers_too(site: Site) -> None:
    with site.client() as client:
        answer = client.get("/theme.css")
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "attacker.example:7860", "localhost.evil.example", "10.1.2.3", "a@localhost", ""],
)
def test_foreign_host_is_refused(site: Site, host: str) -> None:
    with site.client() as client:
        for path in ("/", "/config", "/gradio_api/info"):
            assert client.get(path, headers={"host": host}).status_code == 400


def test_two_hosts_are_refused(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as raw:
        raw.sendall(
            b"GET /config HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        )
        assert b" 400 " in raw.recv(200).split(b"\r\n")[0]


def test_forwarded_host_is_not_believed(site: Site) -> None:
    with site.client() as client:
        page = client.get("/", headers={"x-forwarded-host": "evil.example", "x-forwarded-proto": "gopher"})
    assert page.status_code == 200
    assert "evil.example" not in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1:1/",
        "/gradio_api/file=https://example.org/x",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/gradio_api/deep_link?session_hash=x",
        "/gradio_api/Deep_Link",
        "/?deep_link=x",
        "/?%64eep_link=x",
        "/?deep%5Flink=x",
        "/?q=1&deep_link=",
        "/config?deep_link=x",
        "/gradio_api/runs",
        "/gradio_api/run-history/records",
        "/gradio_api/openapi.json",
        "/openapi.json",
        "/docs",
        "/redoc",
        "/monitoring",
        "/monitoring/summary",
        "/monitoring/x",
        "/gradio_api/dev/reload",
        "/gradio_api/vibe-code",
        "/gradio_api/profiling/summary",
        "/gradio_api/stream/x/y/z/playlist.m3u8",
        "/gradio_api/custom_component/x/y/z/a",
        "/custom_component/x/y/z/a",
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/file=/etc/passwd",
        "/gradio_api/mcp/",
        "/gradio_api/mcp/sse",
        "/gradio_api/upload",
        "/pwa_icon",
        "/nonsense",
    ],
)
def test_closed_routes(site: Site, path: str) -> None:
    for method in ("GET", "POST"):
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as raw:
            # Raw, because clients tidy dots and escapes away before they send.
            raw.sendall(
                f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            received = b""
            while part := raw.recv(65536):
                received += part
        status = int(received.split(b" ")[1])
        assert status in (404, 405), received[:300]
        assert b"root:" not in received


@pytest.mark.parametrize(
    "route", ["/gradio_api/run/ask", "/gradio_api/api/ask", "/gradio_api/run/chat", "/api/ask"]
)
def test_queue_can_not_be_passed_by(site: Site, client: httpx.Client, route: str) -> None:
    assert client.post(route, json={"data": ["Who?"]}).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_web_sites_can_not_post(site: Site, client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.post("/gradio_api/call/ask", json={"data": [ANSWERED]}, headers=headers)
    assert answer.status_code == 403


def test_other_web_sites_can_not_read(site: Site, client: httpx.Client) -> None:
    assert client.get("/config", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/gradio_api/info", headers={"origin": "http://localhost:1"}).status_code == 403
    # Following a link here from elsewhere is fine.
    assert client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    preflight = client.options("/gradio_api/queue/join", headers={"origin": "http://localhost:1"})
    assert preflight.status_code == 405
    assert not [h for h in client.get("/gradio_api/info").headers if h.startswith("access-control")]


def test_own_page_can_post(site: Site, client: httpx.Client) -> None:
    headers = {"origin": site.url, "sec-fetch-site": "same-origin"}
    assert client.post("/gradio_api/call/ask", json={"data": ["x"]}, headers=headers).status_code == 200


def test_websocket_is_refused(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as raw:
        raw.sendall(
            b"GET /queue/join HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert raw.recv(200).split(b" ")[1] in (b"403", b"404", b"400")


def test_large_bodies_are_refused_by_header_and_by_count(site: Site, client: httpx.Client) -> None:
    big = b'{"data": ["' + b"a" * 300_000 + b'"]}'
    assert client.post("/gradio_api/call/ask", content=big).status_code == 413
    # Without a Content-Length the bytes themselves are counted.
    assert (
        client.post("/gradio_api/call/ask", content=iter([big[:150_000], big[150_000:]])).status_code == 413
    )
    assert client.post("/gradio_api/component_server", content=big).status_code == 413


@pytest.mark.parametrize("length", ["-1", "abc", "1e9"])
def test_odd_lengths_are_refused(site: Site, length: str) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as raw:
        raw.sendall(
            f"POST /gradio_api/call/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        assert raw.recv(100).split(b" ")[1] in (b"400", b"413")


def test_rate_is_limited_and_says_when_to_come_back(start_site: Callable[..., Site]) -> None:
    slow = start_site(rate=0.2, burst=3)
    with slow.client() as client:
        answers = [client.post("/gradio_api/cancel", json={}) for _ in range(5)]
        spoofed = client.post("/gradio_api/cancel", json={}, headers={"x-forwarded-for": "9.9.9.9"})
        assert [a.status_code == 429 for a in answers] == [False, False, False, True, True]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert spoofed.status_code == 429
        assert client.get("/").status_code == 200


def test_crowd_is_answered_or_told_to_wait(start_site: Callable[..., Site]) -> None:
    busy = start_site(delay=0.02)

    async def one(client: httpx.AsyncClient, question: str) -> int:
        joined = await client.post("/gradio_api/call/ask", json={"data": [question]})
        if joined.status_code != 200:
            return joined.status_code
        answer = await client.get(f"/gradio_api/call/ask/{joined.json()['event_id']}")
        assert "event: complete" in answer.text, answer.text
        assert question in answer.text
        return answer.status_code

    async def crowd() -> list[int]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=busy.url, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(one(client, f"Who is Ryan Hass number {i}?") for i in range(60)))

    # A thread of its own: where a browser is open, this one has a running loop.
    with ThreadPoolExecutor(1) as thread:
        statuses = thread.submit(lambda: asyncio.run(crowd())).result()
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 30


def test_no_path_and_no_traceback_in_errors(site: Site, client: httpx.Client) -> None:
    bad = [
        client.post("/gradio_api/queue/join", content=b"\xff\xfe not json"),
        client.post("/gradio_api/queue/join", json={"fn_index": 9999, "data": [], "session_hash": "x"}),
        client.post("/gradio_api/component_server", json={"nothing": 1}),
        client.post("/gradio_api/call/nothing", json={"data": []}),
    ]
    for answer in bad:
        assert answer.status_code >= 400
        assert "Traceback" not in answer.text
        assert "/site-packages/" not in answer.text


def test_no_event_takes_a_chat_or_html_from_the_client(site: Site) -> None:
    kinds = {c["id"]: c["type"] for c in site.config["components"]}
    taken = {kinds[i] for d in site.config["dependencies"] for i in d["inputs"] if i in kinds}
    assert taken
    assert not taken & {"chatbot", "html", "markdown", "state", "browserstate", "json"}


def test_only_the_endpoint_for_programs_is_public(site: Site) -> None:
    named = {d["api_name"]: d["api_visibility"] for d in site.config["dependencies"]}
    assert [name for name, seen in named.items() if seen == "public"] == ["ask"]


def test_temporary_folder_is_private(site: Site) -> None:
    assert site.temporary.stat().st_mode & 0o777 == 0o700


def test_nothing_beyond_this_machine_is_connected_to(site: Site, client: httpx.Client) -> None:
    """The process that serves these tests refuses such connections: see `host.only_here`."""
    assert site.ask_api(client, ANSWERED)[0] == "complete"
    assert "AssertionError: connection to" not in site.log()
