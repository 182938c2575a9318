"""Any bytes, and broken versions of good files: only declared errors, within the limits.

`HYPOTHESIS_PROFILE=long pytest tests/formats/test_fuzz.py` looks much further.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_files import PAGE, book, lines, mail, pdf, word, wrapped, zipped

from rag.assembly import make_document
from rag.formats import Parsed, ParseOptions
from rag.formats.confined import ConfinedParser
from rag.formats.limits import Limits

N = 2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 40
FUZZ = settings(max_examples=N, deadline=None, suppress_health_check=list(HealthCheck))
WORDS = (
    "The quay of Elmouth was built in 1881 by the harbour company, and it was closed twice after storms. " * 8
)
GOOD: dict[str, bytes] = {
    ".pdf": pdf(*[lines(*wrapped(WORDS, 60))] * 3, title="Quay", author="Ada Moor"),
    ".docx": word(
        lambda document: (
            document.add_heading("Quay", 1),
            document.add_paragraph(WORDS),
            document.add_table(2, 2),
        )
    ),
    ".epub": book(f"<h1>One</h1><p>{WORDS}</p>", f"<p>{WORDS}</p>", title="The Quay", creator="Ada Moor"),
    ".html": PAGE.encode(),
    ".mhtml": b'Subject: Q\r\nContent-Type: multipart/related; boundary="B"\r\n\r\n--B\r\nContent-Type: text/html\r\n'
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>" + WORDS.encode() + b"</p>\r\n--B--\r\n",
    ".eml": mail(WORDS),
    ".csv": f'id,title,text\n1,Quay,"{WORDS}"\n2,Bridge,words\n'.encode(),
    ".tsv": f"id\ttext\n1\t{WORDS}\n".encode(),
    ".jsonl": json.dumps({"id": 1, "title": "Quay", "text": WORDS}).encode() + b"\n" + b'{"text": "b"}\n',
}


@pytest.fixture(scope="module")
def parser() -> Iterator[ConfinedParser]:
    made = ConfinedParser(Limits(memory=700 * 2**20, cpu_s=20, wall_s=120, per_mb_s=0))
    yield made
    made.close()


def check(parser: ConfinedParser, data: bytes, suffix: str, options: ParseOptions | None = None) -> None:
    """The file is read or refused, and what is read keeps every promise about texts."""
    found, parsed = parser.outcome(data, suffix, options or ParseOptions())
    if parsed is None:
        assert found[0] == "refused", found
        assert 5 < len(found[1]) < 1_000
        assert "\n" not in found[1]
        return
    assert parsed.text.strip()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", parsed.text)
    assert list(parsed.pages) == sorted(parsed.pages)
    assert all(0 <= page <= len(parsed.text) for page in parsed.pages)
    edges = [edge for span in parsed.furniture for edge in span]
    assert edges == sorted(edges)
    assert all(parsed.text[start:end].strip() for start, end in parsed.furniture)
    if suffix == ".pdf":
        assert parsed.pages[0] == 0
    facts(parsed)
    if len(parsed.text) < 20_000:
        document = make_document(f"a{suffix}", parsed, "")
        assert all(span.of(document.text).strip() for span in document.sentences)
        assert all(
            document.page(span.start) is None or document.page(span.start) for span in document.sentences
        )


def facts(parsed: Parsed) -> None:
    for fact in (parsed.title, parsed.author, parsed.source):
        assert fact is None or (fact.strip() and len(fact) <= 10_000)
    assert parsed.date is None or re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", parsed.date)
    assert parsed.language is None or re.fullmatch("[a-z]{2}", parsed.language)


@st.composite
def broken(draw: Callable[..., bytes | int], data: bytes) -> bytes:
    """A good file with bytes changed, cut out, doubled, put in or swapped."""
    made = bytearray(data)
    for _ in range(int(draw(st.integers(1, 8)))):  # type: ignore[call-arg]
        at = int(draw(st.integers(0, max(0, len(made) - 1))))  # type: ignore[call-arg]
        n = int(draw(st.integers(1, 200)))  # type: ignore[call-arg]
        how = int(draw(st.integers(0, 5)))  # type: ignore[call-arg]
        if how == 0:
            made[at : at + 1] = bytes([int(draw(st.integers(0, 255)))])  # type: ignore[call-arg]
        elif how == 1:
            del made[at : at + n]
        elif how == 2:
            made[at:at] = made[at : at + n]
        elif how == 3:
            made[at:at] = bytes(draw(st.binary(max_size=20)))  # type: ignore[call-arg, arg-type]
        elif how == 4:
            made[at : at + n] = bytes(n)
        else:
            made = made[:at] + made[at + n : at + 2 * n] + made[at : at + n] + made[at + 2 * n :]
    return bytes(made)


@pytest.mark.parametrize("suffix", sorted(GOOD))
class TestBytes:
    @FUZZ
    @given(data=st.data())
    def test_a_broken_file(self, parser: ConfinedParser, suffix: str, data: st.DataObject) -> None:
        check(parser, data.draw(broken(GOOD[suffix])), suffix)

    @FUZZ
    @given(noise=st.binary(max_size=400), keep=st.integers(0, 60))
    def test_noise_after_a_good_beginning(
        self, parser: ConfinedParser, suffix: str, noise: bytes, keep: int
    ) -> None:
        check(parser, GOOD[suffix][:keep] + noise, suffix)


TAGS = "p div span b table tr td th ul ol li dl dt dd h1 h2 pre br article main nav aside form q script style title a svg math template select body html head ruby rt".split()  # noqa: E501


class TestStructures:
    @FUZZ
    @given(
        parts=st.lists(
            st.one_of(
                st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
                st.sampled_from(
                    [
                        "<p hidden>",
                        '<div class="share nav">',
                        "<table role=presentation>",
                        "<!--",
                        "-->",
                        "&amp;",
                        "&#0;",
                        "&#xD800;",
                        "<![CDATA[",
                        "<?xml?>",
                    ]
                ),
                st.text(max_size=20),
            ),
            max_size=60,
        ),
        keep=st.booleans(),
    )
    def test_any_nesting_of_a_page(self, parser: ConfinedParser, parts: list[str], keep: bool) -> None:
        page = "".join(parts)
        data = page.encode("utf-8", "surrogatepass")
        check(parser, data, ".html", ParseOptions(keep_furniture=keep))
        check(parser, book(page), ".epub")

    @FUZZ
    @given(data=st.data(), suffix=st.sampled_from([".docx", ".epub"]))
    def test_a_zip_whose_members_are_broken(
        self, parser: ConfinedParser, data: st.DataObject, suffix: str
    ) -> None:
        with zipfile.ZipFile(io.BytesIO(GOOD[suffix])) as archive:
            members: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
        name = data.draw(st.sampled_from([n for n in sorted(members) if n.endswith(("xml", "opf"))]))
        if data.draw(st.booleans()):
            members[name] = data.draw(broken(bytes(members[name])))  # type: ignore[arg-type]
        else:
            del members[name]
        check(parser, zipped(members), suffix)

    @FUZZ
    @given(
        headers=st.lists(
            st.tuples(
                st.sampled_from(
                    ["From", "To", "Subject", "Date", "Content-Type", "Content-Transfer-Encoding", "X"]
                ),
                st.one_of(
                    st.text(max_size=40),
                    st.sampled_from(
                        [
                            "text/html; charset=utf-7",
                            "multipart/mixed; boundary=",
                            'multipart/alternative; boundary="B"',
                            "message/rfc822",
                            "base64",
                            "quoted-printable",
                            "=?utf-8?b?////?=",
                            "=?x?q?=zz?=",
                            '"a" <b@c',
                            "text/plain; charset*=x''%ff",
                            "Mon, 99 Foo 20240",
                        ]
                    ),
                ),
            ),
            max_size=8,
        ),
        body=st.one_of(
            st.text(max_size=100),
            st.sampled_from(
                ["--B\n\nx\n--B\n", "--B\nContent-Type: text/html\n\n<p>hi\n--B--", "=ZZ=", "&&&&"]
            ),
        ),
    )
    def test_any_header_of_a_mail(
        self, parser: ConfinedParser, headers: list[tuple[str, str]], body: str
    ) -> None:
        data = "".join(f"{name}: {value}\n" for name, value in headers) + f"\n{body}"
        for suffix in (".eml", ".mhtml"):
            check(parser, data.encode("utf-8", "surrogatepass"), suffix)

    @FUZZ
    @given(
        rows=st.lists(st.lists(st.text(max_size=12), max_size=5), max_size=8),
        separator=st.sampled_from(",;\t|"),
        column=st.one_of(st.none(), st.text(max_size=5)),
    )
    def test_any_table(
        self, parser: ConfinedParser, rows: list[list[str]], separator: str, column: str | None
    ) -> None:
        text = "text\n" + "\n".join(separator.join(row) for row in rows)
        for suffix in (".csv", ".tsv"):
            check(parser, text.encode("utf-8", "surrogatepass"), suffix, ParseOptions(text_column=column))

    @FUZZ
    @given(
        values=st.lists(
            st.recursive(
                st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
                lambda inner: st.one_of(
                    st.lists(inner, max_size=4),
                    st.dictionaries(st.sampled_from(["text", "id", "title", "x", ""]), inner, max_size=4),
                ),
            ),
            max_size=6,
        )
    )
    def test_any_values_in_lines(self, parser: ConfinedParser, values: list[object]) -> None:
        check(parser, "\n".join(json.dumps(value) for value in values).encode() or b"{}", ".jsonl")
