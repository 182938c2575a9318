"""Files made to do harm, damaged ones and ones under a wrong name: each is named, none stops the rest."""

from __future__ import annotations

import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_files import PAGE, book, book_members, lines, mail, pdf, word, zipped

from rag.corpus import SourceFile, read_file
from rag.errors import FileError
from rag.formats import ParseOptions
from rag.formats.canonical import Canonical
from rag.formats.confined import ConfinedParser
from rag.formats.limits import Limits

PLAIN = ParseOptions()
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DOCUMENT = f'<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>{{}}</w:t></w:r></w:p></w:body></w:document>'
SAMPLES = {
    ".pdf": pdf(lines("The quay was built in 1881.")),
    ".docx": word(lambda document: document.add_paragraph("The quay was built in 1881.")),
    ".epub": book("<p>The quay was built in 1881.</p>"),
    ".html": PAGE.encode(),
    ".mhtml": b'Content-Type: multipart/related; boundary="B"\r\n\r\n--B\r\nContent-Type: text/html\r\n\r\n'
    b"<p>The quay was built in 1881.</p>\r\n--B--\r\n",
    ".eml": mail(),
    ".csv": b"text\nThe quay was built in 1881.\n",
    ".jsonl": b'{"text": "The quay was built in 1881."}\n',
}


@pytest.fixture(scope="module")
def parser() -> Iterator[ConfinedParser]:
    made = ConfinedParser(Limits(memory=500 * 2**20, cpu_s=20, wall_s=60, per_mb_s=0))
    yield made
    made.close()


def refusal(parser: ConfinedParser, data: bytes, suffix: str) -> str:
    """The message that a file is refused with; the next file is read all the same."""
    found, parsed = parser.outcome(data, suffix, PLAIN)
    assert parsed is None, parsed and parsed.text[:200]
    assert found[0] != "failed", found[1]
    assert parser.outcome(SAMPLES[".csv"], ".csv", PLAIN)[0] == ("parsed", "")
    return found[1]


def raw_pdf(stream: bytes, filters: str, media: str = "[0 0 595 842]", extra: str = "") -> bytes:
    """A PDF of one page by hand, its content in the given filters."""
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox {media} /Contents 4 0 R {extra} "
        "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
    ]
    data = b"%PDF-1.4\n"
    places = []
    for number, part in enumerate(parts, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{part}\nendobj\n".encode()
    places.append(len(data))
    data += f"4 0 obj\n<< /Length {len(stream)} /Filter {filters} >>\nstream\n".encode() + stream
    data += b"\nendstream\nendobj\n"
    start = len(data)
    data += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


WORDS = b"BT /F1 12 Tf 72 700 Td (The quay was built in 1881.) Tj ET "


def deflated(n: int, times: int = 1) -> bytes:
    """So many bytes of blanks, deflated again and again; one piece is packed and repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = b" " * 2**20
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    check = 1
    for _ in range(n // 2**20):
        check = zlib.adler32(piece, check)
    data = b"\x78\xda" + packed * (n // 2**20) + b"\x03\x00" + struct.pack(">I", check)
    for _ in range(times - 1):
        data = zlib.compress(data, 9)
    return data


def lzw_bomb(n: int) -> bytes:
    """LZW of one byte again and again (a code longer each time), for about n bytes."""
    bits, width, table, total = "", 9, 258, 0
    bits += format(256, "09b") + format(32, "09b")
    length = 1
    while total < n:
        if table >= 4094:
            bits += format(256, f"0{width}b") + format(32, "09b")
            width, table, length = 9, 258, 1
            continue
        bits += format(table, f"0{width}b")
        table += 1
        length += 1
        total += length
        width = 9 if table < 511 else 10 if table < 1023 else 11 if table < 2047 else 12
    bits += format(257, f"0{width}b")
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


class TestBombs:
    @pytest.mark.parametrize(
        ("stream", "filters"),
        [
            (lambda: deflated(600 * 2**20), "/FlateDecode"),
            (lambda: deflated(600 * 2**20, 3), "[/FlateDecode /FlateDecode /FlateDecode]"),
            (lambda: lzw_bomb(2**26), "/LZWDecode"),
        ],
        ids=["flate", "nested flate", "lzw"],
    )
    def test_pdf_streams_that_unpack_without_end(
        self, parser: ConfinedParser, stream: object, filters: str
    ) -> None:
        data = raw_pdf(stream(), filters)  # type: ignore[operator]
        assert len(data) < 4 * 2**20
        assert refusal(parser, data, ".pdf")

    @pytest.mark.parametrize("suffix", [".docx", ".epub"])
    def test_zips_that_unpack_without_end(self, parser: ConfinedParser, suffix: str) -> None:
        bomb = b"<a>" + b" " * (200 * 2**20) + b"</a>"
        member = {".docx": "word/document.xml", ".epub": "META-INF/container.xml"}[suffix]
        message = refusal(parser, zipped({member: bomb}), suffix)
        assert "expected at most 100 times as many: it may be a zip bomb" in message

    def test_a_zip_of_many_bombs_and_one_of_zips(self, parser: ConfinedParser) -> None:
        inner = zipped({f"{i}.txt": b"0" * 2**20 for i in range(16)})
        for _ in range(3):
            inner = zipped({f"{i}.zip": inner for i in range(8)})
        message = refusal(parser, inner, ".docx")
        assert "word/document.xml is missing" in message
        assert "no well-formed XML" in refusal(parser, zipped({"word/document.xml": inner}), ".docx")

    def test_a_zip_that_lies_about_its_sizes(self, parser: ConfinedParser) -> None:
        data = bytearray(zipped({"word/document.xml": b" " * (50 * 2**20)}))
        real, claimed = struct.pack("<I", 50 * 2**20), struct.pack("<I", 1000)
        assert data.count(real) == 2
        message = refusal(parser, bytes(data).replace(real, claimed), ".docx")
        assert "damaged" in message or "larger than" in message

    @pytest.mark.parametrize("suffix", [".docx", ".epub"])
    @pytest.mark.parametrize(
        "entities",
        [
            '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)),
            f'<!ENTITY a11 "{"x" * 100_000}">',
            '<!ENTITY a11 SYSTEM "file:///etc/passwd">',
            '<!ENTITY % p SYSTEM "http://192.0.2.1/x.dtd"> %p; <!ENTITY a11 "x">',
        ],
        ids=["billion laughs", "quadratic", "a file of the machine", "another machine's"],
    )
    def test_xml_entities(self, parser: ConfinedParser, suffix: str, entities: str) -> None:
        bomb = f'<?xml version="1.0"?><!DOCTYPE d [{entities}]>' + DOCUMENT.format("&a11;" * 50)
        if suffix == ".docx":
            data = zipped({"word/document.xml": bomb})
        else:
            data = zipped({**book_members(["<p>x</p>"]), "META-INF/container.xml": bomb})
        assert "declares XML entities; expected none" in refusal(parser, data, suffix)

    def test_entities_declared_in_a_page_are_not_expanded(self, parser: ConfinedParser) -> None:
        page = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>Before &x; after</p>'
        for data, suffix in ((page.encode(), ".html"), (book(page), ".epub")):
            _, parsed = parser.outcome(data, suffix, PLAIN)
            assert parsed is not None
            assert "root:" not in parsed.text
            assert "after" in parsed.text

    def test_deep_nesting(self, parser: ConfinedParser) -> None:
        assert "nested deeper" in refusal(parser, b"<div>" * 200_000, ".html")
        assert "no well-formed XML" in refusal(
            parser, zipped({"word/document.xml": "<a>" * 100_000 + "</a>" * 100_000}), ".docx"
        )
        assert refusal(parser, b'{"a":' * 100_000, ".jsonl")
        nested = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(900)
        )
        assert refusal(parser, b"From: a@x\r\n" + nested + b"\r\nwords", ".eml")

    def test_a_pdf_whose_pages_are_their_own_parents(self, parser: ConfinedParser) -> None:
        data = raw_pdf(zlib.compress(WORDS), "/FlateDecode").replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]")
        assert refusal(parser, data, ".pdf")

    def test_a_pdf_of_too_many_pages(self, parser: ConfinedParser) -> None:
        data = pdf(*([lambda canvas: None] * 5_001))
        assert "5,001 pages; expected at most 5,000" in refusal(parser, data, ".pdf")

    def test_a_mail_of_too_many_parts(self, parser: ConfinedParser) -> None:
        part = b"--B\r\nContent-Type: text/plain\r\n\r\nx\r\n"
        data = b'From: a@x\r\nContent-Type: multipart/mixed; boundary="B"\r\n\r\n' + part * 5_000
        assert "more than 1,000 parts" in refusal(parser, data, ".eml")


class TestOddities:
    def test_a_huge_page_is_read(self, parser: ConfinedParser) -> None:
        data = raw_pdf(zlib.compress(WORDS), "/FlateDecode", "[0 0 1000000 1000000]")
        _, parsed = parser.outcome(data, ".pdf", PLAIN)
        assert parsed is not None
        assert parsed.text == "The quay was built in 1881.\n"

    def test_a_page_with_very_many_words_is_read(self, parser: ConfinedParser) -> None:
        rows = b"".join(
            b"BT /F1 1 Tf 10 %d Td (%s) Tj ET " % (840 - i % 800, b"word " * 30) for i in range(800)
        )
        _, parsed = parser.outcome(raw_pdf(zlib.compress(rows), "/FlateDecode"), ".pdf", PLAIN)
        assert parsed is not None
        assert parsed.text.count("word") == 30 * 800

    def test_a_page_with_thousands_of_scattered_words_is_read(self, parser: ConfinedParser) -> None:
        rows = b"".join(
            b"BT /F1 4 Tf %d %d Td (w%d) Tj ET " % (10 + i * 37 % 570, 10 + i * 53 % 820, i)
            for i in range(4_000)
        )
        _, parsed = parser.outcome(raw_pdf(zlib.compress(rows), "/FlateDecode"), ".pdf", PLAIN)
        assert parsed is not None
        assert "w3999" in parsed.text

    def test_a_very_long_line_is_read(self, parser: ConfinedParser) -> None:
        words = b"word " * 200_000
        for data, suffix in (
            (b"<p>" + words, ".html"),
            (b"From: a@x\r\n\r\n" + words, ".eml"),
            (b"text\n" + words, ".csv"),
        ):
            _, parsed = parser.outcome(data, suffix, PLAIN)
            assert parsed is not None
            assert parsed.text.count("word") == 200_000

    @pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
    def test_many_lines_like_headers_are_read(self, tmp_path: Path, parser: ConfinedParser, end: str) -> None:
        """Whether a file is a saved web page is asked of every file, also of one that begins as one would."""
        headers = end.join(f"X-Field-{i}: value{end}\tgoes on" for i in range(60)) + end
        note = tmp_path / "note.txt"
        note.write_bytes(headers.encode())
        assert "X-Field-59" in read_file(SourceFile("note.txt", note))[0]
        _, parsed = parser.outcome(f"{headers}{end}The quay was built in 1881.{end}".encode(), ".eml", PLAIN)
        assert parsed is not None
        assert "The quay was built in 1881." in parsed.text

    def test_too_much_text_is_refused(self) -> None:
        out = Canonical()
        for _ in range(19):
            out.add("x" * 1_000_000)
        with pytest.raises(FileError, match="over 20,000,000 characters; split the file"):
            out.add("x" * 1_000_000)


class TestDamaged:
    @pytest.mark.parametrize("suffix", sorted(SAMPLES))
    def test_truncated_anywhere(self, parser: ConfinedParser, suffix: str) -> None:
        whole = SAMPLES[suffix]
        for size in range(1, len(whole), max(1, len(whole) // 40)):
            found, parsed = parser.outcome(whole[:size], suffix, PLAIN)
            assert found[0] in ("parsed", "refused"), (size, found)
            if suffix in (".docx", ".epub"):
                assert parsed is None

    @pytest.mark.parametrize("suffix", sorted(SAMPLES))
    def test_under_another_suffix(self, parser: ConfinedParser, suffix: str) -> None:
        for other, data in SAMPLES.items():
            found, _ = parser.outcome(data, suffix, PLAIN)
            assert found[0] in ("parsed", "refused"), (other, found)

    @pytest.mark.parametrize(
        ("data", "suffix", "message"),
        [
            (SAMPLES[".pdf"], ".docx", r"begins as a PDF does; expected a Word document: give .* suffix \.pdf"),
            (SAMPLES[".html"], ".pdf", r"begins as a web page does; expected a PDF: give the file the suffix \.html"),
            (SAMPLES[".docx"], ".pdf", r"begins as a Word document does; expected a PDF"),
            (SAMPLES[".epub"], ".docx", r"begins as a EPUB book does; expected a Word document"),
            (SAMPLES[".pdf"], ".html", r"begins as a PDF does; expected a web page"),
            (b"plain words", ".docx", r"no Word document: it begins with b'plain wo'"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", ".docx", r"Word document of before 2007.*save it as \.docx"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), ".docx",
             "protected with a password; save it without one"),
            (b"{\\rtf1 words}", ".docx", r"begins as a rich text document does; expected a Word document: save it as"),
            (b"\x1f\x8b\x08 packed", ".csv", "begins as a gzip archive does"),
            (b"Subject: Q\r\n\tgoes on\r\n" + SAMPLES[".mhtml"], ".csv", "begins as a saved web page"),
            (b"Subject: Q\n goes on\n" + SAMPLES[".mhtml"].replace(b"\r\n", b"\n"), ".csv", "saved web page"),
        ],
    )  # fmt: skip
    def test_a_wrong_suffix_is_named(
        self, parser: ConfinedParser, data: bytes, suffix: str, message: str
    ) -> None:
        import re

        assert re.search(message, refusal(parser, data, suffix))

    def test_an_encrypted_zip(self, parser: ConfinedParser) -> None:
        data = bytearray(SAMPLES[".docx"])
        at = 0
        while (at := data.find(b"PK\x01\x02", at)) >= 0:
            data[at + 8] |= 1
            at += 4
        assert "protected with a password" in refusal(parser, bytes(data), ".docx")

    def test_a_damaged_member(self, parser: ConfinedParser) -> None:
        data = bytearray(zipped({"word/document.xml": DOCUMENT.format("words " * 500)}, zipfile.ZIP_STORED))
        data[2_000] ^= 0xFF
        assert "is damaged" in refusal(parser, bytes(data), ".docx")

    @pytest.mark.parametrize("suffix", sorted(SAMPLES))
    def test_nothing_in_it(self, tmp_path: Path, parser: ConfinedParser, suffix: str) -> None:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(b"")
        with pytest.raises(FileError, match=r"empty \(0 bytes\)"):
            read_file(SourceFile(path.name, path))
        for data in (b"\n", b" \n\t", b"\xef\xbb\xbf", b"\0" * 64):
            assert refusal(parser, data, suffix)

    def test_a_text_file_that_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_bytes(SAMPLES[".pdf"])
        with pytest.raises(
            FileError, match=r"a\.txt: begins as a PDF does; .* give the file the suffix \.pdf"
        ):
            read_file(SourceFile("a.txt", path))

    @pytest.mark.skipif(sys.platform == "win32", reason="no links there without rights")
    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "real.pdf").write_bytes(SAMPLES[".pdf"])
        (tmp_path / "link.pdf").symlink_to(tmp_path / "real.pdf")
        with pytest.raises(FileError, match="can't be read"):
            read_file(SourceFile("link.pdf", tmp_path / "link.pdf"))
