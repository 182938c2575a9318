"""What leaves the server: a content security policy with a nonce, and the conversation's cookie."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["CONVERSATION_COOKIE", "conversation_of", "policy", "secure"]

CONVERSATION_COOKIE = "insources"

Message = dict[str, Any]

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
]


def policy(nonce: str) -> str:
    """The content security policy of a page.

    Gradio compiles its HTML components' script with `new Function`, hence 'unsafe-eval';
    scripts written into the page need the nonce, and nothing may come from another host.
    """
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


def conversation_of(cookies: str, name: str) -> str | None:
    """The conversation's key in a Cookie header, if it is one that we could have given.

    >>> conversation_of("a=1; insources=" + "0" * 32, "insources")
    '00000000000000000000000000000000'
    """
    found = re.search(rf"(?:^|;\s*){re.escape(name)}=([0-9a-f]{{32}})(?:;|$)", cookies)
    return found.group(1) if found else None


def secure(
    send: Callable[[Message], Any], request: dict[str, str], cookie: str, cookie_seconds: int | None
) -> Callable[[Message], Awaitable[None]]:
    """Wrap `send` so that each response carries our headers, and pages a nonce and the cookie.

    Args:
        send: the server's own.
        request: the request's headers, lowercase.
        cookie: name of the conversation's cookie.
        cookie_seconds: how long a browser keeps it; None until it is closed.
    """
    nonce = secrets.token_urlsafe(16)
    start: Message | None = None
    page: list[bytes] = []

    def headers_for(message: Message, is_page: bool) -> list[tuple[bytes, bytes]]:
        # Nobody else's page reads our answers, whatever the framework would allow it.
        kept = [(k, v) for k, v in message["headers"] if not k.lower().startswith(b"access-control-")]
        if is_page:
            kept = [(k, v) for k, v in kept if k.lower() != b"content-length"]
            kept.append((b"content-security-policy", policy(nonce).encode()))
            kept.append((b"cache-control", b"no-store"))
            if conversation_of(request.get("cookie", ""), cookie) is None:
                age = f"; Max-Age={cookie_seconds}" if cookie_seconds else ""
                value = f"{cookie}={secrets.token_hex(16)}; Path=/; HttpOnly; SameSite=Lax{age}"
                kept.append((b"set-cookie", value.encode()))
        return kept + _ALWAYS

    async def outgoing(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            kinds = [v for k, v in message["headers"] if k.lower() == b"content-type"]
            if kinds and kinds[0].lower().startswith(b"text/html"):
                start = message
                return
            await send({**message, "headers": headers_for(message, is_page=False)})
            return
        if start is None or message["type"] != "http.response.body":
            await send(message)
            return
        page.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        # Text inside the page's JSON has its "<" written as \\u003c, so that only
        # the framework's own tags match.
        body = b"".join(page).replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = [*headers_for(start, is_page=True), (b"content-length", str(len(body)).encode())]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        start = None

    return outgoing
