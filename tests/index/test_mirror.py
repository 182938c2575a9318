"""Ten thousand files: only what changed is read; moved files are known by what they hold."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hash_encoder import HashEncoder

from rag import corpus
from rag import index as index_module
from rag import ingest as ingest_module
from rag.config import Config
from rag.index import Index, IndexReport, update_index
from rag.seen import stamp_of

Update = Callable[..., IndexReport]

BRIDGE, HARBOUR, LIBRARY = "bridge.txt", "harbour.txt", "deep/library.md"


def age(folder: Path, seconds: float = 60.0) -> None:
    """Let every file look as if it was last written a while ago; its inode's own time can't be set."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - seconds, time.time() - seconds))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read, by doc_id: to see whether they changed, for their text, or for both."""
    seen: list[str] = []

    def read(source: corpus.SourceFile) -> tuple[bytes, str]:
        if source.doc_id not in seen:
            seen.append(source.doc_id)
        return corpus.read_bytes(source)

    for module in (index_module, ingest_module):
        monkeypatch.setattr(module, "read_bytes", read)
    return seen


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that runs an hour ahead: no file was written a moment ago."""
    from rag import seen

    monkeypatch.setattr(seen.time, "time_ns", lambda: int((time.time() + 3600) * 1e9))


@pytest.mark.usefixtures("later")
class TestUnchanged:
    def test_is_not_read(self, update: Update, reads: list[str]) -> None:
        update()
        assert sorted(reads) == [BRIDGE, LIBRARY, HARBOUR]
        reads.clear()
        assert update().unchanged == [BRIDGE, LIBRARY, HARBOUR]
        assert reads == []

    def test_is_read_where_it_shall_be_checked(
        self, folder: Path, place: Path, encoder: HashEncoder, reads: list[str]
    ) -> None:
        update_index([folder], place, config=Config(), encoder=encoder)
        reads.clear()
        report = update_index([folder], place, config=Config(), encoder=encoder, check=True)
        assert sorted(reads) == [BRIDGE, LIBRARY, HARBOUR]
        assert report.unchanged == [BRIDGE, LIBRARY, HARBOUR]

    def test_only_the_changed_one_is_read(self, folder: Path, update: Update, reads: list[str]) -> None:
        update()
        reads.clear()
        (folder / HARBOUR).write_text("The harbour was dredged in 1950.\n")
        assert update().changed == [HARBOUR]
        assert reads == [HARBOUR]

    def test_same_size_and_time_but_another_file(self, folder: Path, update: Update) -> None:
        """As `cp -p` or an editor that puts the time back would leave it: the inode or its own time tells."""
        update()
        path = folder / HARBOUR
        status = path.stat()
        path.write_bytes(path.read_bytes().replace(b"1947", b"1974"))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_size == status.st_size
        assert update().changed == [HARBOUR]

    def test_a_touched_file_is_read_and_found_the_same(
        self, folder: Path, update: Update, place: Path, reads: list[str]
    ) -> None:
        update()
        before = (place / "CURRENT").read_text()
        reads.clear()
        age(folder)
        assert update().unchanged == [BRIDGE, LIBRARY, HARBOUR]
        assert len(reads) == 3
        reads.clear()
        update()
        assert reads == []
        assert (place / "CURRENT").read_text() == before

    @pytest.mark.parametrize("bad", [b"", b"[]", b"{", b'{"format": 1}', b"\xff", b"[" * 100_000, None])
    def test_what_was_noted_may_be_lost(
        self, update: Update, place: Path, reads: list[str], bad: bytes | None
    ) -> None:
        update()
        reads.clear()
        path = place / "seen.json"
        path.unlink() if bad is None else path.write_bytes(bad)
        assert update().unchanged == [BRIDGE, LIBRARY, HARBOUR]
        assert len(reads) == 3

    def test_what_was_noted_of_another_generation_is_not_believed(
        self, folder: Path, update: Update, place: Path, reads: list[str]
    ) -> None:
        update()
        noted = (place / "seen.json").read_bytes()
        (folder / HARBOUR).write_text("The harbour was dredged in 1950.\n")
        update()
        (place / "seen.json").write_bytes(noted)
        reads.clear()
        update()
        assert len(reads) == 3

    def test_no_name_of_a_removed_file_stays(self, folder: Path, update: Update, place: Path) -> None:
        update()
        (folder / HARBOUR).unlink()
        update()
        assert list(json.loads((place / "seen.json").read_bytes())["files"]) == [BRIDGE, LIBRARY]


def test_a_file_written_a_moment_ago_is_read_once_more(
    folder: Path, update: Update, reads: list[str]
) -> None:
    """Within one tick of the clock it could be written again without a trace."""
    assert stamp_of(folder / BRIDGE) is None
    update()
    reads.clear()
    update()
    assert len(reads) == 3


class TestMoved:
    @pytest.fixture(autouse=True)
    def _nothing_is_parsed(
        self, update: Update, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update()
        encoder.encoded.clear()

        def refuse(*args: object) -> object:
            raise AssertionError("a file was parsed")

        monkeypatch.setattr(ingest_module, "parse_file", refuse)

    def check(self, index: Index, folder: Path, encoder: HashEncoder, tmp_path: Path) -> None:
        """The index is what a build from nothing gives."""
        assert encoder.encoded == []
        ingest_module.parse_file = corpus.parse_file  # type: ignore[attr-defined]
        update_index([folder], tmp_path / "other", config=Config(), encoder=HashEncoder())
        built = Index.load(tmp_path / "other")
        assert dict(index.documents) == dict(built.documents)
        assert list(index.chunks) == list(built.chunks)
        assert index.documents.facts == built.documents.facts
        assert index.documents.sketches().tolist() == built.documents.sketches().tolist()
        assert index.copies == built.copies

    def test_renamed_and_moved(
        self, folder: Path, update: Update, load: Callable[[], Index], encoder: HashEncoder, tmp_path: Path
    ) -> None:
        (folder / BRIDGE).rename(folder / "span.txt")
        (folder / "far").mkdir()
        (folder / LIBRARY).rename(folder / "far" / "books.txt")
        report = update()
        assert report.moved == [(LIBRARY, "far/books.txt"), (BRIDGE, "span.txt")]
        assert (report.added, report.changed, report.removed) == ([], [], [])
        assert report.n_encoded == 0
        self.check(load(), folder, encoder, tmp_path)

    def test_two_that_changed_names(
        self, folder: Path, update: Update, load: Callable[[], Index], encoder: HashEncoder, tmp_path: Path
    ) -> None:
        (folder / BRIDGE).rename(folder / "x")
        (folder / HARBOUR).rename(folder / BRIDGE)
        (folder / "x").rename(folder / HARBOUR)
        report = update()
        assert (report.moved, report.changed) == ([], [BRIDGE, HARBOUR])
        self.check(load(), folder, encoder, tmp_path)

    def test_copies_are_added_and_one_move_is_one(
        self, folder: Path, update: Update, load: Callable[[], Index], encoder: HashEncoder, tmp_path: Path
    ) -> None:
        text = (folder / BRIDGE).read_text()
        (folder / BRIDGE).rename(folder / "b1.txt")
        (folder / "b2.txt").write_text(text)
        (folder / "h2.txt").write_text((folder / HARBOUR).read_text())
        report = update()
        assert (report.moved, report.added) == ([(BRIDGE, "b1.txt")], ["b2.txt", "h2.txt"])
        assert load().copies["b1.txt"] == ("b1.txt", "b2.txt")
        self.check(load(), folder, encoder, tmp_path)
