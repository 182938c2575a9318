"""LanceDB over an object store: the same contract, against an S3 server on loopback."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hash_encoder import HashEncoder
from keepers import Keeper, needs_lance
from test_every_store import agree, put, written

from rag.config import Config
from rag.errors import IndexBusy, IndexMissing, IndexUnavailable
from rag.lance_update import update_lance
from rag.opening import open_index
from rag.stores import lance_lease
from rag.stores.lance import Database

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


# Writes one version of its own texts after another until it has been acknowledged often enough.
WRITER = """
import sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
from hash_encoder import HashEncoder
from rag.config import Config
from rag.errors import IndexBusy
from rag.lance_update import update_lance
folder, name, often = Path(sys.argv[3]), sys.argv[4], int(sys.argv[5])
done = busy = 0
while done < often:
    for n in range(3):
        (folder / f"{n}.txt").write_text(f"Document number {n} of {name} says that this is version {done} of it.")
    try:
        update_lance([folder], "lance://s3://corpora/two", config=Config(), encoder=HashEncoder())
    except IndexBusy as error:
        assert "another process is writing" in str(error), error
        busy += 1
    else:
        done += 1
        print(done, flush=True)
print("busy", busy)
"""


def test_two_writers_take_turns_and_a_reader_never_errs(port: int, tmp_path: Path) -> None:
    here = Path(__file__).resolve().parent
    writers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        given = [here, here.parents[1], tmp_path / name, name, 3]
        command = [sys.executable, "-c", WRITER, *map(str, given)]
        writers.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    seen = set()
    while any(writer.poll() is None for writer in writers):
        with suppress(IndexMissing):
            seen.add(whole(open_index("lance://s3://corpora/two")))
    told = [writer.communicate() for writer in writers]
    assert [errors for _, errors in told] == ["", ""]
    # Both came to it, and at least once one was told to wait for the other.
    assert {name for name, _ in seen} == {"one", "two"}
    assert sum(int(out.split()[-1]) for out, _ in told) > 0
    assert whole(open_index("lance://s3://corpora/two"))[1] == 2
    assert Database("lance://s3://corpora/two").state().generation == 6


def whole(index: Any) -> tuple[str, int]:
    """Whose texts an index holds, and which version of them; all of them are of one."""
    documents = list(index.documents.values())
    assert len(documents) == len(index.chunks) == len(index.words) == 3
    said = {tuple(document.text.split()[4:11:6]) for document in documents}
    assert len(said) == 1, said
    ((name, version),) = said
    scores, places = index.words.search(f"{name} version", 9)
    assert len(scores) == 3
    assert all(index.chunks[int(place)].text.startswith("Document number") for place in places)
    return name, int(version)


def test_a_killed_writer_is_in_the_way_until_its_lease_has_run_out(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, uri = tmp_path / "texts", "lance://s3://corpora/killed"
    put(folder, written(2, 4))
    database = Database(uri)
    killed = lance_lease._Lease(database)
    killed.take()
    with pytest.raises(IndexBusy, match=rf"process {os.getpid()} on .*if it was killed, in 1[78]\d s"):
        update_lance([folder], uri, config=Config(), encoder=HashEncoder())
    monkeypatch.setattr(lance_lease, "CLOCKS_S", -lance_lease.LEASE_S - 1)
    assert update_lance([folder], uri, config=Config(), encoder=HashEncoder()).written
    # It was not killed after all, only stopped for long: it may not write any more.
    with pytest.raises(IndexBusy, match="stopped for so long"):
        killed.check()
    database.still_writing = killed.check
    with pytest.raises(IndexBusy, match="stopped for so long"):
        database.replace_state(database.state(), database.state())
