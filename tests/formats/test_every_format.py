"""A folder with a file of every format, indexed and asked: each citation is a verbatim piece of its text."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas
from sample_files import PAGE, book, lines, mail, pdf, word, wrapped

from rag.cli import main
from rag.config import Config, FormatConfig
from rag.corpus import SourceFile, find_files, read_file
from rag.encoder import load_encoder
from rag.formats import SUFFIXES
from rag.formats.confined import ConfinedParser
from rag.index import Index, IndexReport, update_index
from rag.pipeline import Pipeline

FILLER = (
    "The town council met again in the old hall and spoke for a long time about roads and schools. "
    "Many people came to listen, and the windows were opened because of the heat. "
) * 3

# What each file says that no other says: (question, what the quote holds, page).
FACTS: dict[str, tuple[str, str, int | None]] = {
    "lighthouse.pdf": ("Who built the lighthouse of Farbridge?", "Martha Oakes", 3),
    "columns.pdf": ("When was the Westquay library opened?", "1924", 2),
    "report.docx": ("How many bridges does Northend have?", "seventeen", None),
    "novel.epub": ("What did Captain Rudge bury under the chapel?", "silver bell", None),
    "page.html": ("How long did the repairs of the bridge over the Elm take?", "nine months", None),
    "saved.mhtml": ("What is the name of the mayor of Dunmere?", "Petra Lindqvist", None),
    "letter.eml": ("To which day is the harbour meeting moved?", "Thursday", None),
    "rows.csv": ("What does the Ashford windmill grind?", "buckwheat", None),
    "rows.jsonl": ("Which animal is on the flag of Sandholm?", "otter", None),
    "note.txt": ("What is the oldest tree of Elmwood?", "yew", None),
    "note.md": ("What colour is the ferry of Kettle Island?", "green", None),
}


def headed(number: int, *text: str) -> object:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 810, "Harbour Papers, second series")
        canvas.drawString(297, 30, str(number))
        lines(*wrapped(" ".join(text), 80))(canvas)

    return draw


def two_columns(left: str, right: str) -> object:
    def draw(canvas: Canvas) -> None:
        lines(*wrapped(left, 42))(canvas)
        lines(*wrapped(right, 42), x=310)(canvas)

    return draw


def make_folder(folder: Path) -> Path:
    """One file of each format, each with one fact among filler."""
    folder.mkdir()
    files: dict[str, bytes] = {
        "lighthouse.pdf": pdf(
            headed(1, FILLER), headed(2, FILLER),
            headed(3, FILLER, "The lighthouse of Farbridge was built by Martha Oakes in 1790.", FILLER),
            headed(4, FILLER),
            title="Lights of the coast", author="Ada Moor",
        ),
        "columns.pdf": pdf(
            two_columns(FILLER, FILLER),
            two_columns(FILLER, "The Westquay library was opened in 1924 by the king. " + FILLER),
        ),
        "report.docx": word(
            lambda d: [d.add_heading("Roads", 1), d.add_paragraph(FILLER),
                       d.add_paragraph("Northend has seventeen bridges in all."), d.add_paragraph(FILLER)]
        ),
        "novel.epub": book(
            f"<h1>One</h1><p>{FILLER}</p>",
            f"<h1>Two</h1><p>Captain Rudge buried a silver bell under the chapel.</p><p>{FILLER}</p>",
        ),
        "page.html": PAGE.encode(),
        "saved.mhtml": b'Content-Type: multipart/related; boundary="B"\r\n\r\n--B\r\nContent-Type: text/html\r\n\r\n'
        b"<h1>Dunmere</h1><p>The mayor of Dunmere is Petra Lindqvist, who was elected twice.</p>\r\n--B--\r\n",
        "letter.eml": mail("The harbour meeting is moved to Thursday at noon.\r\n", "Harbour meeting"),
        "rows.csv": f'id,title,text\n1,Hall,"{FILLER}"\n'.encode()
        + b"2,Windmill,The Ashford windmill grinds buckwheat for the whole valley.\n",
        "rows.jsonl": b'{"id": 1, "text": "On the flag of Sandholm there is an otter with a fish."}\n',
        "note.txt": b"Trees\r\n\r\nThe oldest tree of Elmwood is a yew by the church door.\r\n",
        "note.md": b"# Ferries\n\nThe ferry of Kettle Island is painted **green** every spring.\n",
        "scan.pdf": pdf(lambda canvas: canvas.rect(10, 10, 400, 400)),
        "locked.pdf": pdf(lines("Secret."), password="hush"),
        "cut.docx": word(lambda d: d.add_paragraph(FILLER))[:3000],
        "wrong.docx": b"just words",
        "table.csv": b"a,b\n1,2\n",
        "sheet.xlsx": b"PK\x03\x04",
    }  # fmt: skip
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("every") / "in")


@pytest.fixture(scope="module")
def built(folder: Path) -> tuple[Path, IndexReport]:
    path = folder.parent / "index"
    config = Config()
    return path, update_index([folder], path, config=config, encoder=load_encoder(config.encoder))


@pytest.fixture(scope="module")
def pipeline(built: tuple[Path, IndexReport]) -> Pipeline:
    return Pipeline.load(built[0])


def test_every_format_is_here() -> None:
    ours = {Path(name).suffix for name in FACTS}
    assert ours | {".htm", ".xhtml", ".mht", ".tsv"} == set(SUFFIXES)


def test_one_bad_file_never_stops_the_rest(built: tuple[Path, IndexReport]) -> None:
    _, report = built
    assert sorted(report.added) == sorted(FACTS)
    failed = dict(report.failed)
    assert sorted(failed) == ["cut.docx", "locked.pdf", "scan.pdf", "table.csv", "wrong.docx"]
    assert "no text layer was found on 1 page" in failed["scan.pdf"]
    assert failed["locked.pdf"].startswith("encrypted with a password")
    assert failed["cut.docx"].startswith("truncated, or no Word document")
    assert failed["table.csv"].startswith("no column with a usual name")
    assert ("sheet.xlsx", "format .xlsx not supported") in report.left_out


@pytest.mark.parametrize("name", sorted(FACTS))
def test_each_answer_is_a_piece_of_its_text(pipeline: Pipeline, folder: Path, name: str) -> None:
    question, holds, page = FACTS[name]
    answer = pipeline.ask(question)
    assert answer.found, answer.reason
    best = answer.citations[0]
    assert best.doc_id == name
    assert holds in best.quote
    document = pipeline.index.documents[name]
    text, sha256 = read_file(SourceFile(name, folder / name))
    assert document.text == text
    assert best.quote == text[best.start : best.end]
    assert (
        best.sha256 == document.sha256 == sha256 == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    )
    assert best.page == page
    for citation in (*answer.citations, *answer.nearest):
        assert citation.quote == pipeline.index.documents[citation.doc_id].text[citation.start : citation.end]


def test_what_files_say_of_themselves_is_in_the_index(pipeline: Pipeline) -> None:
    documents = pipeline.index.documents
    paper = documents["lighthouse.pdf"]
    assert (paper.title, paper.author, len(paper.pages)) == ("Lights of the coast", "Ada Moor", 4)
    page = documents["page.html"]
    assert (page.title, page.source, page.author) == (
        "Bridge reopens after repairs",
        "The Daily Harbour",
        "Ada Moor",
    )
    assert documents["letter.eml"].source == "jo@harbour.example"


def test_unchanged_files_are_not_parsed_again(
    folder: Path, built: tuple[Path, IndexReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def outcome(self: ConfinedParser, data: bytes, suffix: str, options: object) -> object:
        asked.append(suffix)
        return ("refused", "not now"), None

    monkeypatch.setattr(ConfinedParser, "outcome", outcome)
    config = Config()
    report = update_index([folder], built[0], config=config, encoder=load_encoder(config.encoder))
    assert sorted(report.unchanged) == sorted(FACTS)
    assert len(asked) == 5  # those that could not be read


def test_a_column_that_is_named_shapes_the_index(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/table.csv").write_bytes(
        b"name,remark\nQuay,The quay of Elm was sold for nine shillings.\n"
    )
    config = Config(formats=FormatConfig(text_column="remark"))
    report = update_index(
        [tmp_path / "in"], tmp_path / "i", config=config, encoder=load_encoder(config.encoder)
    )
    assert report.added == ["table.csv"]
    opened = Index.load(tmp_path / "i")
    assert opened.config.formats == config.formats
    assert "## Quay\n\nThe quay of Elm" in opened.documents["table.csv"].text
    assert Config.from_dict(config.to_dict()) == config
    assert (
        dataclasses.replace(config, formats=FormatConfig()).index_fingerprint()
        == Config().index_fingerprint()
    )


def test_the_command_line_shows_pages_and_what_was_not_read(
    folder: Path, built: tuple[Path, IndexReport], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", FACTS["lighthouse.pdf"][0], "--index", str(built[0])]) == 0
    assert "lighthouse.pdf page 3 [" in capsys.readouterr().out
    assert main(["index", str(folder), "--index", str(built[0])]) == 0
    said = capsys.readouterr().err
    assert "not read: locked.pdf: encrypted with a password" in said
    main(["doctor", "--index", str(built[0])])
    said = capsys.readouterr().out
    assert "PDF                    .pdf: can be read" in said
    assert "not read: scan.pdf: no text layer was found" in said


def test_doctor_names_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pypdfium2" else real(name))
    from rag.doctor import _print_formats

    _print_formats()
    said = capsys.readouterr().out
    assert ".pdf: the package 'pypdfium2' is needed to read .pdf files but is not installed" in said
    assert 'pip install "insources[pdf]"' in said
    assert ".html .htm .xhtml: can be read" in said


def test_files_are_found_by_suffix_in_any_case(tmp_path: Path) -> None:
    for name in ("a.PDF", "b.Htm", "c.DOCX"):
        (tmp_path / name).write_bytes(b"x")
    assert [source.doc_id for source in find_files([tmp_path]).files] == ["a.PDF", "b.Htm", "c.DOCX"]
