"""Nothing leaves the machine: every connection but to loopback fails, and there is still an answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CODE = """
import socket, sys
real_connect, real_lookup = socket.socket.connect, socket.getaddrinfo
LOCAL = ("127.", "::1", "localhost")

def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOCAL):
        tried.append(address)
        raise OSError("no network in this test")
    return real_connect(self, address)

def lookup(host, *rest, **named):
    if host and not str(host).startswith(LOCAL):
        tried.append(host)
        raise OSError("no network in this test")
    return real_lookup(host, *rest, **named)

tried = []
socket.socket.connect, socket.getaddrinfo = connect, lookup
socket.socket.connect_ex = lambda self, address: (connect(self, address), 0)[1]

from rag import ask
answer = ask("Who is America's treasury secretary?", index=sys.argv[1])
print(answer.found, answer.text)
sys.exit(f"tried to reach {tried}" if tried else 0)
"""


def test_an_answer_without_any_network(seed_index: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", CODE, str(seed_index)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True"), done.stdout
    assert "Bessent" in done.stdout
