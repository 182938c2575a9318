"""The folder of an index: what a reader gets is whole, checked, and nobody else's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag import generations
from rag.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing, IndexWriteError
from rag.generations import read_generation, writing

FILES = {"a.bin": b"one" * 1000, "b.json": b"{}", "empty": b""}


def commit(root: Path, files: dict[str, bytes] | None = None) -> str:
    with writing(root) as writer:
        return writer.commit(FILES if files is None else files, {"note": "made by a test"})


def contents(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    root = tmp_path / "new" / "index"
    assert commit(root) == "gen-000001"
    found = read_generation(root)
    assert (found.name, found.files, found.about["note"]) == ("gen-000001", FILES, "made by a test")


def test_one_generation_is_kept_back(tmp_path: Path) -> None:
    for _ in range(4):
        commit(tmp_path)
    assert contents(tmp_path) == {"CURRENT", "insources.lock", "gen-000003", "gen-000004"}


def test_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    commit(tmp_path)
    for name in ("tmp-000002", "gen-000002"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_bytes(b"half")
    (tmp_path / "CURRENT.tmp").write_text("gen-0")
    assert read_generation(tmp_path).name == "gen-000001"
    assert commit(tmp_path) == "gen-000003"
    assert contents(tmp_path) == {"CURRENT", "insources.lock", "gen-000001", "gen-000003"}


def test_other_files_in_the_folder_are_let_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("what this folder is")
    commit(tmp_path)
    for name in ("calibration.json", "tmp-notes", "gen-x"):
        (tmp_path / name).write_text("mine")
    commit(tmp_path)
    commit(tmp_path)
    assert {"README.md", "calibration.json", "tmp-notes", "gen-x"} < contents(tmp_path)


class TestRefuses:
    @pytest.mark.parametrize(
        "name", ["CURRENT", "gen-000001/manifest.json", "gen-000001/a.bin", "gen-000001/b.json"]
    )
    def test_any_flipped_bit(self, tmp_path: Path, name: str) -> None:
        commit(tmp_path)
        path = tmp_path / name
        good = path.read_bytes()
        for at in sorted({0, 1, len(good) // 3, len(good) // 2, len(good) - 1}):
            for bit in range(8):
                bad = bytearray(good)
                bad[at] ^= 1 << bit
                path.write_bytes(bad)
                with pytest.raises(
                    IndexDamaged, match=r"rebuild it with: rag index PATH... --index"
                ) as error:
                    read_generation(tmp_path)
                assert "\n" not in str(error.value)
        path.write_bytes(good)
        assert read_generation(tmp_path).files == FILES

    @pytest.mark.parametrize("name", ["CURRENT", "gen-000001/manifest.json", "gen-000001/a.bin"])
    def test_truncation(self, tmp_path: Path, name: str) -> None:
        commit(tmp_path)
        path = tmp_path / name
        good = path.read_bytes()
        for size in (0, 1, len(good) - 1):
            path.write_bytes(good[:size])
            with pytest.raises(IndexDamaged):
                read_generation(tmp_path)

    @pytest.mark.parametrize("name", ["manifest.json", "a.bin", "empty"])
    def test_a_missing_file(self, tmp_path: Path, name: str) -> None:
        commit(tmp_path)
        (tmp_path / "gen-000001" / name).unlink()
        with pytest.raises(IndexDamaged, match=f"gen-000001/{name} is missing"):
            read_generation(tmp_path)

    def test_the_message_names_file_found_and_expected(self, tmp_path: Path) -> None:
        commit(tmp_path, {"a.bin": b"abc"})
        (tmp_path / "gen-000001/a.bin").write_bytes(b"abd")
        with pytest.raises(
            IndexDamaged, match=r"a.bin has sha256 a52d159f262b2c6d.*expected ba7816bf8f01cfea"
        ):
            read_generation(tmp_path)
        (tmp_path / "gen-000001/a.bin").write_bytes(b"abcd")
        with pytest.raises(IndexDamaged, match=r"a.bin has 4 bytes, expected 3"):
            read_generation(tmp_path)

    def test_another_format(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(generations, "FORMAT", "insources index 99")
        commit(tmp_path)
        monkeypatch.undo()
        with pytest.raises(
            IndexMismatch, match="'insources index 99', this version reads 'insources index 3'"
        ):
            read_generation(tmp_path)

    def test_a_manifest_that_reaches_outside(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"one")
        commit(tmp_path / "index", {"a": b"one"})
        manifest = (
            (tmp_path / "index/gen-000001/manifest.json").read_bytes().replace(b'"a"', b'"../../secret"')
        )
        import hashlib

        (tmp_path / "index/gen-000001/manifest.json").write_bytes(manifest)
        (tmp_path / "index/CURRENT").write_text(f"gen-000001 {hashlib.sha256(manifest).hexdigest()}\n")
        with pytest.raises(IndexDamaged, match="is not a manifest"):
            read_generation(tmp_path / "index")

    def test_nothing_there(self, tmp_path: Path) -> None:
        for root in (tmp_path, tmp_path / "nowhere"):
            with pytest.raises(IndexMissing, match=r"build one with: rag index PATH... --index"):
                read_generation(root)


class TestForeignFolders:
    @pytest.mark.parametrize(
        "files",
        [
            {"thesis.txt": "ten years of work"},
            {"index.pkl": "cos\nsystem\n(S'touch owned'\ntR.", "index.faiss": "IxF2"},
            {"CURRENT": "MANIFEST-000001\n", "LOCK": "", "000001.log": "leveldb"},
            {"gen-000001": "a file of somebody else", "notes.txt": "x"},
        ],
    )
    def test_are_neither_read_nor_written(self, tmp_path: Path, files: dict[str, str]) -> None:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        with pytest.raises((IndexMismatch, IndexDamaged)):
            read_generation(tmp_path)
        with pytest.raises(IndexMismatch, match=r"holds other things.*an empty or a new folder"):
            commit(tmp_path)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files

    def test_a_file_is_no_index(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("mine")
        with pytest.raises(IndexMismatch):
            read_generation(path)
        with pytest.raises(IndexMismatch):
            commit(path)
        assert path.read_text() == "mine"

    def test_an_index_copied_without_its_lock_is_ours(self, tmp_path: Path) -> None:
        commit(tmp_path)
        (tmp_path / "insources.lock").unlink()
        (tmp_path / "notes.txt").write_text("mine")
        assert commit(tmp_path) == "gen-000002"

    def test_a_damaged_pointer_is_mended_by_indexing_again(self, tmp_path: Path) -> None:
        commit(tmp_path)
        (tmp_path / "CURRENT").write_text("")
        commit(tmp_path)
        assert read_generation(tmp_path).files == FILES

    def test_a_hostile_pickle_beside_the_index_is_not_looked_at(self, tmp_path: Path) -> None:
        commit(tmp_path)
        hostile = b"cos\nsystem\n(S'touch owned'\ntR."
        for place in (tmp_path / "index.pkl", tmp_path / "gen-000001/index.pkl"):
            place.write_bytes(hostile)
        assert read_generation(tmp_path).files == FILES


class TestTwoWriters:
    def test_the_second_is_told_who_has_it(self, tmp_path: Path) -> None:
        with writing(tmp_path), pytest.raises(IndexBusy, match=rf"\(pid {os.getpid()}\).*try again"):
            commit(tmp_path)
        commit(tmp_path)

    def test_in_another_process(self, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from rag.generations import writing\n"
            "with writing(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == "locked\n"
            with pytest.raises(IndexBusy, match=rf"pid {child.pid}"):
                commit(tmp_path)
            child.kill()
        # A killed process holds no lock.
        commit(tmp_path)

    def test_a_run_that_came_to_nothing_leaves_nothing(self, tmp_path: Path) -> None:
        with writing(tmp_path / "index"):
            pass
        assert contents(tmp_path) == set()
        (tmp_path / "README.md").write_text("mine")
        with writing(tmp_path):
            pass
        assert contents(tmp_path) == {"README.md"}


class TestFailedWrites:
    """Every call that can fail, failed in turn: the old index answers, nothing is left behind."""

    @pytest.mark.parametrize("call", ["open", "write", "fsync", "rename", "replace"])
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EROFS])
    def test_at_every_step(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
    ) -> None:
        commit(tmp_path)
        real, messages = getattr(os, call), []
        for step in range(30):
            n_calls = iter(range(100))

            def fail_once(*args, n_calls=n_calls, step=step, **kwargs):  # type: ignore[no-untyped-def]
                if next(n_calls) == step:
                    raise OSError(code, os.strerror(code))
                return real(*args, **kwargs)

            name, before = read_generation(tmp_path).name, contents(tmp_path)
            with monkeypatch.context() as patch:
                patch.setattr(generations.os, call, fail_once)
                try:
                    commit(tmp_path)
                except IndexWriteError as error:
                    messages.append(str(error))
                else:
                    break
            found = read_generation(tmp_path)
            assert found.files == FILES
            # Only the last sync comes after the new generation was named.
            if found.name == name:
                assert contents(tmp_path) == before, f"left behind after {call} number {step}"
        assert messages
        assert all(os.strerror(code) in message for message in messages)

    def test_a_disk_that_is_full(self, tmp_path: Path) -> None:
        """The real thing, in a child process that may write no file over 64 KB."""
        commit(tmp_path)
        code = (
            "import resource, sys; from pathlib import Path; from rag.generations import writing\n"
            "from rag.errors import IndexWriteError\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
            "try:\n"
            "    with writing(Path(sys.argv[1])) as writer: writer.commit({'big': b'x' * 70000}, {})\n"
            "except IndexWriteError as error: print(error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=True,
        )
        assert "File too large; the index that was there is untouched; raise the limit" in done.stdout
        assert contents(tmp_path) == {"CURRENT", "insources.lock", "gen-000001"}
        assert read_generation(tmp_path).files == FILES

    def test_the_first_index_of_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(generations.os, "write", full)
        with pytest.raises(
            IndexWriteError, match=r"No space left on device.*free some space and index again"
        ):
            commit(tmp_path / "new")
        assert contents(tmp_path) == set()

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises((IndexWriteError, IndexMismatch)):
            commit(tmp_path / "file" / "index")


def test_a_reader_looks_again_when_its_generation_went_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tmp_path)
    real, slept = generations._read, []

    def sleep_through_two_commits(*args):  # type: ignore[no-untyped-def]
        if not slept:
            slept.append(True)
            commit(tmp_path)
            commit(tmp_path)
        return real(*args)

    monkeypatch.setattr(generations, "_read", sleep_through_two_commits)
    assert read_generation(tmp_path).name == "gen-000003"


# Commits in a forked child that kills itself just before its n-th call to the file system, for every n.
KILLED = """
import os, signal, sys
from pathlib import Path
from rag import generations
from rag.generations import read_generation, writing

root, old, new = Path(sys.argv[1]), {"a": b"old" * 9, "b": b"old"}, {"a": b"new" * 9, "c": b"new"}

def commit(files):
    with writing(root) as writer:
        writer.commit(files, {})

def kill_before(n):
    calls = iter(range(n))
    for name in ("open", "write", "fsync", "rename", "replace", "mkdir", "unlink", "rmdir", "ftruncate", "close"):
        def call(*args, real=getattr(os, name), **kwargs):
            if next(calls, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        setattr(os, name, call)

seen, finished, n = [], False, 0
while not finished:
    if sys.argv[2] == "again":
        commit(old)
    child = os.fork()
    if child == 0:
        kill_before(n)
        commit(new)
        os._exit(0)
    finished = os.waitpid(child, 0)[1] == 0
    try:
        found = read_generation(root).files
        seen.append({str(old): "old", str(new): "new"}[str(found)])
    except generations.IndexMissing:
        seen.append("none")
        assert not list(root.glob("CURRENT"))
    if sys.argv[2] == "first":
        # Whatever the killed one left, the next one can begin on it; then from nothing again.
        commit(new)
        for path in sorted(root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    n += 1
print(*seen)
"""


@pytest.mark.parametrize(("kind", "before"), [("again", "old"), ("first", "none")])
def test_killed_before_every_single_call(tmp_path: Path, kind: str, before: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "index"), kind],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = done.stdout.split()
    # Old until the one replacement of CURRENT, new from then on; never anything else.
    switch = seen.index("new")
    assert switch >= 15
    assert seen == [before] * switch + ["new"] * (len(seen) - switch)
