"""Killed at random points, read while it is rebuilt: what is loaded is whole and belongs together."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hash_encoder import HashEncoder

from rag.config import Config
from rag.errors import IndexMissing
from rag.index import Index, update_index

HERE = Path(__file__).resolve().parent

# Indexes one version of the texts after another until it is killed; each document names its version.
WRITER = """
import sys, itertools
from pathlib import Path
sys.path[:0] = [sys.argv[3], sys.argv[4]]
from hash_encoder import HashEncoder
from rag.config import Config
from rag.index import update_index
folder, place = Path(sys.argv[1]), Path(sys.argv[2])
for version in itertools.count(int(sys.argv[5])):
    for n in range(3):
        (folder / f"{n}.txt").write_text(f"Document number {n} says that this is version {version} of it.")
    update_index([folder], place, config=Config(), encoder=HashEncoder())
    print(version, flush=True)
"""


def consistent(index: Index) -> int:
    """The one version that all of a snapshot is of."""
    versions = set()
    assert len(index.chunks) == len(index.vectors) == len(index.words) == 3
    for place, chunk in enumerate(index.chunks):
        document = index.documents[chunk.doc_id]
        quote = document.sentences[0].of(document.text)
        assert chunk.span.of(document.text) == quote == document.text == chunk.text
        vector = HashEncoder().encode_query(chunk.text)
        assert index.vectors.vectors()[place] @ vector > 0.999
        assert index.words.scores(f"version {chunk.text.split()[-3]}")[place] > 0
        versions.add(int(chunk.text.split()[-3]))
    assert len(versions) == 1
    return versions.pop()


@pytest.mark.slow
def test_killed_at_any_moment_the_last_good_index_answers(tmp_path: Path) -> None:
    folder, place = tmp_path / "texts", tmp_path / "index"
    folder.mkdir()
    chance = random.Random(20)
    done = -1
    for _ in range(20):
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITER,
                str(folder),
                str(place),
                str(HERE),
                str(HERE.parents[1]),
                str(done + 1),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            first = child.stdout.readline()
            time.sleep(chance.uniform(0, 0.05))
            os.kill(child.pid, signal.SIGKILL)
            finished = [int(line) for line in [first, *child.stdout] if line.strip()]
        # The child may have died between writing a file of texts and indexing it, never in between.
        found = consistent(Index.load(place))
        assert found in (finished[-1], finished[-1] + 1)
        assert len(list(place.glob("gen-*"))) <= 3
        done = finished[-1] + 1
    for n in range(3):
        (folder / f"{n}.txt").write_text(f"Document number {n} says that this is version 0 of it.")
    update_index([folder], place, config=Config(), encoder=HashEncoder())
    assert consistent(Index.load(place)) == 0
    assert len(list(place.glob("gen-*"))) == 1, "what the files said before is gone"
    assert not list(place.glob("tmp-*"))


@pytest.mark.parametrize(("n_readers", "n_rebuilds"), [(2, 6), pytest.param(8, 20, marks=pytest.mark.slow)])
def test_readers_during_rebuilds_get_whole_snapshots(tmp_path: Path, n_readers: int, n_rebuilds: int) -> None:
    folder, place = tmp_path / "texts", tmp_path / "index"
    folder.mkdir()
    seen: set[int] = set()
    failures: list[BaseException] = []
    finished = threading.Event()

    def read() -> None:
        while not finished.is_set():
            try:
                seen.add(consistent(Index.load(place)))
            except IndexMissing:
                pass
            except BaseException as error:
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(n_readers)]
    for reader in readers:
        reader.start()
    try:
        for version in range(n_rebuilds):
            for n in range(3):
                (folder / f"{n}.txt").write_text(
                    f"Document number {n} says that this is version {version} of it."
                )
            update_index([folder], place, config=Config(), encoder=HashEncoder())
    finally:
        finished.set()
        for reader in readers:
            reader.join()
    assert not failures
    assert len(seen) > 1


def test_a_loaded_snapshot_outlives_its_files(tmp_path: Path) -> None:
    folder, place = tmp_path / "texts", tmp_path / "index"
    folder.mkdir()
    held = None
    for version in range(4):
        for n in range(3):
            (folder / f"{n}.txt").write_text(
                f"Document number {n} says that this is version {version} of it."
            )
        update_index([folder], place, config=Config(), encoder=HashEncoder())
        held = held or Index.load(place)
    assert held is not None
    assert not (place / held.generation).exists()
    assert consistent(held) == 0
