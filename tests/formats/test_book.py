"""E-books: every page of the spine is read, whatever type it is said to be, and what is left out is said."""

from __future__ import annotations

import pytest
from sample_files import book_members, zipped

from rag.formats import Parsed, ParseOptions
from rag.formats.book import parse

CHAPTER = "<html><body><p>{}</p></body></html>"


def read_with(item: str, spine: str, **members: str) -> Parsed:
    """A book of one chapter, with one more item and one more entry in its spine."""
    held = book_members(["<p>One.</p>"])
    package = str(held["OEBPS/content.opf"])
    package = package.replace("</manifest>", f"{item}</manifest>").replace("</spine>", f"{spine}</spine>")
    return parse(zipped({**held, "OEBPS/content.opf": package, **members}), ParseOptions())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("two.xml", "text/xml"),
        ("two.xml", "application/xml"),
        ("two.htm", "text/x-oeb1-document"),
        ("two.HTML", "application/octet-stream"),
        ("two.xhtml", ""),
    ],
)
def test_chapters_by_whatever_type(name: str, kind: str) -> None:
    item = f'<item id="z" href="{name}" media-type="{kind}"/>'
    parsed = read_with(item, '<itemref idref="z"/>', **{f"OEBPS/{name}": CHAPTER.format("Two.")})
    assert parsed.text == "One.\n\nTwo.\n"
    assert parsed.notes == ()


def test_an_entry_that_names_nothing_is_said() -> None:
    parsed = read_with("", '<itemref idref="nope"/><itemref idref="nope"/>')
    assert parsed.text == "One.\n"
    assert parsed.notes == (
        "its spine names 'nope', which its list of contents lacks: a chapter may be missing",
    )


def test_a_page_that_is_a_picture_is_said() -> None:
    parsed = read_with('<item id="z" href="cover.svg" media-type="image/svg+xml"/>', '<itemref idref="z"/>')
    assert parsed.notes == (
        "'OEBPS/cover.svg' of its spine is image/svg+xml, no page of text, and is not read",
    )


def test_of_a_list_of_contents_in_the_spine_only_the_rest_of_its_page_is_read() -> None:
    page = "<html><body><nav><ol><li>Contents</li></ol></nav><p>A word before.</p></body></html>"
    parsed = read_with("", '<itemref idref="nav"/>', **{"OEBPS/nav.xhtml": page})
    assert parsed.text == "One.\n\nA word before.\n"
    assert parsed.notes == ()
