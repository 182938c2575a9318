"""Adding and removing documents: per file, without stopping the others or mixing indexes."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fake import FakePipeline
from sites import ANSWERED, SEEDS, Site
from test_chat import ask, html_of, window

from rag.web.library import Library, _Digests, safe_name
from rag.web.service import Service


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A library over the seeds whose index is made by the fake."""
    (tmp_path / "up").mkdir()

    def make(documents: Path, index: Path, progress: Any) -> Any:
        bad = [(p.relative_to(documents).as_posix(), "bad inside") for p in documents.rglob("unindexable*")]
        return FakePipeline.over_folder(documents), bad

    service = Service(FakePipeline.over_seeds())
    return Library(tmp_path / "lib", service, tmp_path / "up", [".txt", ".md"], make)


def upload(library: Library, name: str, data: bytes) -> str:
    path = library._temporary / name
    path.write_bytes(data)
    return str(path)


def quiet(done: int, total: int) -> None:
    pass


def test_each_file_gets_its_own_result(library: Library) -> None:
    before = library._service.pipeline
    uploads = [
        upload(library, "good.txt", b"Zoe Vance said the harbour opens at seven.\n"),
        upload(library, "UPPER.TXT", b"Capital letters are fine too.\n"),
        upload(library, "latin.txt", b"caf\xe9\n"),
        upload(library, "empty.txt", b""),
        upload(library, "nul.txt", b"a\x00b"),
        upload(library, "picture.png", b"\x89PNG"),
        upload(library, "nosuffix", b"text"),
        upload(library, "huge.txt", b"x" * 20_000_001),
        upload(library, "unindexable.txt", b"Something the index refuses.\n"),
    ]
    results = {r.name: (r.key, r.good) for r in library.add(uploads, quiet)}
    assert results == {
        "good.txt": ("result_ok", True),
        "UPPER.txt": ("result_ok", True),
        "latin.txt": ("result_failed", False),
        "empty.txt": ("result_failed", False),
        "nul.txt": ("result_failed", False),
        "picture.png": ("wrong_type", False),
        "nosuffix": ("wrong_type", False),
        "huge.txt": ("too_large", False),
        "unindexable.txt": ("result_failed", False),
    }
    assert library.added() == ["added/UPPER.txt", "added/good.txt"]
    now = library._service.pipeline
    assert now is not before
    assert set(before.index.documents) < set(now.index.documents)
    assert not list(library._temporary.iterdir())


def test_base_documents_keep_their_names_and_bytes(library: Library) -> None:
    library.add([upload(library, "a.txt", b"Zoe Vance said it.\n")], quiet)
    for path in SEEDS.glob("0*.txt"):
        copy = library._documents / path.name
        assert copy.read_bytes() == path.read_bytes()
        assert library._service.pipeline.index.documents[path.name].text == path.read_bytes().decode()


def test_files_that_were_not_written_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.seen._RACY_NS", 0)
    path, read = tmp_path / "a.txt", list[str]()
    digest = hashlib.file_digest
    monkeypatch.setattr(
        hashlib, "file_digest", lambda file, kind: read.append(file.name) or digest(file, kind)
    )
    digests = _Digests()
    path.write_text("one", "utf-8")
    link = tmp_path / "link.txt"
    link.symlink_to(path)
    assert digests(path) == digests(path) == hashlib.sha256(b"one").hexdigest()
    assert len(read) == 1
    assert digests(link) == digests(path)
    path.write_text("two", "utf-8")
    os.utime(path, (1, 1))
    assert digests(path) == digests(link) == hashlib.sha256(b"two").hexdigest()


def test_same_replaced_removed(library: Library) -> None:
    key = lambda data: library.add([upload(library, "a.txt", data)], quiet)[0].key  # noqa: E731
    assert key(b"One version of it.\n") == "result_ok"
    assert key(b"One version of it.\n") == "result_same"
    assert key(b"Another version of it.\n") == "result_replaced"
    assert [r.key for r in library.remove(["added/a.txt", "000_d6cf82728227791b.txt", "../x"], quiet)] == [
        "result_removed"
    ]
    assert library.added() == []
    assert "added/a.txt" not in library._service.pipeline.index.documents
    assert "000_d6cf82728227791b.txt" in library._service.pipeline.index.documents


def test_one_name_twice_in_a_folder_is_two_documents(library: Library) -> None:
    (library._temporary / "x").mkdir()
    uploads = [
        upload(library, "a.txt", b"First file here.\n"),
        upload(library, "x/a.txt", b"Second file here.\n"),
    ]
    library.add(uploads, quiet)
    assert library.added() == ["added/a (2).txt", "added/a.txt"]


def test_only_uploads_can_be_added(library: Library, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("A private note.\n")
    link = library._temporary / "link.txt"
    link.symlink_to(secret)
    results = library.add([str(secret), str(link), "/etc/hostname", "../secret.txt"], quiet)
    assert not any(r.good for r in results)
    assert library.added() == []
    assert secret.exists()


def test_second_indexing_is_told_to_wait(library: Library) -> None:
    with library._busy:
        results = library.add([upload(library, "a.txt", b"Some text here.\n")], quiet)
        assert [r.key for r in results] == ["result_busy"]
        assert [r.key for r in library.remove(["added/a.txt"], quiet)] == ["result_busy"]


def test_failure_keeps_the_old_index(library: Library) -> None:
    from rag.errors import IndexWriteError

    def fail(documents: Path, index: Path, progress: Any) -> Any:
        raise IndexWriteError("disk full at /secret/path")

    before = library._service.pipeline
    library._make = fail
    results = library.add([upload(library, "a.txt", b"Some text here.\n")], quiet)
    assert [r.good for r in results] == [False]
    assert "/secret" not in str(results[0].values)
    assert library._service.pipeline is before


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.txt", "boot.txt"),
        (".hidden.txt", "hidden.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("nul\x00.txt", "nul.txt"),
        ("x" * 400 + ".txt", "x" * 120 + ".txt"),
        ("....", "document"),
        ("", "document"),
        ("Übung 1.TXT", "Übung 1.txt"),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_answers_stay_right_while_the_index_is_swapped(tmp_path: Path) -> None:
    """Eight readers, twenty swaps: each answer's quote is of one generation and its own text."""
    pipelines = []
    for i in range(20):
        text = f"{'pad ' * i}\nThe harbour office opens at {i} past seven sharp.\n"
        pipelines.append(FakePipeline({"a.txt": text}))
    service = Service(pipelines[0])
    wrong: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            answer, _ = service.answer("When does the harbour office open past seven?")
            c = answer.citations[0]
            held = service.archive.get(c.doc_id, c.sha256)
            if held is None or held.text[c.start : c.end] != c.quote:
                wrong.append(c.quote)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for pipeline in pipelines:
        service.pipeline = pipeline
        stop.wait(0.02)
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


# Over HTTP


def send(client: Any, *files: tuple[str, bytes]) -> list[str]:
    answer = client.post("/gradio_api/upload", files=[("files", (name, data)) for name, data in files])
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def as_file(path: str) -> dict[str, Any]:
    return {"path": path, "orig_name": Path(path).name, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def adding(start_site: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("corpus")
    for path in SEEDS.glob("0*.txt"):
        shutil.copy(path, folder)
    return start_site(folder)


def test_added_document_is_asked_shown_and_removed(adding: Site) -> None:
    with adding.client() as client:
        client.get("/")
        chosen = [value for _, value in adding.call(client, "load")[2]["choices"]]
        paths = send(
            client, ("harbour.txt", b"Zoe Vance said the harbour office opens at seven.\n"), ("x.png", b"no")
        )
        out = adding.call(client, "add_files", [as_file(p) for p in paths])
        assert "harbour.txt" in out[1]
        assert "added" in out[1]
        assert "not a kind of file" in out[1]
        ticked, removable, _ = adding.call(client, "after_add_files", chosen[1:])
        assert [v for _, v in removable["choices"]] == ["added/harbour.txt"]
        # What was not ticked stays so; what is new is ticked.
        assert ticked["value"] == [*chosen[1:], "added/harbour.txt"]
        page = ask(adding, client, "When does the harbour office open, says Zoe Vance?", ticked["value"])
        assert "ans found" in page[1]
        assert 'data-doc="added/harbour.txt"' in page[1]
        # Someone who opened the page before hasn't ruled out what was added since.
        page = ask(adding, client, "When does the harbour office open, says Zoe Vance?", chosen)
        assert "removed" in adding.call(client, "remove", ["added/harbour.txt"])[0]
        assert adding.call(client, "after_remove", chosen)[0]["value"] == chosen
        sha = page[1].split('data-sha="')[1][:64]
        got = window(adding, client, doc="added/harbour.txt", sha=sha, s=0, e=9)
        assert got["hit"] == ["", "", "Zoe Vance"]
        assert "removed since this answer" in str(got["note"])
        assert "ans refused" in ask(adding, client, "Is the harbour office of Zoe Vance open?", chosen)[-1]
        last = ask(adding, client, ANSWERED, chosen)[-1]
        assert "ans found" in last, adding.asked()[-1]


def test_uploads_are_never_served_back(adding: Site) -> None:
    with adding.client() as client:
        client.get("/")
        [path] = send(client, ("evil.html", b"<script>alert(1)</script>"))
        assert Path(path).stat().st_mode
        for form in (f"/gradio_api/file={path}", f"/gradio_api/file/{path.lstrip('/')}", f"/file={path}"):
            assert client.get(form).status_code == 404


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/hostname", "../../../etc/passwd", "http://127.0.0.1:1/x.txt"]
)
def test_forged_paths_are_refused(adding: Site, path: str) -> None:
    with adding.client() as client:
        client.get("/")
        before = adding.call(client, "load_added")
        with suppress(AssertionError):
            adding.call(client, "add_files", [as_file(path)])
        assert adding.call(client, "load_added") == before
        assert "root:" not in "".join(html_of(adding.call(client, "load")[0]))


def test_uploads_are_bounded(adding: Site) -> None:
    with adding.client() as client:
        client.get("/")
        big = client.post("/gradio_api/upload", files=[("files", ("a.txt", b"x" * 20_500_000))])
        assert big.status_code == 413
        with socket.create_connection(("127.0.0.1", adding.port), timeout=10) as raw:
            raw.sendall(
                b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000000\r\n\r\n"
            )
            assert raw.recv(100).split(b" ")[1] == b"413"
        many = [("files", (f"{i}.txt", b"x")) for i in range(1_001)]
        assert client.post("/gradio_api/upload", files=many).status_code == 400


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_other_web_sites_can_not_upload(adding: Site, headers: dict[str, str]) -> None:
    with adding.client() as client:
        answer = client.post("/gradio_api/upload", files=[("files", ("a.txt", b"x"))], headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["../../up.txt", "nul\x00.txt", "x" * 400 + ".txt", "a\u202etxt.txt"])
def test_names_of_uploads_can_not_escape(adding: Site, name: str) -> None:
    with adding.client() as client:
        [path] = send(client, (name, b"Some words in a file.\n"))
        assert Path(path).resolve().is_relative_to(adding.temporary.resolve())
