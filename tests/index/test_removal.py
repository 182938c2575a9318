"""What leaves the folder leaves the index: its words are in no file of it, and nowhere under it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hash_encoder import HashEncoder

from rag import segments
from rag.config import Config
from rag.index import Index, IndexReport, update_index

SECRET = "xylophonist"
TEXT = f"The {SECRET} moved to Quixotenburg in 1932. Nobody followed the {SECRET} there.\n"


def holding(place: Path, word: str) -> list[str]:
    """Files under a folder that hold a word, in any case."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return [
        str(path.relative_to(place)) for path in files if word.lower().encode() in path.read_bytes().lower()
    ]


@pytest.fixture
def secret(folder: Path, update: Callable[..., IndexReport], place: Path) -> Path:
    """A file whose words are in the index."""
    path = folder / "secret.txt"
    path.write_text(TEXT)
    update()
    assert len(holding(place, SECRET)) >= 3
    return path


def test_a_removed_file_leaves_nothing(secret: Path, place: Path, update: Callable[..., IndexReport]) -> None:
    secret.unlink()
    assert update().removed == ["secret.txt"]
    for word in (SECRET, SECRET[:9], "quixotenburg", "secret.txt"):
        assert holding(place, word) == []
    assert len(list(place.glob("gen-*"))) == 1


def test_a_changed_file_leaves_nothing_of_what_it_said(
    secret: Path, place: Path, update: Callable[..., IndexReport]
) -> None:
    secret.write_text("The carpenter stayed at home in 1932.\n")
    assert update().changed == ["secret.txt"]
    assert holding(place, SECRET[:9]) == []


def test_a_file_that_can_no_longer_be_read_leaves_nothing(
    secret: Path, place: Path, update: Callable[..., IndexReport]
) -> None:
    secret.write_bytes(b"\0" + TEXT.encode())
    assert update().removed == ["secret.txt"]
    assert holding(place, SECRET[:9]) == []


@pytest.mark.parametrize("n", [1, 9])
def test_all_files_leave_nothing(n: int, tmp_path: Path, place: Path, encoder: HashEncoder) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for number in range(n):
        (folder / f"secret-{number}.txt").write_text(f"{TEXT} It was told {number} times.\n")
    update_index([folder], place, config=Config(), encoder=encoder)
    for path in folder.iterdir():
        path.unlink()
    (folder / "unread.txt").write_bytes(b"\0")
    assert len(update_index([folder], place, config=Config(), encoder=encoder).removed) == n
    for word in (SECRET, SECRET[:9], "quixotenburg", "secret-"):
        assert holding(place, word) == []


def test_what_a_killed_run_left_goes_with_the_next(
    secret: Path, place: Path, update: Callable[..., IndexReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.generations import Writer

    secret.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(Writer, "clean", lambda self, keep: None)
        update()
    assert holding(place, SECRET)
    assert update().removed == []
    assert holding(place, SECRET) == []


def test_a_generation_that_only_grew_is_kept_for_slow_readers(
    folder: Path, place: Path, update: Callable[..., IndexReport]
) -> None:
    update()
    (folder / "new.txt").write_text("A new lighthouse was lit in 1951.\n")
    update()
    assert len(list(place.glob("gen-*"))) == 2


def test_in_a_large_index_the_texts_go_at_once(
    folder: Path, place: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where segments are not merged at every change, records are written anew without what left."""
    monkeypatch.setattr(segments, "ONE_SEGMENT_BELOW", 0)
    monkeypatch.setattr(segments, "_SMALL", 0)
    monkeypatch.setattr(segments, "_MOST_DEAD", 1.0)
    (folder / "secret.txt").write_text(TEXT)
    update_index([folder], place, config=Config(), encoder=encoder)
    (folder / "secret.txt").unlink()
    for _ in range(2):  # the second reads what the first wrote
        update_index([folder], place, config=Config(), encoder=encoder)
        for word in (SECRET, SECRET[:9], "quixotenburg", "secret.txt"):
            assert holding(place, word) == []
        index = Index.load(place)
        assert len(index.segments[0].left) == 1
        assert "secret.txt" not in index.documents
        assert SECRET not in " ".join(chunk.text for chunk in index.chunks)
        assert len(index.documents.facts) == len(index.documents) == 3
