"""Runs the bundled ONNX models: one input at a time on one thread, several side by side.

Nothing is padded, and int8 scales are those of the one input, so that what a model gives is the same
whatever else is asked of it at the same time, and in whichever order.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rag.errors import ModelError

__all__ = ["check_sha256", "n_threads", "on_one_thread", "open_session", "read_card", "side_by_side"]

MAX_THREADS = 8

_here = threading.local()

Item = TypeVar("Item")
Made = TypeVar("Made")


def check_sha256(path: Path, expected: str) -> None:
    """Compare a model file with the checksum it must have.

    Raises:
        ModelError: the file is missing or differs.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"model file {path.name} can't be read ({error.strerror}); reinstall insources"
        ) from error
    if found != expected:
        raise ModelError(
            f"model file {path.name} has sha256 {found}, expected {expected}: it is damaged or was "
            "replaced; reinstall the package that carries it"
        )


def read_card(
    path: Path,
    *,
    version: int,
    numbers: Sequence[str] = (),
    absent: str = "reinstall insources",
    again: str = "reinstall insources",
) -> dict[str, Any]:
    """What a model's card says: `encoder.json` of `encoder.onnx`, `reader.json` of `reader.onnx`.

    Args:
        path: of the card, beside the model's files.
        version: the card's format as this package reads it.
        numbers: further fields that must hold whole numbers.
        absent: what to do where there is no card.
        again: what to do where it is of another format or names too few files.

    Raises:
        ModelError: missing, damaged, of another format, or without the checksum of a file.
    """
    what = path.stem
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found, files = card["format"], card["files"]
        if found != version:
            raise ModelError(f"the {what}'s format is {found!r}, expected {version}; {again}")
        for name in (f"{what}.onnx", "tokenizer.json"):
            if name not in files:
                raise ModelError(f"the {what}'s {path.name} is damaged (it names no {name}); {again}")
            str(files[name]["sha256"])
        for name in numbers:
            int(card[name])
    except OSError as error:
        raise ModelError(
            f"no {what} at {path.parent.name}/: {path.name} can't be read ({error.strerror}); {absent}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the {what}'s {path.name} is damaged ({error}); reinstall insources") from error
    return card


def open_session(path: Path, sha256: str) -> Any:
    """A checked model file as an `onnxruntime.InferenceSession` of one thread.

    Raises:
        ModelError: missing, altered, or no model that onnxruntime can open.
    """
    import onnxruntime

    check_sha256(path, sha256)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            str(path),
            options,
            providers=["CPUExecutionProvider"],
            # The fused node of onnxruntime 1.31 takes longer than its two parts: a quarter of all.
            disabled_optimizers=["SkipLayerNormFusion"],
        )
    except Exception as error:
        raise ModelError(
            f"the model {path.name} could not be opened: {str(error).splitlines()[0]}; reinstall insources"
        ) from error


def side_by_side(work: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[Made]:
    """What `work` gives for each item, in order, on as many threads as there are processors.

    Work that is shared out already is not shared out again: whole questions side by side keep the
    processors busier than the parts of one after the other.
    """
    n = min(len(items), n_threads())
    if n < 2 or getattr(_here, "shared_out", False):
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(n, initializer=_begin_thread)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Share no work out, for one of many processes that have a processor each."""
    before = getattr(_here, "shared_out", False)
    _here.shared_out = True
    try:
        yield
    finally:
        _here.shared_out = before


def _begin_thread() -> None:
    _here.shared_out = True


def n_threads() -> int:
    """Processors that this process may use, `MAX_THREADS` at most."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, MAX_THREADS)
