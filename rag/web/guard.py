"""The door: every request passes here before Gradio sees it.

In this order: Host, the list of open routes, where the request comes from, how many, how
big. Routes are an allow-list, so that a route which a new Gradio opens stays shut here.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from rag.web.headers import CONVERSATION_COOKIE, secure
from rag.web.options import LIMITS, Limits
from rag.web.rate import Buckets
from rag.web.service import report

__all__ = ["Guard", "GuardConfig"]

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Any]

_API = (
    r"queue/join|queue/data|queue/status|call/[\w-]+|call/[\w-]+/[\w-]+|call/v2/[\w-]+|"
    r"call/v2/[\w-]+/[\w-]+|component_server|heartbeat/[\w-]+|cancel|reset|info|config|"
    r"startup-events|login_check|app_id|user|token|theme\.css|upload_progress"
)
_OPEN = re.compile(
    r"/|/config|/login|/logout|/login_check|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|"
    r"/assets/[\w./-]+|/static/[\w./-]+|/svelte/[\w./-]+|"
    rf"/gradio_api/(?:{_API})"
)
_UPLOAD = "/gradio_api/upload"
_MCP = re.compile(r"/gradio_api/mcp(?:/[\w./-]*)?")


@dataclass(slots=True)
class GuardConfig:
    """What this server lets in.

    Attributes:
        host_ok: whether a Host header's name (without port) is one of ours.
        cookie: name of the conversation cookie.
        cookie_seconds: how long the browser keeps it; None until it is closed.
        uploads: whether documents may be sent.
        upload_dir: where they land, to look at the free space.
        mcp: whether the MCP routes are open.
        rate, burst: requests a second in the long run, and at once, for one client.
        limits: sizes.
    """

    host_ok: Callable[[str], bool]
    cookie: str = CONVERSATION_COOKIE
    cookie_seconds: int | None = None
    uploads: bool = False
    upload_dir: Path | None = None
    mcp: bool = False
    rate: float = 20.0
    burst: int = 100
    limits: Limits = LIMITS


class _TooLarge(Exception):
    """An upload passed its limit while it was being read."""


class Guard:
    """ASGI middleware; one instance a server."""

    def __init__(self, app: Any, config: GuardConfig) -> None:
        self.app = app
        self.config = config
        self._requests = Buckets(config.rate, config.burst)
        # Guessing passwords is the one thing worth doing slowly.
        self._logins = Buckets(1 / 6, 5)
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            # Nothing here speaks WebSocket; a refused handshake is answered with 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        if self._open >= self.config.limits.connections:
            await _answer(send, 503, "too many open requests; try again in a moment", 2)
            return
        self._open += 1
        try:
            await self._pass_on(scope, headers, receive, send)
        finally:
            self._open -= 1

    def _refusal(
        self, scope: Scope, headers: dict[str, str]
    ) -> tuple[int, str] | tuple[int, str, int] | None:
        """Status and message for a request that may not pass, or None."""
        names = [k for k, _ in scope["headers"] if k.lower() == b"host"]
        host = headers.get("host", "")
        if len(names) != 1 or not self.config.host_ok(_name_of(host)):
            return 400, "unknown host; open the address that the server printed"
        path = unquote(scope["path"])
        if not self._is_open(path, scope.get("query_string", b"").decode("latin-1")):
            return 404, "not found"
        if scope["method"] not in ("GET", "HEAD", "POST", "DELETE"):
            return 405, "method not allowed"
        if not _same_origin(scope["method"], path, host, headers):
            return 403, "requests from other web sites are refused"
        client = (scope.get("client") or ("?",))[0]
        bucket = (
            self._logins if path.rstrip("/") == "/login" and scope["method"] == "POST" else self._requests
        )
        # Files of the page itself are free; what makes the server work is counted.
        if scope["method"] == "POST":
            wait = bucket.take(client)
            if wait > 0:
                return 429, f"too many requests; wait {wait} s", wait
        return self._size_refusal(path, headers)

    def _is_open(self, path: str, query: str) -> bool:
        trimmed = path.rstrip("/") or "/"
        if any(key.strip().lower() == "deep_link" for key in parse_qs(query, keep_blank_values=True)):
            return False
        if trimmed == _UPLOAD:
            return self.config.uploads
        if self.config.mcp and _MCP.fullmatch(path):
            return True
        return ".." not in path and _OPEN.fullmatch(trimmed) is not None

    def _size_refusal(self, path: str, headers: dict[str, str]) -> tuple[int, str] | None:
        limit = self._limit(path)
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 400, "bad Content-Length"
        if int(length) > limit:
            return 413, f"the request has {length} bytes; at most {limit} are accepted"
        if path.rstrip("/") == _UPLOAD and self.config.upload_dir is not None:
            free = shutil.disk_usage(self.config.upload_dir).free
            waiting = sum(p.stat().st_size for p in self.config.upload_dir.rglob("*") if p.is_file())
            if free < self.config.limits.free_disk or waiting > self.config.limits.waiting:
                return 507, "there is no room for more documents at the moment"
        return None

    def _limit(self, path: str) -> int:
        limits = self.config.limits
        return limits.upload if path.rstrip("/") == _UPLOAD else limits.body

    async def _pass_on(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        path = unquote(scope["path"])
        is_page = "text/html" in headers.get("accept", "") or path in ("/", "/login")
        # Behind no proxy, such headers are a stranger's word about who and where they are;
        # and a page that comes compressed could not be given its nonce.
        dropped = {b"accept-encoding"} if is_page else set()
        scope = dict(scope)
        scope["headers"] = [
            (k, v)
            for k, v in scope["headers"]
            if not k.lower().startswith(b"x-forwarded") and k.lower() not in {b"forwarded", *dropped}
        ]
        started = too_large = False
        limit = self._limit(path)

        if path.rstrip("/") == _UPLOAD:
            counted = 0

            async def receive_body() -> Message:
                nonlocal counted, too_large
                message: Message = await receive()
                counted += len(message.get("body", b""))
                if counted > limit:
                    too_large = True
                    raise _TooLarge
                return message
        else:
            try:
                body = await asyncio.wait_for(_read(receive, limit), self.config.limits.body_seconds)
            except _TooLarge:
                await _answer(send, 413, f"the request is larger than {limit} bytes")
                return
            except TimeoutError:
                await _answer(send, 408, "the request took too long to arrive")
                return
            if path.rstrip("/") != "/login" and not _is_json(body):
                await _answer(send, 400, "the request's body is not JSON in UTF-8")
                return
            pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

            async def receive_body() -> Message:
                if pending:
                    return pending.pop()
                later: Message = await receive()
                return later

        outgoing = secure(send, headers, self.config.cookie, self.config.cookie_seconds)

        async def send_once(message: Message) -> None:
            nonlocal started
            if too_large:
                # Whatever the application made of the interrupted body, this is the truth.
                if not started:
                    started = True
                    await _answer(send, 413, f"the upload is larger than {limit} bytes")
                return
            started = started or message["type"] == "http.response.start"
            await outgoing(message)

        try:
            await self.app(scope, receive_body, send_once)
        except _TooLarge:
            if not started:
                await _answer(send, 413, f"the upload is larger than {limit} bytes")
        except Exception:
            # The framework's own trouble with what was sent: for the log, not for the sender.
            error_id = report()
            if not started:
                await _answer(send, 500, f"something went wrong; error {error_id}")


def _is_json(body: bytes) -> bool:
    if not body:
        return True
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


async def _read(receive: Receive, limit: int) -> bytes:
    """The whole body, counted as it comes: a chunked one states no length."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _TooLarge
        if not message.get("more_body", False):
            return b"".join(parts)


def _name_of(host: str) -> str:
    """The name in a Host header, without port.

    >>> _name_of("localhost:7860"), _name_of("[::1]:7860")
    ('localhost', '[::1]')
    """
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:@/\s]+)(?::\d{1,5})?", host)
    return found.group(1).lower() if found else ""


def _same_origin(method: str, path: str, host: str, headers: dict[str, str]) -> bool:
    """Whether a browser that sends this is on our own page (or it isn't a browser)."""
    if method in ("GET", "HEAD") and path in ("/", "/login", "/favicon.ico"):
        return True
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


async def _answer(send: Send, status: int, text: str, retry_after: int | None = None) -> None:
    """A short answer that the page can show and a program can read."""
    body = json.dumps({"error": text, "detail": text}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
