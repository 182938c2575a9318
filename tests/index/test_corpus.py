"""Which files a path stands for, and their text as the file has it."""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import corpus
from rag.corpus import MAX_BYTES, SourceFile, find_files, read_file
from rag.errors import FileError, SourceError


def names(*paths: Path) -> list[str]:
    return [source.doc_id for source in find_files(paths).files]


def write(path: Path, data: bytes | str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read(path: Path, data: bytes) -> str:
    return read_file(SourceFile(path.name, write(path, data)))[0]


def _deny(monkeypatch: pytest.MonkeyPatch, function: str, path: Path) -> None:
    """Refuse a path as its mode says, for root too, who may read everything."""
    real = getattr(os, function)

    def refuse(name: Path, *args: int) -> object:
        if Path(name) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(name, *args)

    monkeypatch.setattr(corpus.os, function, refuse)


class TestFind:
    def test_doc_ids_are_relative_to_the_folder(self, tmp_path: Path) -> None:
        write(tmp_path / "in/b.txt")
        write(tmp_path / "in/a/c.MD")
        assert names(tmp_path / "in") == ["a/c.MD", "b.txt"]

    def test_doc_id_of_one_file_is_its_name(self, tmp_path: Path) -> None:
        assert names(write(tmp_path / "in/b.txt")) == ["b.txt"]

    def test_doc_ids_of_several_paths_are_relative_to_what_they_share(self, tmp_path: Path) -> None:
        one, two = write(tmp_path / "x/a.txt"), write(tmp_path / "y/a.txt")
        assert names(one.parent, two.parent) == ["x/a.txt", "y/a.txt"]
        assert names(one, two) == ["x/a.txt", "y/a.txt"]

    def test_what_is_given_twice_is_indexed_once(self, tmp_path: Path) -> None:
        path = write(tmp_path / "in/deep/a.txt")
        assert names(tmp_path / "in", path, path.parent, path) == ["deep/a.txt"]

    def test_hidden_and_linked_files_stay_out(self, tmp_path: Path) -> None:
        write(tmp_path / "in/a.txt")
        write(tmp_path / "in/.hidden.txt")
        write(tmp_path / "in/.git/b.txt")
        (tmp_path / "in/link.txt").symlink_to(write(tmp_path / "secret.txt"))
        (tmp_path / "in/loop").symlink_to(tmp_path / "in", target_is_directory=True)
        found = find_files([tmp_path / "in"])
        assert [source.doc_id for source in found.files] == ["a.txt"]
        assert found.left_out == [("link.txt", "a link"), ("loop", "a link")]

    def test_a_link_that_is_given_is_followed(self, tmp_path: Path) -> None:
        write(tmp_path / "in/a.txt")
        (tmp_path / "link").symlink_to(tmp_path / "in", target_is_directory=True)
        assert names(tmp_path / "link") == ["a.txt"]

    def test_other_formats_are_listed_as_left_out(self, tmp_path: Path) -> None:
        write(tmp_path / "a.txt")
        write(tmp_path / "b.odt")
        write(tmp_path / "Makefile")
        assert find_files([tmp_path]).left_out == [
            ("Makefile", "format without a suffix not supported"),
            ("b.odt", "format .odt not supported"),
        ]

    def test_a_pipe_is_left_out_without_waiting(self, tmp_path: Path) -> None:
        write(tmp_path / "a.txt")
        os.mkfifo(tmp_path / "b.txt")
        assert find_files([tmp_path]).left_out == [("b.txt", "not a regular file")]

    def test_ragignore_names_what_to_leave_out(self, tmp_path: Path) -> None:
        write(tmp_path / ".ragignore", "drafts/\n*.md\n!keep.md\n# a comment\n/only-here.txt\n")
        for name in ("a.txt", "drafts/b.txt", "c.md", "keep.md", "only-here.txt", "sub/only-here.txt"):
            write(tmp_path / name)
        found = find_files([tmp_path])
        assert [source.doc_id for source in found.files] == ["a.txt", "keep.md", "sub/only-here.txt"]
        assert [name for name, _ in found.left_out] == ["c.md", "drafts/", "only-here.txt"]

    def test_the_nearest_ragignore_decides(self, tmp_path: Path) -> None:
        write(tmp_path / ".ragignore", "*.md\n")
        write(tmp_path / "sub/.ragignore", "!*.md\n")
        write(tmp_path / "a.md")
        write(tmp_path / "sub/b.md")
        assert names(tmp_path) == ["sub/b.md"]

    def test_the_index_itself_is_not_searched(self, tmp_path: Path) -> None:
        write(tmp_path / "a.txt")
        write(tmp_path / "index/README.md")
        found = find_files([tmp_path], exclude=tmp_path / "index")
        assert [source.doc_id for source in found.files] == ["a.txt"]

    def test_a_name_that_is_no_text_is_reported(self, tmp_path: Path) -> None:
        write(tmp_path / "a.txt")
        write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")))
        ((name, reason),) = find_files([tmp_path]).left_out
        assert name == "caf\\xe9.txt"
        assert "not UTF-8" in reason

    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"nowhere.*No such file.*expected an existing file or folder"):
            find_files([tmp_path / "nowhere"])

    def test_a_path_that_can_be_none(self) -> None:
        with pytest.raises(SourceError, match="can't index"):
            find_files(["a\0b"])

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(
            SourceError, match=r"no file; expected at least one file of \.csv, .*\.md, .*\.txt"
        ):
            find_files([tmp_path])

    def test_an_empty_folder_may_be_asked_for(self, tmp_path: Path) -> None:
        assert find_files([tmp_path], may_be_none=True).files == []

    def test_a_folder_without_anything_to_index_says_what_it_holds(self, tmp_path: Path) -> None:
        write(tmp_path / "b.odt")
        write(tmp_path / "c.doc")
        with pytest.raises(SourceError, match=r"only b\.odt \(format \.odt not supported\) and 1 more"):
            find_files([tmp_path])

    def test_no_path_at_all(self) -> None:
        with pytest.raises(SourceError, match="no path to index"):
            find_files([])

    def test_a_folder_without_permission_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "a.txt")
        (tmp_path / "closed").mkdir(mode=0)
        _deny(monkeypatch, "scandir", tmp_path / "closed")
        assert find_files([tmp_path]).unreadable == [("closed/", "folder can't be read: Permission denied")]


class TestRead:
    def test_text_and_sha256(self, tmp_path: Path) -> None:
        data = "Zürich\r\nWien\rBern\n\x85\u2028end".encode()
        source = SourceFile("a.txt", write(tmp_path / "a.txt", data))
        assert read_file(source) == (data.decode(), hashlib.sha256(data).hexdigest())

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
    def test_offsets_are_those_of_the_file_opened_as_utf8(
        self, tmp_path_factory: pytest.TempPathFactory, text: str
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "any.txt"
        if text.encode().startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return
        assert read(path, text.encode()) == text
        with open(path, encoding="utf-8", newline="") as file:
            assert file.read() == text

    def test_a_utf8_mark_is_character_0(self, tmp_path: Path) -> None:
        assert read(tmp_path / "a.txt", codecs.BOM_UTF8 + b"hello") == "\ufeffhello"

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf16_with_its_mark(self, tmp_path: Path, encoding: str) -> None:
        assert read(tmp_path / "a.txt", ("\ufeff" + "Zürich 🙂\r\n").encode(encoding)) == "Zürich 🙂\r\n"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", r"a\.txt: empty \(0 bytes\); expected text"),
            (b"caf\xe9 au lait", "byte 0xE9 at offset 3 is not UTF-8; expected UTF-8, or UTF-16"),
            (b"ok \xed\xa0\x80", "byte 0xED at offset 3 is not UTF-8"),
            (b"half \xe2\x82", "byte 0xE2 at offset 5 is not UTF-8"),
            (codecs.BOM_UTF16_LE + b"a\0\x00\xd8b\0", "byte 0x00 at offset 4 is not UTF-16"),
            (codecs.BOM_UTF16_LE + b"a\0b", "byte 0x62 at offset 4 is not UTF-16"),
            ("Zürich\0!".encode(), "NUL byte at offset 7; expected text"),
            (codecs.BOM_UTF16_BE + "a\0".encode("utf-16-be"), "NUL byte at offset 4"),
            ("hi".encode("utf-16-le"), r"NUL byte at offset 1.*UTF-16 needs a byte order mark"),
            ("hi".encode("utf-32"), "UTF-32; expected UTF-8"),
        ],
    )
    def test_what_is_no_text_is_refused_with_the_offset(
        self, tmp_path: Path, data: bytes, message: str
    ) -> None:
        with pytest.raises(FileError, match=message):
            read(tmp_path / "a.txt", data)

    @pytest.mark.slow
    def test_50_mb_is_read_and_a_byte_more_is_not(self, tmp_path: Path) -> None:
        data = b"All work and no play. " * (MAX_BYTES // 22 + 1)
        assert len(read(tmp_path / "a.txt", data[:MAX_BYTES])) == MAX_BYTES
        with pytest.raises(FileError, match=r"52,428,801 bytes; expected at most 50 MB \(52,428,800 bytes\)"):
            read(tmp_path / "a.txt", data[: MAX_BYTES + 1])

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileError, match=r"a\.txt: can't be read: No such file"):
            read_file(SourceFile("a.txt", tmp_path / "a.txt"))

    def test_a_file_without_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write(tmp_path / "a.txt")
        path.chmod(0)
        _deny(monkeypatch, "open", path)
        with pytest.raises(FileError, match="can't be read: Permission denied"):
            read_file(SourceFile("a.txt", path))

    def test_a_pipe_or_link_put_in_the_files_place(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.txt")
        with pytest.raises(FileError, match="not a regular file"):
            read_file(SourceFile("a.txt", tmp_path / "a.txt"))
        (tmp_path / "b.txt").symlink_to(write(tmp_path / "secret.txt"))
        with pytest.raises(FileError, match="can't be read"):
            read_file(SourceFile("b.txt", tmp_path / "b.txt"))

    def test_a_file_that_changes_while_it_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(tmp_path / "a.txt", "first version")
        fstat, seen = os.fstat, threading.Event()

        def grow_after_first_look(descriptor: int) -> os.stat_result:
            result = fstat(descriptor)
            if not seen.is_set():
                seen.set()
                with path.open("a") as file:
                    file.write(" and more")
            return result

        monkeypatch.setattr(corpus.os, "fstat", grow_after_first_look)
        with pytest.raises(FileError, match="changed while it was read; index again"):
            read_file(SourceFile("a.txt", path))
