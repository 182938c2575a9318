"""Real processes over one LanceDB folder: a writer killed in mid-write, a reader that never errs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hash_encoder import HashEncoder
from keepers import needs_lance

from rag.config import Config
from rag.lance_index import LanceIndex
from rag.lance_update import update_lance

HERE = Path(__file__).resolve().parent
START = f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]\n"

# Writes one version of the texts after another until it is killed, and tells each that is acknowledged.
WRITER = """
import itertools
from pathlib import Path
from hash_encoder import HashEncoder
from rag.config import Config
from rag.opening import mirror
folder, uri = Path(sys.argv[1]), sys.argv[2]
for version in itertools.count(int(sys.argv[3])):
    for n in range(3):
        (folder / f"{n}.txt").write_text(f"Document number {n} says that this is version {version} of it.")
    mirror([folder], uri, config=Config(), encoder=HashEncoder())
    print(version, flush=True)
"""

# Looks at the newest state again and again until it is told to stop; anything wrong ends it with a traceback.
READER = """
import threading
from test_lance_crash import version_of
from rag.lance_index import LanceIndex
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
last, looks, seen = -1, 0, set()
while not stop.is_set():
    version = version_of(LanceIndex.load(sys.argv[1]))
    assert version >= last, f"version {version} after {last}"
    last, looks = version, looks + 1
    if version not in seen:
        seen.add(version)
        print(version, flush=True)
print("looks", looks)
"""


def version_of(index: Any) -> int:
    """The one version that all of a state is of."""
    documents = list(index.documents.values())
    assert len(documents) == len(index.documents) == len(index.chunks) == 3
    versions = {int(document.text.split()[-3]) for document in documents}
    assert len(versions) == 1, versions
    (version,) = versions
    scores, places = index.words.search(f"version {version}", 9)
    found, near = index.vectors.search(HashEncoder().encode_query(documents[0].text)[None, :], 9)
    assert len(scores) == len(places) == len(near[0]) == 3
    assert found[0][0] > 0.999
    for place in (*places, *near[0]):
        chunk = index.chunks[int(place)]
        assert chunk.text == chunk.span.of(index.documents[chunk.doc_id].text)
        assert f"version {version}" in chunk.text
    return version


def started(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START + code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@needs_lance
@pytest.mark.parametrize("n_kills", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_a_writer_is_killed_and_a_reader_never_errs(tmp_path: Path, n_kills: int) -> None:
    folder, uri = tmp_path / "texts", f"lance://{tmp_path / 'lance'}"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.txt").write_text(f"Document number {n} says that this is version 0 of it.")
    update_lance([folder], uri, config=Config(), encoder=HashEncoder())
    chance = random.Random(8)
    acknowledged = 0
    reader = started(READER, uri)
    assert reader.stdin is not None
    assert reader.stdout is not None
    first = reader.stdout.readline()
    assert first == "0\n", reader.communicate("")[1]
    for _ in range(n_kills):
        writer = started(WRITER, folder, uri, acknowledged + 1)
        assert writer.stdout is not None
        # At a random moment of a write after the first one that is acknowledged.
        first = writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.3))
        os.kill(writer.pid, signal.SIGKILL)
        told, errors = writer.communicate()
        assert errors == ""
        acknowledged = max(map(int, [first, *told.split()]))
        found = version_of(LanceIndex.load(uri))
        # What was acknowledged is there; what was being written is there whole or not at all.
        assert found in (acknowledged, acknowledged + 1)
        acknowledged = found
    told, errors = reader.communicate("")
    assert errors == ""
    assert reader.returncode == 0
    *_, looks = told.split()
    assert int(looks) > n_kills
    # The next writer goes on from there, nothing twice.
    (folder / "3.txt").write_text(f"Document number 3 says that this is version {acknowledged} of it.")
    for n in range(3):
        (folder / f"{n}.txt").write_text(
            f"Document number {n} says that this is version {acknowledged} of it."
        )
    update_lance([folder], uri, config=Config(), encoder=HashEncoder())
    index = LanceIndex.load(uri)
    assert len(index.chunks) == index.tables["chunks"].count_rows() == 4
    assert index.tables["documents"].count_rows() == 4
    counts = index.tables["terms"].search().to_arrow()
    n_of = dict(zip(counts["term"].to_pylist(), counts["n"].to_pylist(), strict=True))
    assert n_of["document"] == n_of["version"] == 4
    # Of a version that was not acknowledged no word is counted; a document's own number may be the same.
    assert n_of.get(str(acknowledged + 1), 0) == (acknowledged + 1 <= 3)
