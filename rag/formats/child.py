"""The process that parses: reads files from its input, writes texts to its output, until the input ends.

Started by `rag.formats.confined` as `python -m rag.formats.child MEMORY`. Whatever a file does to it, it
can be ended and started anew.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from typing import Any, BinaryIO

from rag.errors import RagError
from rag.formats.kinds import SUFFIXES
from rag.formats.limits import allow_cpu, limit_process
from rag.formats.parsed import MAX_CHARS, Parsed, ParseOptions
from rag.formats.wire import WireError, read_message, write_message

__all__ = ["main", "parse_bytes"]


def main() -> int:
    """Serve until the input ends."""
    source, target = _streams()
    limit_process(int(sys.argv[1]))
    while True:
        try:
            header, data = read_message(source)
        except WireError:
            return 0
        allow_cpu(float(header["cpu_s"]))
        answer, text = _answer(header, data)
        write_message(target, answer, text)


def parse_bytes(data: bytes, suffix: str, options: ParseOptions) -> Parsed:
    """Parse in this process.

    Raises:
        FileError: what the parser found wrong.
    """
    from rag.formats.signatures import check_signature

    kind = SUFFIXES[suffix]
    check_signature(data, kind, suffix)
    parsed: Parsed = importlib.import_module(str(kind.module)).parse(data, options)
    return parsed


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Our input and output; whatever a library prints goes nowhere."""
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return source, target


def _answer(header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        parsed = parse_bytes(data, str(header["suffix"]), ParseOptions(**header["options"]))
        if len(parsed.text) > MAX_CHARS:
            return {
                "outcome": "refused",
                "message": f"its text has over {MAX_CHARS:,} characters; split the file",
            }, b""
        facts = dataclasses.asdict(parsed)
        return {"outcome": "parsed", **facts, "text": ""}, parsed.text.encode("utf-8", "replace")
    except RagError as error:
        return {"outcome": "refused", "message": str(error)}, b""
    except MemoryError:
        return {"outcome": "memory", "message": ""}, b""
    except Exception as error:  # whatever it is, it concerns this file alone, and the person is told
        return {"outcome": "failed", "message": f"{type(error).__name__}: {str(error)[:200]}"}, b""


if __name__ == "__main__":
    sys.exit(main())
