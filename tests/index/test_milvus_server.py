"""Real processes of Milvus: the tests over a server of their own; a server that is killed and comes back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import milvus_server
import pytest
from hash_encoder import HashEncoder
from keepers import MILVUS, needs_milvus
from test_lance_crash import WRITER, started, version_of

from rag.config import Config
from rag.errors import IndexUnavailable
from rag.kept_index import KeptIndex
from rag.opening import mirror, newest_state, open_index
from rag.stores import milvus_writing
from rag.stores.milvus import MilvusDatabase
from rag.web.service import Service

HERE = Path(__file__).resolve().parent
# All that need a server: here nothing but Milvus's of the tests of every store.
OVER_IT = [
    "test_milvus.py",
    "test_milvus_server.py",
    "test_every_store.py",
    "test_databases.py",
    "test_database_answers.py",
]


def why_not() -> str | None:
    if os.environ.get(milvus_server.ALONE):
        return "this is run by it"
    return "MILVUS_URI is set: the tests run over that" if MILVUS else milvus_server.why_not()


@pytest.mark.slow
def test_over_a_server_in_a_network_of_its_own() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    code = [sys.executable, str(HERE / "milvus_server.py"), "-p", "no:cacheprovider", "-k", "milvus"]
    done = subprocess.run(
        milvus_server.in_own_network([*code, *(str(HERE / name) for name in OVER_IT)]),
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parents[1],
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[milvus_server.Server]:
    """One that may be killed, with an address that nothing else uses."""
    if not os.environ.get(milvus_server.ALONE):
        pytest.skip("a server that is not the tests' own is not killed")
    own = milvus_server.Server(tmp_path / "data", 19531)
    own.start()
    yield own
    own.kill()


@needs_milvus
def test_a_server_is_killed_while_somebody_writes(
    server: milvus_server.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus_writing, "BEAT_S", 0.2)
    monkeypatch.setattr(milvus_writing, "WATCH_S", 2.0)
    folder, uri = tmp_path / "texts", f"milvus://{server.address}/corpus"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.txt").write_text(f"Document number {n} says that this is version 0 of it.")
    mirror([folder], uri, config=Config(), encoder=HashEncoder())
    chance, acknowledged = random.Random(8), 0
    opened = open_index(uri)
    for victim in ("server", "writer"):
        writer = started(WRITER, folder, uri, acknowledged + 1)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.5))
        if victim == "server":
            server.kill()
        else:
            os.kill(writer.pid, signal.SIGKILL)
        told, errors = writer.communicate()
        acknowledged = max(map(int, [first, *told.split()]))
        if victim == "server":
            assert "IndexUnavailable" in errors
            assert uri in errors
            server.start()
        # What was acknowledged is there; what was being written is there whole or not at all.
        found = version_of(_newest(uri))
        assert found in (acknowledged, acknowledged + 1)
        acknowledged = found
    # Who had it open before the server was killed goes on with what it saw.
    assert version_of(opened) == 0
    # The next writer goes on from there, nothing twice.
    (folder / "3.txt").write_text(f"Document number 3 says that this is version {acknowledged} of it.")
    for n in range(3):
        (folder / f"{n}.txt").write_text(
            f"Document number {n} says that this is version {acknowledged} of it."
        )
    report = mirror([folder], uri, config=Config(), encoder=HashEncoder())
    assert (report.added, report.n_chunks) == (["3.txt"], 4)
    index = _newest(uri)
    assert len(index.vectors.search(HashEncoder().encode_query("version")[None, :], 99)[0][0]) == 4
    counts = index.tables.counts(["document", "version", str(acknowledged + 1), str(acknowledged)])
    assert counts == {"document": 4, "version": 4, str(acknowledged): 4}


@needs_milvus
def test_a_chat_says_that_the_store_is_down_and_goes_on(
    server: milvus_server.Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asking:
        """As a pipeline, with nothing but the store behind it."""

        index = None

        def ask(self, question: str, **settings: object) -> None:
            newest()
            opened.chunks[int(opened.words.search(question, 1)[1][0])]

    uri = f"milvus://{server.address}/corpus"
    mirror([folder], uri, config=Config(), encoder=HashEncoder())
    opened, newest = open_index(uri), newest_state(uri)
    service = Service(Asking())  # type: ignore[arg-type]
    monkeypatch.setattr("rag.stores.database.PATIENCE_S", 3)
    server.kill()
    turn = service.turn(1, "Who designed the bridge?")
    assert turn.problem is not None
    assert turn.problem.key == "error_store"
    with pytest.raises(IndexUnavailable, match=r"milvus://127.0.0.1:19531/corpus"):
        Asking().ask("Who designed the bridge?")
    monkeypatch.setattr("rag.stores.database.PATIENCE_S", 20)
    server.start()
    Asking().ask("Who designed the bridge?")


def _newest(uri: str) -> KeptIndex:
    database = MilvusDatabase(uri)
    return KeptIndex.of(database, database.state())
