"""Added documents that are not text: what each upload is told, and what stays when a file has gone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fake import FakePipeline

from rag.datatypes import Citation
from rag.formats import SUFFIXES
from rag.web.adding import told
from rag.web.export import export
from rag.web.library import Library
from rag.web.render import citation_line, place
from rag.web.service import Service
from rag.web.session import Turn
from rag.web.source import Sources
from rag.web.strings import strings

PAGE = b"<html><body><h1>Ferry</h1><p>The ferry was painted green in 1931.</p></body></html>"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "up").mkdir()

    def make(documents: Path, index: Path, progress: Any) -> Any:
        return FakePipeline.over_folder(documents), []

    pipeline = FakePipeline({"old.pdf": "What the old file said.\n", "note.txt": "A note of ours.\n"})
    return Library(tmp_path / "lib", Service(pipeline), tmp_path / "up", SUFFIXES, make)


def quiet(done: int, total: int) -> None:
    pass


def test_every_upload_is_told_what_became_of_it(library: Library) -> None:
    files = {
        "page.html": PAGE,
        "row.csv": b"text\nThe ferry is green.\n",
        "bad.csv": b"a,b\n1,2\n",
        "wrong.pdf": PAGE,
        "cut.docx": b"PK\x03\x04 and no more",
        "empty.eml": b"",
        "sheet.xlsx": b"PK\x03\x04",
    }
    for name, data in files.items():
        (library._temporary / name).write_bytes(data)
    results = {r.name: r for r in library.add([str(library._temporary / name) for name in files], quiet)}
    assert library.added() == ["added/page.html", "added/row.csv"]
    reasons = {name: str(result.values.get("reason", result.key)) for name, result in results.items()}
    assert "no column with a usual name for text" in reasons["bad.csv"]
    assert "begins as a web page does; expected a PDF" in reasons["wrong.pdf"]
    assert "truncated, or no Word document" in reasons["cut.docx"]
    assert "empty (0 bytes)" in reasons["empty.eml"]
    assert results["sheet.xlsx"].key == "wrong_type"


def test_what_an_upload_leaves_out_is_told(library: Library) -> None:
    mixed = b"<html><head><meta charset=utf-8></head><body><p>The caf\xc3\xa9, the caf\xe9.</p></body></html>"
    mail = (
        b"From: a@example.org\nSubject: Ferry\nContent-Type: multipart/mixed; boundary=B\n\n"
        b"--B\n\nThe ferry is green.\n"
        b'--B\nContent-Type: image/png\nContent-Disposition: attachment; filename="<b>map.png"\n\nx\n'
        b"--B\nContent-Type: image/gif\n\nx\n--B--\n"
    )
    for name, data in {"mixed.html": mixed, "mail.eml": mail, "plain.txt": b"The ferry is green.\n"}.items():
        (library._temporary / name).write_bytes(data)
    done = library.add([str(path) for path in sorted(library._temporary.iterdir())], quiet)
    assert [result.key for result in done] == ["result_ok"] * 3
    said = dict(zip(["mail.eml", "mixed.html", "plain.txt"], map(str, done), strict=True))
    assert "<b>map.png" in said["mail.eml"]
    assert "image/gif without a name" in said["mail.eml"]
    page = told(done, strings("en"))
    assert "added, but note: " in page
    assert "Windows-1252" in page
    assert "<b>map" not in page, "a note is shown as text"
    assert page.count("but note") == 2


def test_a_document_whose_file_has_gone_stays_as_its_text(library: Library) -> None:
    (library._temporary / "a.txt").write_bytes(b"Some words are here.\n")
    library.add([str(library._temporary / "a.txt")], quiet)
    held = library._documents
    assert (held / "old.pdf.txt").read_text() == "What the old file said.\n"
    assert not (held / "old.pdf").exists()
    assert (held / "note.txt").read_text() == "A note of ours.\n"


def test_the_viewer_shows_the_text_that_was_indexed_and_its_page(tmp_path: Path) -> None:
    pipeline = FakePipeline(
        {"old.pdf": "Page one says this.\n\nPage two says that.\n"}, roots=(str(tmp_path),)
    )
    old = pipeline.index.documents["old.pdf"]
    (tmp_path / "old.pdf").write_bytes(b"%PDF-1.4 the file's bytes")
    digest = "5" * 64
    pipeline.index.documents["old.pdf"] = dataclasses.replace(old, pages=(0, 21), sha256=digest)
    start = old.text.index("Page two")
    shown = Sources(Service(pipeline)).window({"doc": "old.pdf", "s": start, "e": start + 19, "sha": digest})
    assert (shown["page"], "".join(shown["hit"])) == (2, "Page two says that.")
    assert shown["note"] == "changed"  # by the file's bytes, not by its text


def test_pages_in_citations_and_exports() -> None:
    s = strings("en")
    cited = Citation("a.pdf", "A title", 10, 20, "Ten chars.", None, 7, "0" * 64, 1.0)
    assert place(cited, 3, s) == "page 7"
    assert "page 7, characters 10–20" in citation_line(cited, 3, s)
    answer = FakePipeline({"a.txt": "Ten chars and more of them here.\n"}).ask("chars")
    turn = Turn(1, "chars", dataclasses.replace(answer, found=True, citations=(cited,), nearest=()))
    assert "page 7" in export("markdown", [turn], s)["text"]
    assert "[page 7, 10:20] Ten chars." in export("bibtex", [turn], s)["text"]
    assert "[page 7, 10:20] Ten chars." in export("csl", [turn], s)["text"]
    assert '"page": 7' in export("json", [turn], s)["text"]
