"""Runs one system in a process of its own and prints what it took as one line of JSON.

Needs nothing but the system's own packages, so that it runs in another environment too:

    python benchmarks/systems/measure.py SYSTEM build|ask|first JOB.json

SYSTEM is a module beside this file. Each offers `warm(job)`, which loads its encoder; `build(job)`, which
leaves an index of the job's passages in `job["place"]` and returns the seconds that encoding took; and
`load(job)`, which opens that index and returns a function from a question to what is shown: passage or
document, place of the short answer, score.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import platform
import sys
import time
import warnings
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch", "transformers", "sentence-transformers", "faiss-cpu", "txtai", "haystack-ai",
    "transformers-haystack", "sentence-transformers-haystack", "onnxruntime", "bm25s", "numpy",
)  # fmt: skip


def build(system: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Seconds to encode the passages, and to make a whole index of them; models are loaded before."""
    system.warm(job)
    started = time.perf_counter()
    encoding = system.build(job)
    seconds = {"encode": encoding, "whole": time.perf_counter() - started}
    files = [path for path in Path(job["place"]).rglob("*") if path.is_file()]
    return {"seconds": seconds, "disk_bytes": sum(path.stat().st_size for path in files)}


def ask(system: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds and what is shown for each question, and memory after the last."""
    answer = system.load(job)
    for question in job["questions"][:3]:
        answer(question)
    times, shown = [], []
    worked = time.process_time()
    for question in job["questions"]:
        started = time.perf_counter()
        shown.append(answer(question))
        times.append((time.perf_counter() - started) * 1e3)
    worked = (time.process_time() - worked) * 1e3 / max(1, len(times))
    return {"times": times, "shown": shown, "processor_ms": worked, "resident_bytes": resident_bytes()}


def first(system: Any, job: dict[str, Any]) -> dict[str, Any]:
    """The first answer of a fresh process."""
    return {"shown": system.load(job)(job["questions"][0])}


def resident_bytes() -> int:
    """Memory of this process now, libraries and mapped files included."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no VmRSS in /proc/self/status; Linux is needed")


def versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    name, action, path = sys.argv[1:]
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    # What a library says while it works is not ours to judge, and stdout is for the figures.
    warnings.simplefilter("ignore")
    figures = sys.stdout
    sys.stdout = sys.stderr
    if action == "versions":
        found: dict[str, Any] = versions()
    else:
        found = {"build": build, "ask": ask, "first": first}[action](importlib.import_module(name), job)
    print(json.dumps(found), file=figures, flush=True)


if __name__ == "__main__":
    main()
