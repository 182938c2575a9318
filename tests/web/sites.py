"""A server under test, and ways to talk to it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


ANSWERED = "What did Ryan Hass state about the lack of backchannel communication?"
REFUSED = "Who won the football world cup?"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Host:
    """The process that the servers run in, so that gradio is loaded once and out of our way."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("wb") as errors:
            self._child = subprocess.Popen(
                [sys.executable, "-W", "ignore", str(Path(__file__).parent / "host.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(SEEDS.parent), "OMP_NUM_THREADS": "1"},
                text=True,
            )

    def tell(self, **order: Any) -> dict[str, Any]:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        answer: dict[str, Any] = json.loads(self._child.stdout.readline() or '{"error": "the process ended"}')
        assert "error" not in answer, answer["error"] + "\n" + self.log.read_text()[-3000:]
        return answer

    def close(self) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        try:
            self._child.wait(20)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()


class Site:
    """A running server and ways to talk to it."""

    def __init__(self, host: Host, port: int, data: Path, order: dict[str, Any]) -> None:
        self.host, self.port, self.data, self._order = host, port, data, order
        self.start()

    def start(self) -> None:
        told = self.host.tell(do="start", port=self.port, data=str(self.data), **self._order)
        self.url = str(told["url"]).rstrip("/")
        self.temporary = Path(told["temporary"])
        with self.client() as client:
            page = client.get("/").text
        # The page carries its own description; /config may ask for a password.
        found = re.search(r"window.gradio_config = (\{.*?\});</script>", page)
        self.config = json.loads(found.group(1)) if found else {}

    def stop(self) -> None:
        self.host.tell(do="stop", port=self.port)

    def asked(self) -> list[Any]:
        """What reached the pipeline: question, documents and history of each."""
        return list(self.host.tell(do="asked", port=self.port)["asked"])

    def log(self) -> str:
        return self.host.log.read_text(errors="replace")

    def client(self, **settings: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, **settings)

    def call(self, client: httpx.Client, name: str, *data: Any) -> list[Any]:
        """Run one of the page's events through the queue, as the browser does."""
        function = next(d for d in self.config["dependencies"] if d["api_name"] == name)
        sent = [*data, *[None] * (len(function["inputs"]) - len(data))]
        body = {"data": sent, "fn_index": function["id"], "session_hash": (visit := uuid.uuid4().hex)}
        # Escaped, so that a lone surrogate can be sent as well.
        joined = client.post(
            "/gradio_api/queue/join", content=json.dumps(body), headers={"content-type": "application/json"}
        )
        joined.raise_for_status()
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": visit}) as stream:
            for line in stream.iter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message["msg"] == "process_completed":
                    assert message["success"], message
                    return list(message["output"]["data"])
        raise AssertionError("the stream ended without an answer")

    def serve_function(self, client: httpx.Client, name: str, sent: Any) -> httpx.Response:
        """Call one of the viewer's functions, as the page's script does."""
        viewer = next(c for c in self.config["components"] if c["props"].get("elem_id") == "viewer")
        body = {"data": sent, "component_id": viewer["id"], "fn_name": name, "session_hash": "testsession1"}
        return client.post(
            "/gradio_api/component_server",
            content=json.dumps(body),
            headers={"content-type": "application/json"},
        )

    def ask_api(self, client: httpx.Client, *data: Any) -> tuple[str, Any]:
        """POST, then GET, as plain HTTP programs do; ("complete" or "error", data)."""
        joined = client.post("/gradio_api/call/ask", json={"data": list(data)})
        joined.raise_for_status()
        with client.stream("GET", f"/gradio_api/call/ask/{joined.json()['event_id']}") as stream:
            event = ""
            for line in stream.iter_lines():
                if line.startswith("event:"):
                    event = line[6:].strip()
                elif line.startswith("data:") and event != "heartbeat":
                    return event, json.loads(line[5:])
        raise AssertionError("no answer")
