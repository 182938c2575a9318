"""Reading evaluation files so that a malformed one is named with its place and field."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.errors import DatasetError

__all__ = [
    "check_question",
    "fail",
    "get_field",
    "json_lines",
    "parse_json",
    "read_bytes",
    "read_text",
    "to_text",
]

_NAMES = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}
MAX_QUESTION = 2_000  # the same bound that `ask` has


def fail(path: str, place: str, problem: str) -> DatasetError:
    """The error for a problem at a place, to be raised."""
    where = f"{path}: {place}: " if place else f"{path}: "
    return DatasetError(where + problem)


def read_bytes(path: Path) -> bytes:
    """The file's content, decompressed where it is gzip (told by its first bytes, not its name)."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise fail(str(path), "", f"can't be read ({reason}); expected a readable file") from error
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise fail(
            str(path),
            f"gzip stream of {len(raw)} bytes",
            f"truncated or damaged ({error}); get the file again",
        ) from error


def to_text(raw: bytes, path: str) -> str:
    """Decodes UTF-8, with or without a byte order mark."""
    if not raw.strip():
        raise fail(path, "", "the file is empty; expected questions")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise fail(path, f"byte {error.start}", "not UTF-8; save the file as UTF-8") from error


def read_text(path: Path) -> str:
    """`read_bytes`, then `to_text`."""
    return to_text(read_bytes(path), str(path))


def parse_json(text: str, path: str) -> Any:
    """A JSON document."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise fail(path, place, f"not JSON ({error.msg}); expected a complete JSON document") from error
    except RecursionError as error:
        raise fail(path, "", "JSON nested too deeply; expected data[].paragraphs[].qas[]") from error


def json_lines(text: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each non-blank line's object with its place, `line 3`."""
    # Not splitlines(): it also cuts at U+2028 and the like, which JSON strings may hold.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise fail(path, place, f"not JSON ({error}); expected one object a line") from error
        if not isinstance(row, dict):
            raise fail(path, place, f"{type(row).__name__}; expected an object with named fields")
        yield place, row


def get_field(row: Any, name: str, kind: type, path: str, place: str) -> Any:
    """A required field of the wanted type."""
    at = f"{place}.{name}" if place.endswith("]") else f"{place}, field {name!r}" if place else name
    if not isinstance(row, dict):
        raise fail(path, place, f"{type(row).__name__}; expected an object with a field {name!r}")
    if name not in row:
        raise fail(path, at, f"the field is missing; expected {_NAMES[kind]}. Fields here: {sorted(row)}")
    value = row[name]
    # bool is an int to Python, not to whoever wrote the file.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise fail(path, at, f"{value!r:.60}; expected {_NAMES[kind]}")
    return value


def check_question(text: str, path: str, place: str) -> str:
    """The question stripped, if `ask` would take it."""
    if not text.strip():
        raise fail(path, place, "the question is empty; expected a question, or remove the line")
    if len(text) > MAX_QUESTION:
        raise fail(path, place, f"the question has {len(text)} characters; expected at most {MAX_QUESTION}")
    return text.strip()
