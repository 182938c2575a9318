"""The index mirrors the files, encodes only what changed, and is refused where it does not fit."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hash_encoder import HashEncoder
from small_texts import TEXTS

from rag import snapshot
from rag.config import ChunkConfig, Config, EncoderConfig, ReadConfig
from rag.errors import ConfigError, IndexDamaged, IndexMismatch, IndexMissing, ModelError, SourceError
from rag.failures import load_failures
from rag.index import Index, IndexReport, update_index

Update = Callable[..., IndexReport]
Load = Callable[[], Index]

BRIDGE, HARBOUR, LIBRARY = "bridge.txt", "harbour.txt", "deep/library.md"


def everything(index: Index) -> object:
    """All that an index can be asked for."""
    query = HashEncoder().encode_query("the harbour")
    return (
        dict(index.documents),
        list(index.chunks),
        index.chunk_mask(["*.txt"]).tolist(),  # type: ignore[union-attr]
        [found.tolist() for found in index.vectors.search(query[None], 9)],
        index.words.scores("the harbour and the bridge").tolist(),
    )


def check(index: Index, folder: Path) -> None:
    """Everything in an index fits together and with the files."""
    assert len(index.chunks) == len(index.vectors) == len(index.words) == len(index.chunk_documents)
    for doc_id, document in index.documents.items():
        with open(folder / doc_id, encoding="utf-8", newline="") as file:
            assert document.text == file.read()
        assert document.sha256 == hashlib.sha256((folder / doc_id).read_bytes()).hexdigest()
        assert len(document.sentences) == len(document.sentence_kinds)
    for place, chunk in enumerate(index.chunks):
        assert list(index.documents)[index.chunk_documents[place]] == chunk.doc_id
        vector = HashEncoder().encode_query(chunk.text)
        np.testing.assert_allclose(index.vectors.vectors(np.array([place]))[0], vector, atol=1e-6)
        assert index.words.scores(chunk.text)[place] > 0


def test_first_build(folder: Path, update: Update, load: Load, encoder: HashEncoder) -> None:
    report = update()
    assert (report.added, report.n_documents) == ([BRIDGE, LIBRARY, HARBOUR], 3)
    assert report.n_encoded == report.n_chunks == len(encoder.encoded)
    index = load()
    assert list(index.documents) == [BRIDGE, LIBRARY, HARBOUR]
    assert index.roots == (str(folder),)
    check(index, folder)
    _, idx = index.vectors.search(encoder.encode_query("the harbour froze")[None], 1)
    assert index.chunks[int(idx[0, 0])].doc_id == HARBOUR
    assert index.chunks[int(index.words.search("library books", 1)[1][0])].doc_id == LIBRARY


def test_nothing_changed_nothing_written(update: Update, place: Path, encoder: HashEncoder) -> None:
    update()
    before, n_encoded = (place / "CURRENT").read_text(), len(encoder.encoded)
    report = update()
    assert (report.unchanged, report.n_documents) == ([BRIDGE, LIBRARY, HARBOUR], 3)
    assert report.n_chunks == n_encoded
    assert (place / "CURRENT").read_text() == before
    assert len(encoder.encoded) == n_encoded


def test_only_what_changed_is_encoded(folder: Path, update: Update, load: Load, encoder: HashEncoder) -> None:
    update()
    encoder.encoded.clear()
    (folder / BRIDGE).write_text("The bridge was blown up in 1944 and never built again.\n")
    (folder / HARBOUR).unlink()
    (folder / "new.txt").write_text("A new lighthouse was lit in 1951 by the mayor's daughter.\n")
    report = update()
    assert (report.changed, report.removed, report.added) == ([BRIDGE], [HARBOUR], ["new.txt"])
    assert report.unchanged == [LIBRARY]
    assert len(encoder.encoded) == report.n_encoded == 2
    assert not any("library" in text for text in encoder.encoded)
    check(load(), folder)


def test_a_renamed_file_is_not_encoded_again(
    folder: Path, update: Update, load: Load, encoder: HashEncoder
) -> None:
    update()
    encoder.encoded.clear()
    (folder / BRIDGE).rename(folder / "deep" / "renamed.md")
    report = update()
    assert (report.added, report.removed, report.moved) == ([], [], [(BRIDGE, "deep/renamed.md")])
    assert encoder.encoded == []
    check(load(), folder)


def test_a_long_file_that_grew_is_encoded_only_at_its_end(
    folder: Path, update: Update, load: Load, encoder: HashEncoder
) -> None:
    path = folder / "long.txt"
    path.write_text(
        "".join(f"In the year {1500 + n} the town built house number {n}.\n\n" for n in range(200))
    )
    n_chunks = update().n_chunks
    encoder.encoded.clear()
    with path.open("a") as file:
        file.write("At last the town was finished and everybody went home.\n")
    assert update().n_chunks >= n_chunks > 10
    assert 1 <= len(encoder.encoded) <= 2
    check(load(), folder)


def test_an_update_equals_a_build_from_nothing(
    folder: Path, update: Update, load: Load, encoder: HashEncoder, tmp_path: Path
) -> None:
    update()
    (folder / "a-new.txt").write_text("A new lighthouse was lit in 1951 by the mayor's daughter.\n")
    (folder / LIBRARY).unlink()
    update()
    update_index([folder], tmp_path / "other", config=Config(), encoder=encoder)
    updated, built = load(), Index.load(tmp_path / "other")
    assert list(updated.documents.items()) == list(built.documents.items())
    assert list(updated.chunks) == list(built.chunks)
    np.testing.assert_array_equal(updated.vectors.vectors(), built.vectors.vectors())
    np.testing.assert_array_equal(
        updated.words.scores("the lighthouse"), built.words.scores("the lighthouse")
    )


def test_two_builds_are_the_same_bytes(
    update: Update, folder: Path, tmp_path: Path, encoder: HashEncoder
) -> None:
    for name in ("one", "two"):
        update_index([folder], tmp_path / name, config=Config(), encoder=encoder)
    for path in (tmp_path / "one").rglob("*.*"):
        if path.is_file() and path.name != "insources.lock":
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_progress_ends_at_the_number_of_chunks(folder: Path, place: Path, encoder: HashEncoder) -> None:
    seen: list[tuple[int, int]] = []
    report = update_index(
        [folder], place, config=Config(), encoder=encoder, progress=lambda *done: seen.append(done)
    )
    assert seen[-1] == (report.n_encoded, report.n_encoded)


def test_new_code_reads_all_files_again_and_keeps_the_vectors(
    update: Update, place: Path, encoder: HashEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rag.index

    update()
    encoder.encoded.clear()
    for module in (snapshot, rag.index):
        monkeypatch.setattr(module, "code_digest", lambda: "other code")
    report = update()
    assert (report.unchanged, report.changed, report.added) == ([BRIDGE, LIBRARY, HARBOUR], [], [])
    assert encoder.encoded == []
    assert (place / "CURRENT").read_text().startswith("gen-000002 ")
    assert update().unchanged == [BRIDGE, LIBRARY, HARBOUR]
    assert (place / "CURRENT").read_text().startswith("gen-000002 ")


class TestBadFiles:
    def test_are_reported_and_the_others_indexed(self, folder: Path, update: Update, load: Load) -> None:
        bad = {
            "empty.txt": b"",
            "latin1.txt": b"caf\xe9 au lait",
            "nul.txt": b"text with a \0 in it",
            "blank.txt": b" \n\t\r\n \xc2\xa0\n",
            "mark.txt": b"\xef\xbb\xbf",
        }
        for name, data in bad.items():
            (folder / name).write_bytes(data)
        (folder / "photo.jpeg").write_bytes(b"\xff\xd8")
        report = update()
        assert report.added == [BRIDGE, LIBRARY, HARBOUR]
        assert dict(report.failed).keys() == bad.keys()
        messages = dict(report.failed)
        assert messages["empty.txt"] == "empty (0 bytes); expected text"
        assert messages["latin1.txt"].startswith("byte 0xE9 at offset 3 is not UTF-8; expected")
        assert messages["nul.txt"].startswith("NUL byte at offset 12")
        assert messages["blank.txt"].startswith("no sentence found")
        assert report.left_out == [("photo.jpeg", "format .jpeg not supported")]
        check(load(), folder)
        again = update()
        assert (again.unchanged, again.failed) == (report.added, report.failed)

    def test_a_file_that_goes_bad_leaves_the_index(self, folder: Path, update: Update, load: Load) -> None:
        update()
        (folder / BRIDGE).write_bytes(b"\xff\xff\xff")
        report = update()
        assert [name for name, _ in report.failed] == report.removed == [BRIDGE]
        check(load(), folder)

    def test_when_every_file_is_bad_all_leave(
        self, folder: Path, place: Path, update: Update, load: Load
    ) -> None:
        update()
        for name in TEXTS:
            (folder / name).write_bytes(b"\0")
        report = update()
        assert sorted(name for name, _ in report.failed) == sorted(report.removed) == sorted(TEXTS)
        assert len(load().documents) == 0
        assert [name for name, _ in load_failures(place)] == sorted(TEXTS)

    def test_when_every_file_is_gone_all_leave(self, folder: Path, update: Update, load: Load) -> None:
        update()
        for name in TEXTS:
            (folder / name).unlink()
        report = update()
        assert (report.written, len(report.removed), report.n_documents) == (True, 3, 0)
        assert len(load().documents) == len(load().chunks) == 0
        assert not update().written

    def test_files_come_back_to_an_index_without_documents(
        self, folder: Path, update: Update, load: Load
    ) -> None:
        update()
        for name in TEXTS:
            (folder / name).unlink()
        update()
        for name, text in TEXTS.items():
            (folder / name).write_text(text, encoding="utf-8")
        assert sorted(update().added) == sorted(TEXTS)
        check(load(), folder)

    def test_a_damaged_index_is_left_behind_by_no_files_too(
        self, folder: Path, place: Path, update: Update, load: Load
    ) -> None:
        update()
        (place / "CURRENT").write_text("nonsense")
        for name in TEXTS:
            (folder / name).unlink()
        assert update().rebuilt
        assert len(load().documents) == 0

    def test_a_path_that_is_gone_keeps_the_old_index(self, folder: Path, update: Update, load: Load) -> None:
        update()
        shutil.rmtree(folder)
        with pytest.raises(SourceError, match="No such file"):
            update()
        assert len(load().documents) == 3

    def test_no_index_is_begun_without_a_document(self, folder: Path, place: Path, update: Update) -> None:
        for name in TEXTS:
            (folder / name).write_bytes(b"\0")
        with pytest.raises(SourceError, match=r"no file could be indexed: bridge\.txt: NUL.*\(and 2 more\)"):
            update()
        assert not place.exists()

    def test_nothing_is_made_for_a_folder_that_does_not_exist(self, tmp_path: Path, place: Path) -> None:
        with pytest.raises(SourceError, match="nowhere"):
            update_index([tmp_path / "nowhere"], place, config=Config(), encoder=HashEncoder())
        assert not place.exists()

    def test_any_characters_survive(self, folder: Path, update: Update, load: Load) -> None:
        odd = "\ufeffNaïve \u2028 façade\r\ncost 5\u00a0€. \U0001f600 smiled.\x85 A\u0301nd \u202ethat\u202c was it.\r"
        (folder / "odd.txt").write_bytes(odd.encode())
        update()
        assert load().documents["odd.txt"].text == odd
        check(load(), folder)

    def test_utf16(self, folder: Path, update: Update, load: Load) -> None:
        (folder / "wide.txt").write_bytes(
            "\ufeffThe tower was built in 1889 for the fair.".encode("utf-16-le")
        )
        update()
        assert load().documents["wide.txt"].text == "The tower was built in 1889 for the fair."

    def test_an_index_inside_the_folder_is_not_indexed(self, folder: Path, encoder: HashEncoder) -> None:
        place = folder / "index"
        place.mkdir()
        (place / "README.md").write_text("The index of these texts lies in this folder.\n")
        for _ in range(2):
            report = update_index([folder], place, config=Config(), encoder=encoder)
            assert report.n_documents == 3


class TestRefusedIndexes:
    def test_another_encoder(self, update: Update, place: Path, folder: Path) -> None:
        update()
        with pytest.raises(IndexMismatch) as error:
            Index.load(place, config=Config(), encoder_id="other dim:16")
        assert "encoder 'hash sha256:0 dim:16', the one in use is 'other dim:16'" in str(error.value)
        assert str(error.value).endswith(f"rebuild it with: rag index {folder} --index {place}")

    def test_another_setting(self, update: Update, place: Path) -> None:
        update()
        with pytest.raises(IndexMismatch, match=r"chunk\.max_tokens 120 \(in use: 64\); rebuild it with"):
            Index.load(place, config=Config(chunk=ChunkConfig(max_tokens=64)))
        with pytest.raises(IndexMismatch, match=r"encoder\.name 'all-MiniLM-L6-v2' \(in use: 'mine'\)"):
            Index.load(place, config=Config(encoder=EncoderConfig("mine")))

    def test_settings_that_only_questions_use_may_differ(self, update: Update, place: Path) -> None:
        update()
        config = Config(read=ReadConfig(max_quote_words=20))
        assert Index.load(place, config=config).config is config

    def test_without_settings_the_index_has_its_own(self, update: Update, place: Path) -> None:
        config = Config(chunk=ChunkConfig(max_tokens=64, remove_furniture=False))
        update(config)
        assert Index.load(place).config.chunk == config.chunk

    def test_indexing_again_mends_a_mismatch(self, update: Update, place: Path, encoder: HashEncoder) -> None:
        update()
        encoder.encoded.clear()
        report = update(Config(chunk=ChunkConfig(max_tokens=16)))
        assert report.rebuilt is not None
        assert "chunk.max_tokens 120 (in use: 16)" in report.rebuilt
        assert len(encoder.encoded) == report.n_chunks
        assert Index.load(place).config.chunk.max_tokens == 16

    def test_no_index(self, tmp_path: Path) -> None:
        with pytest.raises(IndexMissing):
            Index.load(tmp_path)

    def test_every_file_with_a_flipped_bit(
        self, update: Update, load: Load, place: Path, folder: Path
    ) -> None:
        update()
        files = sorted(path for path in (place / "gen-000001").iterdir() if path.is_file())
        assert len(files) >= 9
        for path in files:
            good = path.read_bytes()
            bad = bytearray(good)
            bad[len(bad) // 2] ^= 0x10
            path.write_bytes(bad)
            with pytest.raises(IndexDamaged, match=path.name) as error:
                load()
            # The manifest is what says which paths to index again.
            sources = "PATH..." if path.name == "manifest.json" else str(folder)
            assert str(error.value).endswith(f"rebuild it with: rag index {sources} --index {place}")
            path.write_bytes(good[:-1])
            with pytest.raises(IndexDamaged, match=path.name):
                load()
            path.unlink()
            with pytest.raises(IndexDamaged, match=f"{path.name} is missing"):
                load()
            path.write_bytes(good)
        path.write_bytes(b"")
        report = update()
        assert report.rebuilt is not None
        check(load(), folder)

    def test_records_that_are_no_records(self, update: Update, load: Load, place: Path) -> None:
        """Checksums right, contents wrong: by a bug or on purpose."""
        from rag.generations import read_generation, writing

        update()
        good, as_built = read_generation(place), everything(load())
        about = {name: value for name, value in good.about.items() if name not in ("files", "format")}
        n_refused = 0
        for name in good.files:
            for data in (b"", b"{}", b"[]\n[]\n", b"[" * 100_000, good.files[name][:-20]):
                with writing(place) as writer:
                    writer.commit({**good.files, name: data}, about)
                try:
                    assert everything(load()) == as_built
                except IndexDamaged:
                    n_refused += 1
        assert n_refused >= 4 * len(good.files)


class TestEncoders:
    @pytest.mark.parametrize(
        ("vectors", "message"),
        [
            (lambda n: np.full((n, 16), np.nan, np.float32), "NaN or infinity"),
            (lambda n: np.ones((n, 16), np.float32), r"length 4\.0000; expected rows of length 1"),
            (lambda n: np.ones((n, 5), np.float32), r"shape \(3, 5\); expected \(3, 16\)"),
            (lambda n: np.ones((n + 1, 16), np.float32), r"shape \(4, 16\)"),
        ],
    )
    def test_bad_vectors_never_get_into_an_index(
        self,
        update: Update,
        place: Path,
        encoder: HashEncoder,
        monkeypatch: pytest.MonkeyPatch,
        vectors: Callable[[int], object],
        message: str,
    ) -> None:
        monkeypatch.setattr(encoder, "encode_document", lambda texts, progress=None: vectors(len(texts)))
        with pytest.raises(ModelError, match=message):
            update()
        assert not place.exists()


class TestMask:
    @pytest.mark.parametrize(
        ("patterns", "doc_ids"),
        [
            (["bridge*"], {BRIDGE}),
            (["*.txt"], {BRIDGE, HARBOUR}),
            (["deep/*"], {LIBRARY}),
            (["library.md"], {LIBRARY}),
            (["lib*", "nothing", BRIDGE], {LIBRARY, BRIDGE}),
            (["[bh]*.txt"], {BRIDGE, HARBOUR}),
            ("bridge.txt", {BRIDGE}),
        ],
    )
    def test_patterns(self, update: Update, load: Load, patterns: list[str], doc_ids: set[str]) -> None:
        update()
        index = load()
        mask = index.chunk_mask(patterns)
        assert mask is not None
        assert {chunk.doc_id for chunk, kept in zip(index.chunks, mask, strict=True) if kept} == doc_ids

    def test_no_pattern_is_no_filter(self, update: Update, load: Load) -> None:
        update()
        assert load().chunk_mask(None) is None
        assert load().chunk_mask([]) is None

    def test_nothing_matches(self, update: Update, load: Load) -> None:
        update()
        with pytest.raises(
            ConfigError, match=r"no document matches \['x\*'\]; expected .*: bridge\.txt, deep/"
        ):
            load().chunk_mask(["x*"])


def test_an_index_in_memory_equals_one_on_disk(
    folder: Path, update: Update, load: Load, encoder: HashEncoder
) -> None:
    update()
    disk = load()
    memory = Index.from_texts(TEXTS, config=Config(), encoder=encoder)
    assert dict(memory.documents) == dict(disk.documents)
    assert list(memory.chunks) == list(disk.chunks)
    np.testing.assert_array_equal(memory.vectors.vectors(), disk.vectors.vectors())
    assert memory.path is None
    with pytest.raises(SourceError):
        Index.from_texts({}, config=Config(), encoder=encoder)
    with pytest.raises(SourceError, match="'a': half of a surrogate pair at character 3"):
        Index.from_texts({"a": "bad\ud800"}, config=Config(), encoder=encoder)


def test_records_by_place(update: Update, load: Load) -> None:
    update()
    chunks = load().chunks
    assert [chunks[-1], chunks[0]] == [list(chunks)[-1], next(iter(chunks))]
    assert chunks[1:3] == list(chunks)[1:3]
    assert chunks[np.int64(1)] == list(chunks)[1]
    with pytest.raises(IndexError, match="out of range"):
        chunks[len(chunks)]
    with pytest.raises(KeyError):
        load().documents["nothing"]


def test_the_index_is_frozen(update: Update, load: Load) -> None:
    update()
    index = load()
    with pytest.raises(AttributeError):
        index.roots = ()  # type: ignore[misc]
    assert replace(index, generation="other").documents is index.documents


def test_no_permission(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag import generations
    from rag.errors import IndexWriteError

    def deny(*args: object, **_: object) -> int:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(generations.os, "open", deny)
    with pytest.raises(IndexWriteError, match=r"Permission denied.*or choose another with --index DIR"):
        update_index([folder], tmp_path / "index", config=Config(), encoder=HashEncoder())
