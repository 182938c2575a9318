"""A milvus-lite server on loopback, and tests run over it in a network of their own.

python tests/index/milvus_server.py [pytest's arguments]

As a program it starts a server, sets `MILVUS_URI`, runs pytest and kills the server. It must be alone on its
network: `in_own_network` sees to that.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# Says to the tests that they are alone on their network.
ALONE = "INSOURCES_TESTS_ALONE"
_PORT = 19530


def why_not() -> str | None:
    """Why no server can be started here; None where it can."""
    for package in ("pymilvus", "milvus_lite"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed: pip install pymilvus milvus-lite; see docs/scale-out.md"
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "no network of its own: the commands unshare and ip are missing"
    done = subprocess.run(in_own_network(["true"]), capture_output=True, text=True, check=False)
    return f"no network of its own: {done.stderr.strip()}" if done.returncode else None


def in_own_network(command: Sequence[str]) -> list[str]:
    """A command in a network that has nothing but loopback; its processes end with it."""
    alone = ["unshare", "-n", "-p", "-f", "--mount-proc", "--kill-child"]
    if os.geteuid():
        alone.insert(1, "-r")
    return [*alone, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


class Server:
    """A milvus-lite server.

    Args:
        data: its folder.
        port: on 127.0.0.1.
    """

    def __init__(self, data: Path, port: int) -> None:
        self._data = data
        self._port = port
        self.address = f"127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, also again; returns when it can be reached."""
        code = "import sys; from milvus_lite.cmdline import main; sys.exit(main(sys.argv[1:]))"
        where = ["--data-dir", str(self._data), "--host", "127.0.0.1", "--port", str(self._port)]
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, "server", *where],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), 5).close()
                return
            except OSError:
                if self._process.poll() is not None:
                    raise
                time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL: nothing is written any more."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def main(arguments: Sequence[str]) -> int:
    import pytest

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data", _PORT)
        server.start()
        os.environ["MILVUS_URI"] = f"http://{server.address}"
        os.environ[ALONE] = "1"
        try:
            return int(pytest.main(list(arguments)))
        finally:
            server.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
