"""Runs servers for the tests in a process of their own, told what to do by lines of JSON.

Each is started by `rag.web.launch.start`, as the command does; only the pipeline is the fake.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import resource
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

from fake import FakePipeline

from rag.web.launch import Server, start
from rag.web.options import LIMITS, ServeOptions

servers: dict[int, Server] = {}
connect = socket.socket.connect


def only_here(self: socket.socket, address: Any) -> None:
    """No server under test reaches beyond this machine."""
    if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "::1", "localhost")):
        raise AssertionError(f"connection to {address}")
    connect(self, address)


socket.socket.connect = only_here  # type: ignore[method-assign]


def make(documents: Path, index: Path, progress: Any) -> tuple[FakePipeline, list[tuple[str, str]]]:
    progress(1, 2)
    time.sleep(0.2)
    bad = [(p.relative_to(documents).as_posix(), "made to fail") for p in documents.rglob("unindexable*")]
    return FakePipeline.over_folder(documents), bad


def do(order: dict[str, Any]) -> dict[str, Any]:
    what, port = order["do"], order["port"]
    if what == "start":
        options = {**order["options"], "port": port, "data": Path(order["data"])}
        if options.get("auth_file"):
            options["auth_file"] = Path(options["auth_file"])
        pipeline = FakePipeline.over_folder(Path(order["folder"]), delay=order["delay"])
        limits = dataclasses.replace(LIMITS, **order.get("limits", {}))
        servers[port] = start(ServeOptions(**options), pipeline, make, limits)
        return {"url": servers[port].url, "temporary": str(servers[port].temporary)}
    if what == "asked":
        return {"asked": servers[port].service.pipeline.asked}  # type: ignore[attr-defined]
    if what == "swap":
        servers[port].service.pipeline = FakePipeline.over_folder(Path(order["folder"]))
        return {}
    if what == "memory":
        lines = Path("/proc/self/status").read_text().splitlines()
        return {"rss_kb": int(next(line for line in lines if line.startswith("VmRSS")).split()[1])}
    if what == "room":
        servers[port].demo._queue.max_size = order["places"]
        return {}
    if what == "sessions":
        demo = servers[port].demo
        return {"held": len(demo.app.state_holder.session_data)}
    servers.pop(port).close()
    return {}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        try:
            print(json.dumps(do(json.loads(line))), file=answers, flush=True)
        except Exception as error:
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers, flush=True)
    for server in servers.values():
        shutil.rmtree(server.temporary, ignore_errors=True)
    # Saying goodbye to each takes seconds, and there is nobody left to serve.
    os._exit(0)
