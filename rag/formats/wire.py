"""Messages between the indexer and the process that parses: a JSON header and a body, lengths first."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

from rag.formats.parsed import MAX_CHARS

__all__ = ["WireError", "read_message", "write_message"]

_LENGTHS = struct.Struct(">II")
_MAX_HEADER = 64 * 2**20  # 5,000 pages take 50 KB; notes are few
_MAX_BODY = 4 * MAX_CHARS + 64 * 2**20


class WireError(Exception):
    """The other side is gone or did not keep to the form."""


def write_message(stream: IO[bytes], header: dict[str, Any], body: bytes) -> None:
    """Send a message."""
    packed = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(packed), len(body)))
    stream.write(packed)
    stream.write(body)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Receive a message.

    Raises:
        WireError: the stream ends, or holds something else.
    """
    n_header, n_body = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    if n_header > _MAX_HEADER or n_body > _MAX_BODY:
        raise WireError(f"a message of {n_header + n_body} bytes")
    try:
        header = json.loads(_exactly(stream, n_header))
    except (ValueError, RecursionError) as error:
        raise WireError("a header that is no JSON") from error
    if not isinstance(header, dict):
        raise WireError("a header that is no object")
    return header, _exactly(stream, n_body)


def _exactly(stream: IO[bytes], n: int) -> bytes:
    parts = []
    while n:
        part = stream.read(n)
        if not part:
            raise WireError("the stream ended")
        parts.append(part)
        n -= len(part)
    return b"".join(parts)
