"""LanceDB over an object store: the same contract, against an S3 server on loopback."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hash_encoder import HashEncoder
from keepers import Keeper, needs_lance
from test_every_store import agree, put, written

from rag.errors import IndexMissing, IndexUnavailable

pytestmark = [
    needs_lance,
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("moto") is None,
        reason="no S3 server to test with: pip install 'moto[server]'; see docs/scale-out.md",
    ),
]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server with one empty bucket, which the environment names."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    code = "import sys, moto.server; sys.exit(moto.server.main(sys.argv[1:]))"
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, "-H", "127.0.0.1", "-p", str(number)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": f"http://127.0.0.1:{number}",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{number}/corpora", method="PUT")
        while server.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(request).close()
                break
            time.sleep(0.2)
        assert server.poll() is None
        yield number
    finally:
        server.terminate()
        server.wait()


def test_the_contract_holds_on_an_object_store(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper("s3", lambda own: "lance://s3://corpora/one")
    with pytest.raises(IndexMissing):
        keeper.open(tmp_path)
    folder, texts = tmp_path / "texts", written(1)
    put(folder, texts)
    keeper.mirror(folder, tmp_path, HashEncoder())
    opened = keeper.open(tmp_path)
    agree(opened, texts)
    after = {**texts, "part 2/new.txt": "A new bridge was opened by the mayor in 1950.\n"}
    del after["part 0/03.txt"]
    put(folder, after)
    report = keeper.mirror(folder, tmp_path, HashEncoder())
    assert (report.added, report.removed) == (["part 2/new.txt"], ["part 0/03.txt"])
    agree(opened, texts)
    agree(keeper.open(tmp_path), after, ["part 2/*"])
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(IndexUnavailable, match="reachable with these credentials"):
        keeper.open(tmp_path)
