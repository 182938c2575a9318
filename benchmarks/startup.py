"""Cold starts: what passes between a command and its first answer, each time in a fresh process.

Medians of several runs, and each as a ratio to `python -c pass` of the same turn, so that a slow
machine can be told from a slow start. Files are in the system's cache after the first turn, which
does not count.

    python -m benchmarks.startup [--rounds 7] [--texts seeds] [--json FILE] [--readme FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.beside import ROOT, insert, machine, processor_seconds
from benchmarks.encoding import QUESTION, table
from rag.config import Config
from rag.encoder import load_encoder
from rag.errors import RagError
from rag.index import update_index

PATIENCE_S = 120.0
NOTHING, IMPORT, ASK = "`python -c pass`", "`import rag`, the import alone", "`rag ask` on a ready index"
READY, SERVE = "`rag serve` until it says its address", "`rag serve` to its first answer by HTTP"
TARGETS_MS = {IMPORT: 100, ASK: 1_500, SERVE: 8_000}


def measure(
    index: Path, data: Path, rounds: int, serve: bool = True
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds of each start, and of processor in its process; the first round is left out."""
    ways: dict[str, Callable[[], dict[str, float]]] = {
        NOTHING: lambda: {NOTHING: _process(["-c", "pass"])[0]},
        IMPORT: _importing,
        ASK: lambda: {ASK: _process(["-m", "rag", "ask", QUESTION, "--index", str(index)], (0, 1))[0]},
    }
    if serve:
        ways[SERVE] = lambda: _serving(index, data)
    found: dict[str, list[float]] = {}
    work: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for way in ways.values():
            used = processor_seconds()
            taken = way()
            if number:
                for name, value in taken.items():
                    found.setdefault(name, []).append(value)
                work.setdefault(name, []).append((processor_seconds() - used) * 1e3)
    return found, work


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _process(arguments: list[str], expected: Sequence[int] = (0,)) -> tuple[float, str]:
    """Milliseconds of a whole process, and what it printed."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=_environment(), check=False
    )
    took = (time.perf_counter() - started) * 1e3
    if done.returncode not in expected:
        raise RagError(f"python {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-600:]}")
    return took, done.stdout


def _importing() -> dict[str, float]:
    code = "import time; t = time.perf_counter(); import rag; print((time.perf_counter() - t) * 1e3)"
    return {IMPORT: float(_process(["-c", code])[1])}


def _serving(index: Path, data: Path) -> dict[str, float]:
    """Start the server, and ask it one question by HTTP as soon as it says where it is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "rag", "serve", "--port", str(port), "--index", str(index)]
    started = time.perf_counter()
    with (data / "server.log").open("w+", encoding="utf-8") as log:
        server = subprocess.Popen(
            [*command, "--data", str(data), "--no-uploads"], stdout=log, stderr=log, env=_environment()
        )
        try:
            _wait(server, data / "server.log")
            ready = (time.perf_counter() - started) * 1e3
            _ask(url)
            answer = (time.perf_counter() - started) * 1e3
        except OSError as error:
            said = (data / "server.log").read_text("utf-8")[-600:]
            raise RagError(f"the server did not answer ({error}); it printed: {said}") from error
        finally:
            server.terminate()
            server.wait(30)
    return {READY: ready, SERVE: answer}


def _wait(server: subprocess.Popen[bytes], log: Path) -> None:
    """Until it prints its address: before, the server is still trying itself out."""
    deadline = time.monotonic() + PATIENCE_S
    while server.poll() is None and time.monotonic() < deadline:
        if "http://" in log.read_text("utf-8"):
            return
        time.sleep(0.01)
    raise RagError(f"the server did not start; it printed: {log.read_text('utf-8')[-600:]}")


def _ask(url: str) -> None:
    body = json.dumps({"data": [QUESTION]}).encode()
    request = urllib.request.Request(
        f"{url}/gradio_api/call/ask", body, headers={"Content-Type": "application/json"}
    )
    with _open(request) as joined:
        event_id = json.load(joined)["event_id"]
    with _open(f"{url}/gradio_api/call/ask/{event_id}") as stream:
        said = stream.read().decode()
    if "event: complete" not in said:
        raise RagError(f"the server answered {said[:300]!r}; expected an answer")


def _open(what: str | urllib.request.Request) -> Any:
    # No proxy of the environment's stands before this machine's own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(what, timeout=PATIENCE_S)


def section(found: dict[str, list[float]], work: dict[str, list[float]]) -> str:
    """The table."""
    rows = []
    for name, values in found.items():
        ratios = [value / base for value, base in zip(values, found[NOTHING], strict=True)]
        rows.append(
            (
                name,
                f"{statistics.median(values):,.0f}",
                f"{min(values):,.0f} to {max(values):,.0f}",
                f"{statistics.median(ratios):.1f}",
                f"{statistics.median(work[name]):,.0f}" if name in work else "",
                f"under {TARGETS_MS[name]:,}" if name in TARGETS_MS else "",
            )
        )
    n = len(found[NOTHING])
    heads = (
        "",
        "median ms",
        "least to most",
        "times `python -c pass`",
        "processor ms, whole process",
        "aim ms",
    )
    return table(f"Cold starts, medians of {n} fresh processes", heads, rows) + f"\n\n{machine()}"


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-serve", dest="serve", action="store_false", help="leave the server out")
    parser.add_argument("--texts", type=Path, default=ROOT / "seeds", help="folder to index")
    parser.add_argument("--json", type=Path, default=None, help="file for the figures")
    parser.add_argument("--readme", type=Path, default=None, help="file with the markers for the table")
    args = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            index, data = Path(temporary) / "index", Path(temporary) / "data"
            data.mkdir(mode=0o700)
            update_index([args.texts], index, config=Config(), encoder=load_encoder())
            found, work = measure(index, data, args.rounds, args.serve)
        print(section(found, work))
        if args.json:
            args.json.write_text(
                json.dumps({"milliseconds": found, "processor": work}, indent=1) + "\n", "utf-8"
            )
        if args.readme:
            insert(args.readme, "startup", section(found, work))
    except RagError as error:
        print(f"startup: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
