"""The index follows a folder; a running server follows the index."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.errors import IndexBusy, OptionalDependencyError, RagError, SourceError
from rag.watching import follow

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0


def wait_for(condition: Callable[[], bool]) -> None:
    """As long as a slow machine needs."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


class Follower:
    """`follow` in a thread, with an update that notes what the folder holds."""

    def __init__(self, paths: list[Path], index: Path, errors: list[RagError | None] | None = None) -> None:
        self.states: list[dict[str, str]] = []
        self.failed: list[RagError] = []
        self.n_updates = 0
        self.stop = threading.Event()
        self._paths, self._errors = paths, list(errors or [])
        self.thread = threading.Thread(
            target=follow,
            args=(paths, index, self.update),
            kwargs={"failed": self.failed.append, "stop": self.stop},
        )

    def update(self) -> None:
        self.n_updates += 1
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        files = [f for p in self._paths for f in (p.rglob("*.txt") if p.is_dir() else [p]) if f.is_file()]
        self.states.append({file.name: file.read_text() for file in files})

    def __enter__(self) -> Follower:
        self.thread.start()
        # The second update comes when the watch is on.
        wait_for(lambda: self.n_updates >= 2)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()

    def holds(self, **files: str) -> Callable[[], bool]:
        wanted = {f"{name}.txt": text for name, text in files.items()}
        return lambda: bool(self.states) and self.states[-1] == wanted


def test_every_kind_of_change_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    with Follower([folder], tmp_path / "index") as follower:
        assert follower.states[0] == {"a.txt": "one"}
        (folder / "deep").mkdir()
        (folder / "deep" / "b.txt").write_text("two")
        wait_for(follower.holds(a="one", b="two"))
        (folder / "a.txt").write_text("three")
        wait_for(follower.holds(a="three", b="two"))
        (folder / "deep" / "b.txt").rename(folder / "c.txt")
        wait_for(follower.holds(a="three", c="two"))
        (folder / "a.txt").unlink()
        wait_for(follower.holds(c="two"))


def test_a_single_file_that_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    with Follower([path], tmp_path / "index") as follower:
        (tmp_path / "draft").write_text("two")
        os.replace(tmp_path / "draft", path)
        wait_for(follower.holds(a="two"))


def test_the_index_in_the_folder_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    index = tmp_path / "index"
    index.mkdir()
    with Follower([tmp_path], index) as follower:
        n = follower.n_updates
        (index / "CURRENT").write_text("gen-000002")
        (tmp_path / "b.txt").write_text("two")
        wait_for(follower.holds(a="one", b="two"))
        assert follower.n_updates <= n + 2


def test_what_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag import watching

    monkeypatch.setattr(watching, "RETRY_S", 0.0)
    (tmp_path / "a.txt").write_text("one")
    with Follower([tmp_path], tmp_path / "index", [None, IndexBusy("busy"), IndexBusy("busy")]) as follower:
        wait_for(lambda: len(follower.states) == 2)
        assert [str(error) for error in follower.failed] == ["busy", "busy"]


def test_what_can_not_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise SourceError("nothing there")

    with pytest.raises(SourceError, match="nothing there"):
        follow([tmp_path / "none"], tmp_path / "index", refuse, failed=print)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(OptionalDependencyError, match=r'pip install "insources\[watch\]"'):
        follow([tmp_path], tmp_path / "index", lambda: None, failed=print)


@pytest.mark.slow
def test_the_command_until_it_is_interrupted(tmp_path: Path) -> None:
    folder, index = tmp_path / "texts", tmp_path / "index"
    folder.mkdir()
    (folder / "a.txt").write_text("The bridge was opened in 1932 by Mary Adams.\n")
    command = [sys.executable, "-m", "rag", "index", str(folder), "--index", str(index), "--watch"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        assert "1 documents" in child.stdout.readline()
        (folder / "b.txt").write_text("The harbour froze in the winter of 1947.\n")
        line = child.stdout.readline()
        assert "2 documents" in line
        assert "1 added" in line
        for path in folder.iterdir():
            path.unlink()
        while "0 documents" not in line:
            line = child.stdout.readline()
            assert line
        assert "holds no document now" in child.stdout.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE_S) == 0
    assert (index / "CURRENT").read_text() > "gen-000002"
    assert not [path for path in index.rglob("*") if path.is_file() and b"Adams" in path.read_bytes()]
