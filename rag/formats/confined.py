"""Parsing in a process of its own: a bomb, a hang or a crash costs one file, never the indexer.

One process parses many files. It inherits no descriptors but its two pipes, is bounded in memory, processor
and time, and is started anew after a file that ended it.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from typing import Any

from rag.errors import FileError
from rag.formats.kinds import SUFFIXES, missing
from rag.formats.limits import EXIT_MEMORY, Limits
from rag.formats.parsed import Parsed, ParseOptions
from rag.formats.wire import WireError, read_message, write_message

__all__ = ["ConfinedParser", "parse_confined"]

_REMEMBERED = 4_000_000  # characters of texts kept at hand
_RENEWED = 1_000  # files after which a process has done enough: libraries leak


class ConfinedParser:
    """Parses files in a child process.

    Args:
        limits: for each file.
        command: how the child is started; for tests.
    """

    def __init__(self, limits: Limits | None = None, command: list[str] | None = None) -> None:
        self._limits = limits or Limits()
        # -P: the folder we stand in may hold a file called email.py; -B: nothing is written.
        self._command = command or [
            sys.executable, "-P", "-B", "-m", "rag.formats.child", str(self._limits.memory)
        ]  # fmt: skip
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._n_parsed = 0
        self._known: OrderedDict[tuple[str, str, ParseOptions], Parsed] = OrderedDict()

    def parse(self, data: bytes, sha256: str, suffix: str, options: ParseOptions) -> Parsed:
        """The text of a file.

        Args:
            data: the file.
            sha256: of `data`; what was parsed a moment ago is known by it.
            suffix: of its name, in lower case.
            options: how to parse.

        Raises:
            FileError: what is wrong with the file, or which limit it broke; without the file's name.
        """
        absent = missing(SUFFIXES[suffix])
        if absent:
            raise FileError(absent)
        with self._lock:
            key = (sha256, suffix, options)
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            outcome, parsed = self.outcome(data, suffix, options)
            if parsed is None:
                raise FileError(outcome[1])
            self._remember(key, parsed)
            return parsed

    def outcome(
        self, data: bytes, suffix: str, options: ParseOptions
    ) -> tuple[tuple[str, str], Parsed | None]:
        """((what happened, message), what was parsed): parsed, refused, failed, memory, time or crashed."""
        fresh = self._child is None
        found, parsed = self._attempt(data, suffix, options)
        if found[0] in ("memory", "crashed") and not fresh:
            # It may be what earlier files left behind.
            found, parsed = self._attempt(data, suffix, options)
        return found, parsed

    def close(self) -> None:
        """End the child; the next file starts another."""
        child, self._child, self._n_parsed = self._child, None, 0
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _attempt(
        self, data: bytes, suffix: str, options: ParseOptions
    ) -> tuple[tuple[str, str], Parsed | None]:
        if self._n_parsed >= _RENEWED:
            self.close()
        child = self._child = self._child or self._start()
        self._n_parsed += 1
        request = {
            "suffix": suffix,
            "options": dataclasses.asdict(options),
            "cpu_s": self._limits.cpu(len(data)),
        }
        answers: list[tuple[dict[str, Any], bytes]] = []

        def exchange() -> None:
            # What the child does to its pipes while we write or read is told by its end.
            with contextlib.suppress(OSError, ValueError, WireError):
                if child.stdin is not None and child.stdout is not None:
                    write_message(child.stdin, request, data)
                    answers.append(read_message(child.stdout))

        wall = self._limits.wall(len(data))
        talk = threading.Thread(target=exchange, daemon=True)
        talk.start()
        talk.join(wall)
        if talk.is_alive():
            child.kill()
            talk.join()
            self.close()
            return (
                "time",
                f"took over {wall:.0f} s to parse; it may be built to do so: split or convert it",
            ), None
        if not answers:
            # The pipe ends before the process does.
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            found = self._ended(child.poll())
            self.close()
            return found, None
        return self._read(*answers[0])

    def _start(self) -> subprocess.Popen[bytes]:
        kept = (
            "SYSTEMROOT",
            "PATH",
            "LANG",
            "LC_ALL",
            "TMPDIR",
            "TEMP",
            "DYLD_LIBRARY_PATH",
            "LD_LIBRARY_PATH",
        )
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        try:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                close_fds=True,
                start_new_session=True,  # Ctrl-C is for us; the child ends with its pipe
            )
        except OSError as error:
            raise FileError(f"no process to parse in could be started: {error}") from error

    def _ended(self, code: int | None) -> tuple[str, str]:
        """What a child's end says of the file."""
        if code is not None and code == -getattr(signal, "SIGXCPU", 0):
            return (
                "time",
                "took over its processor time to parse; it may be built to do so: split or convert it",
            )
        if code == EXIT_MEMORY:
            return "memory", self._memory()
        how = (
            f"signal {signal.Signals(-code).name}"
            if code is not None and -65 < code < 0
            else f"status {code}"
        )
        return (
            "crashed",
            f"its parser crashed ({how}); the file is damaged or hostile: convert it with another program",
        )

    def _memory(self) -> str:
        return (
            f"needs over {self._limits.memory // 2**20:,} MB to parse; it may be a bomb: split or convert it"
        )

    def _read(self, header: dict[str, Any], body: bytes) -> tuple[tuple[str, str], Parsed | None]:
        """An answer, checked: the child has read a stranger's file."""
        outcome, message = str(header.get("outcome")), " ".join(str(header.get("message", "")).split())[:500]
        if outcome == "parsed":
            try:
                return ("parsed", ""), _checked(header, body.decode("utf-8"))
            except (ValueError, TypeError, KeyError) as error:
                self.close()
                return ("crashed", f"its parser answered nonsense ({error}); convert the file"), None
        if outcome == "memory":
            self.close()
            return ("memory", self._memory()), None
        if outcome == "failed":
            return ("failed", f"its parser failed ({message}); convert the file with another program"), None
        return ("refused", message), None

    def _remember(self, key: tuple[str, str, ParseOptions], parsed: Parsed) -> None:
        self._known[key] = parsed
        while sum(len(p.text) for p in self._known.values()) > _REMEMBERED and self._known:
            self._known.popitem(last=False)


def _checked(header: dict[str, Any], text: str) -> Parsed:
    facts = {name: header[name] for name in ("title", "author", "date", "language", "source")}
    if not all(value is None or isinstance(value, str) for value in facts.values()):
        raise ValueError("a fact that is no text")
    pages = tuple(int(page) for page in header["pages"])
    if any(a > b for a, b in itertools.pairwise(pages)) or (
        pages and not 0 <= pages[0] <= pages[-1] <= len(text)
    ):
        raise ValueError("pages out of order")
    furniture = tuple((int(start), int(end)) for start, end in header["furniture"])
    edges = [0, *itertools.chain.from_iterable(furniture), len(text)]
    if any(a > b for a, b in itertools.pairwise(edges)):
        raise ValueError("furniture out of order")
    records = tuple(int(record) for record in header["records"])
    if any(a > b for a, b in itertools.pairwise((0, *records, len(text)))):
        raise ValueError("records out of order")
    return Parsed(
        text,
        pages=pages,
        furniture=furniture,
        records=records,
        notes=tuple(str(note)[:500] for note in header["notes"])[:50],
        **facts,
    )


_shared = ConfinedParser()
atexit.register(_shared.close)


def parse_confined(data: bytes, sha256: str, suffix: str, options: ParseOptions) -> Parsed:
    """As `ConfinedParser.parse`, by the process that all of this program shares."""
    return _shared.parse(data, sha256, suffix, options)
