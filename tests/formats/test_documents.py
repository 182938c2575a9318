"""Word documents, e-books, mails, tables and JSON lines."""

from __future__ import annotations

import email.message
import json
import sys
from typing import Any

import pytest
from sample_files import book, book_members, mail, word, zipped

from rag.assembly import make_document
from rag.errors import FileError, OptionalDependencyError
from rag.formats import ParseOptions
from rag.formats.book import parse as read_book
from rag.formats.json_lines import parse as read_lines
from rag.formats.mail import parse as read_mail
from rag.formats.table import parse as read_table
from rag.formats.word import parse as read_word

PLAIN = ParseOptions()


class TestWord:
    def test_headings_lists_and_tables_in_order(self) -> None:
        def fill(document: Any) -> None:
            document.add_heading("Annual report", 0)
            document.add_paragraph("The year began well.")
            document.add_heading("Costs", 2)
            document.add_paragraph("Paint", style="List Bullet")
            document.add_paragraph("Rope", style="List Bullet")
            table = document.add_table(2, 2)
            for row, cells in zip(table.rows, [("Item", "Cost"), ("Paint", "200")], strict=True):
                for cell, text in zip(row.cells, cells, strict=True):
                    cell.text = text
            document.add_paragraph("The end.")

        parsed = read_word(word(fill, title="Annual report", author="Ada Moor", language="en-GB"), PLAIN)
        assert parsed.text == (
            "# Annual report\n\nThe year began well.\n\n## Costs\n\n- Paint\n- Rope\n\nItem | Cost\nPaint | 200\n\n"
            "The end.\n"
        )
        assert (parsed.title, parsed.author, parsed.language) == ("Annual report", "Ada Moor", "en")
        assert parsed.date is not None
        assert parsed.pages == ()

    def test_what_a_reader_sees_and_nothing_else(self) -> None:
        """Inserted text, content controls, links and text boxes are seen; deleted and hidden text is not."""
        space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        body = (
            "<w:p><w:r><w:t>Kept </w:t></w:r><w:ins><w:r><w:t>inserted </w:t></w:r></w:ins>"
            "<w:del><w:r><w:delText>DELETED </w:delText></w:r></w:del>"
            "<w:r><w:rPr><w:vanish/></w:rPr><w:t>HIDDEN</w:t></w:r>"
            "<w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink><w:r><w:t>.</w:t></w:r>"
            "<w:r><w:fldChar/><w:instrText>FIELD</w:instrText></w:r></w:p>"
            "<w:sdt><w:sdtPr><w:alias/></w:sdtPr>"
            "<w:sdtContent><w:p><w:r><w:t>Controlled.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
            "<w:p><w:r><w:t>Around</w:t>"
            "<w:pict><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent></w:pict>"
            "<w:br/><w:t>it</w:t></w:r></w:p>"
        )
        data = zipped(
            {"word/document.xml": f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'}
        )
        assert (
            read_word(data, PLAIN).text == "Kept inserted linked.\n\nControlled.\n\nAround\nit\n\nIn a box.\n"
        )

    def test_comments_are_said_not_to_be_read(self) -> None:
        def fill(document: Any) -> None:
            paragraph = document.add_paragraph("Text with a remark.")
            document.add_comment(paragraph.runs, text="A remark", author="B")

        parsed = read_word(word(fill), PLAIN)
        assert "remark" in parsed.text
        assert "A remark" not in parsed.text
        assert parsed.notes == ("its comments are not read",)

    def test_footnotes_follow(self) -> None:
        space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        data = zipped(
            {
                "word/document.xml": f'<w:document xmlns:w="{space}"><w:body><w:p><w:r><w:t>Said so.</w:t></w:r></w:p>'
                "</w:body></w:document>",
                "word/footnotes.xml": f'<w:footnotes xmlns:w="{space}"><w:footnote w:type="separator"><w:p><w:r><w:t>-'
                "</w:t></w:r></w:p></w:footnote><w:footnote><w:p><w:r><w:t>See page 9.</w:t></w:r></w:p></w:footnote>"
                "</w:footnotes>",
            }
        )
        assert read_word(data, PLAIN).text == "Said so.\n\nSee page 9.\n"

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"ppt/presentation.xml": "<a/>"}, "no Word document but a presentation"),
            ({"xl/workbook.xml": "<a/>"}, "no Word document but a spreadsheet"),
            ({"a.txt": "x"}, "another kind of zip"),
            ({"word/document.xml": "<w:document"}, "no well-formed XML"),
            ({"word/document.xml": "<document/>"}, "no text in this document"),
        ],
    )
    def test_refused(self, members: dict[str, bytes | str], message: str) -> None:
        with pytest.raises(FileError, match=message):
            read_word(zipped(members), PLAIN)


class TestBooks:
    def test_chapters_in_the_order_of_the_spine(self) -> None:
        data = book(
            "<h1>One</h1><p>It was late.</p><nav><p>SKIPPED</p></nav>", "<h1>Two</h1><p>It was later &amp; darker.</p>",
            title="The Quay", creator="Ada Moor", language="en", date="1931", publisher="Elm Press",
        )  # fmt: skip
        parsed = read_book(data, PLAIN)
        assert parsed.text == "# One\n\nIt was late.\n\n# Two\n\nIt was later & darker.\n"
        assert (parsed.title, parsed.author, parsed.date, parsed.language, parsed.source) == (
            "The Quay", "Ada Moor", "1931", "en", "Elm Press"
        )  # fmt: skip

    def test_a_missing_chapter_is_said(self) -> None:
        members = book_members(["<p>One.</p>", "<p>Two.</p>"])
        del members["OEBPS/text/c 1.xhtml"]
        parsed = read_book(zipped(members), PLAIN)
        assert parsed.text == "One.\n"
        assert parsed.notes == ("its chapter 'OEBPS/text/c 1.xhtml' is missing",)

    def test_protected(self) -> None:
        locked = (
            '<encryption xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData><e:CipherData>'
            '<e:CipherReference URI="OEBPS/text/c%200.xhtml"/></e:CipherData></e:EncryptedData></encryption>'
        )
        for extra in ({"META-INF/rights.xml": "<r/>"}, {"META-INF/encryption.xml": locked}):
            with pytest.raises(FileError, match=r"protected \(DRM\)"):
                read_book(zipped({**book_members(["<p>x</p>"]), **extra}), PLAIN)

    def test_encrypted_fonts_alone_do_not_matter(self) -> None:
        fonts = '<encryption><CipherReference URI="OEBPS/fonts/a.otf"/></encryption>'
        data = zipped({**book_members(["<p>Read.</p>"]), "META-INF/encryption.xml": fonts})
        assert read_book(data, PLAIN).text == "Read.\n"

    @pytest.mark.parametrize(
        ("without", "message"),
        [
            ("META-INF/container.xml", "container.xml is missing"),
            ("OEBPS/content.opf", "list of contents 'OEBPS/content.opf' is missing"),
        ],
    )
    def test_damaged(self, without: str, message: str) -> None:
        members = book_members(["<p>x</p>"])
        del members[without]
        with pytest.raises(FileError, match=message):
            read_book(zipped(members), PLAIN)


class TestMails:
    def test_header_lines_and_message(self) -> None:
        parsed = read_mail(mail(), PLAIN)
        assert parsed.text == (
            "# Meeting moved\n\nFrom: Jo Doe <jo@harbour.example>\nTo: all@harbour.example\n"
            "Date: Fri, 31 May 2024 08:00:00 +0000\n\nThe meeting is moved to Thursday at noon.\n"
        )
        assert (parsed.title, parsed.author, parsed.source, parsed.date) == (
            "Meeting moved", "Jo Doe", "jo@harbour.example", "2024-05-31"
        )  # fmt: skip

    def test_alternatives_attachments_and_encoded_words(self) -> None:
        message = email.message.EmailMessage()
        message["Subject"] = "Grüße aus Köln"
        message["From"] = "Jörg Müller <jm@x.example>"
        message.set_content("Die Brücke ist wieder offen, schreibt die Stadt.")
        message.add_alternative("<p>HTML version</p>", subtype="html")
        message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="plan.pdf")
        parsed = read_mail(message.as_bytes(), PLAIN)
        assert "# Grüße aus Köln" in parsed.text
        assert "Die Brücke ist wieder offen" in parsed.text
        assert "HTML version" not in parsed.text
        assert parsed.author == "Jörg Müller"
        assert parsed.notes == ("attachment not read: plan.pdf; save it into the folder to have it indexed",)

    def test_html_alone_is_read_as_a_page(self) -> None:
        message = email.message.EmailMessage()
        message["From"] = "a@x.example"
        message.set_content(
            "<p>Dear all,<br>the <b>quay</b> is closed.</p><div hidden>TRACKER</div>", subtype="html"
        )
        parsed = read_mail(message.as_bytes(), PLAIN)
        assert "Dear all,\nthe quay is closed." in parsed.text
        assert "TRACKER" not in parsed.text

    def test_html_alone_without_the_extra_names_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "lxml", None)
        message = email.message.EmailMessage()
        message["From"] = "a@x.example"
        message.set_content("<p>Dear all</p>", subtype="html")
        with pytest.raises(OptionalDependencyError, match=r'pip install "insources\[web\]"'):
            read_mail(message.as_bytes(), PLAIN)

    def test_a_forwarded_mail_is_part_of_it(self) -> None:
        outer = email.message.EmailMessage()
        outer["Subject"] = "Fwd"
        outer.set_content("See below, please.")
        inner = email.message.EmailMessage()
        inner["Subject"], inner["From"] = "Original", "b@x.example"
        inner.set_content("The original words.")
        outer.add_attachment(inner)
        text = read_mail(outer.as_bytes(), PLAIN).text
        assert "See below, please.\n\nSubject: Original\nFrom: b@x.example\n\nThe original words." in text

    def test_flowed_lines_are_joined(self) -> None:
        data = (
            b"From: a@x\r\nContent-Type: text/plain; format=flowed\r\n\r\nA long \r\nline.\r\n\r\nNext.\r\n"
        )
        assert read_mail(data, PLAIN).text.endswith("A long line.\n\nNext.\n")

    def test_a_wrong_charset_and_no_charset(self) -> None:
        for charset in (b"", b"; charset=utf-8", b"; charset=x-unknown"):
            data = (
                b"From: a@x\r\nContent-Type: text/plain" + charset + b"\r\n\r\nGr\xfc\xdfe aus der Stadt\r\n"
            )
            assert "Grüße aus der Stadt" in read_mail(data, PLAIN).text

    def test_no_mail(self) -> None:
        with pytest.raises(FileError, match="does not begin with header lines"):
            read_mail(b"\xff\xfe\x00 binary", PLAIN)
        with pytest.raises(FileError, match="no text in this mail"):
            read_mail(b"X-Nothing: 1\r\n\r\n", PLAIN)


class TestTables:
    def test_each_row_is_a_section(self) -> None:
        data = b'id,title,author,text\n7,Quay,A. Moor,"It was built, they say, in 1881."\n8,,,Second row.\n'
        assert read_table(data, PLAIN).text == (
            "## Quay [7]\n\nauthor: A. Moor\n\nIt was built, they say, in 1881.\n\n## 8\n\nSecond row.\n"
        )

    def test_what_one_row_says_does_not_hold_for_the_file(self) -> None:
        first = b"title,author,date,text\nQuay,A. Moor,2024-01-02,It was built in 1881.\n"
        data = first + b"Mill,B. Hill,2023-01-01,It grinds.\n"
        document = make_document("a.csv", read_table(data, PLAIN), "")
        assert (document.title, document.author, document.date, document.source) == (None, None, None, None)

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_separators_and_a_byte_order_mark(self, separator: str) -> None:
        data = "\ufeff" + f"no{separator}body\r\n1{separator}Zürich\r\n"
        assert read_table(data.encode(), PLAIN).text == "## 1\n\nZürich\n"
        assert read_table(data.removeprefix("\ufeff").encode("utf-16"), PLAIN).text == "## 1\n\nZürich\n"

    def test_the_column_that_is_asked_for(self) -> None:
        data = b"text,Remark\nfirst,second\n"
        assert read_table(data, ParseOptions(text_column="remark")).text == "## row 1\n\nsecond\n"
        with pytest.raises(
            FileError, match=r"no column 'x'; it has 'text', 'Remark': name one with --text-column"
        ):
            read_table(data, ParseOptions(text_column="x"))
        with pytest.raises(FileError, match="no column with a usual name for text"):
            read_table(b"a,b\n1,2\n", PLAIN)

    def test_what_is_odd_is_said(self) -> None:
        parsed = read_table(b"id,text\n1,\n2,words,more\n3,other\n", PLAIN)
        assert parsed.notes == (
            "1 rows without text in 'text' are left out", "1 rows have more or fewer cells than the 2 columns"
        )  # fmt: skip

    def test_refused(self) -> None:
        with pytest.raises(FileError, match="malformed table at line"):
            read_table(b'id,text\n1,"never closed\n', PLAIN)
        with pytest.raises(FileError, match="byte 0xFC at offset 10 is not UTF-8"):
            read_table(b"text\nK\xc3\xb6ln\xfc", PLAIN)
        with pytest.raises(FileError, match="holds no text in any row"):
            read_table(b"id,text\n1,\n", PLAIN)


class TestJsonLines:
    def test_each_object_is_a_section(self) -> None:
        rows = [
            {"id": 1, "title": "Quay", "text": "Built in 1881.", "date": "2024-01-02"},
            {"id": 2, "text": ["a", "b"]},
        ]
        data = "\n".join(json.dumps(row) for row in rows).encode()
        assert read_lines(data, PLAIN).text == (
            "## Quay [1]\n\ndate: 2024-01-02\n\nBuilt in 1881.\n\n## 2\n\na\n\nb\n"
        )

    def test_the_field_that_is_asked_for(self) -> None:
        assert (
            read_lines(b'{"q": "why", "a": "so"}\n', ParseOptions(text_column="a")).text == "## row 1\n\nso\n"
        )

    def test_the_field_may_be_missing_in_some(self) -> None:
        parsed = read_lines(b'{"id": 1, "name": "a"}\n{"id": 2, "body": "words"}\n', PLAIN)
        assert parsed.text == "## 2\n\nwords\n"
        assert parsed.notes == ("1 lines without text in 'body' are left out",)

    def test_half_a_surrogate_pair_is_replaced(self) -> None:
        assert read_lines(b'{"text": "a\\ud800b"}', PLAIN).text == "## row 1\n\na\ufffdb\n"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b'{"text": "a"}\n{broken\n', "line 2 is no JSON"),
            (b"[1, 2]\n", "line 1 is a list; expected a JSON object"),
            (b'{"n": 1}\n', "no column with a usual name"),
            (b"\n\n", "no object in it"),
            (b'{"text": ' + b"[" * 100_000, "line 1: nested too deeply|line 1 is no JSON"),
        ],
    )
    def test_refused(self, data: bytes, message: str) -> None:
        with pytest.raises(FileError, match=message):
            read_lines(data, PLAIN)
