"""Word documents: what was deleted under tracked changes or is hidden is not read, and nothing is read twice."""

from __future__ import annotations

from sample_files import zipped

from rag.formats import ParseOptions
from rag.formats.word import parse as read_word

PLAIN = ParseOptions()
_SPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def said(text: str) -> str:
    """A paragraph of a Word document."""
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def word_of(body: str, styles: str = "") -> bytes:
    """A Word document of a body and styles as Word writes them."""
    return zipped(
        {
            "word/document.xml": f"<w:document {_SPACE}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": f"<w:styles {_SPACE}>{styles}</w:styles>",
        }
    )


def test_deleted_and_hidden_rows_and_cells_are_not_read() -> None:
    def cell(text: str, facts: str = "") -> str:
        return f"<w:tc><w:tcPr>{facts}</w:tcPr>{said(text)}</w:tc>"

    shown = f"<w:tr>{cell('Ketch')}{cell('500')}</w:tr>"
    gone = f"<w:tr><w:trPr><w:del/></w:trPr>{cell('DELETED')}{cell('9')}</w:tr>"
    hidden = f"<w:tr><w:trPr><w:hidden/></w:trPr>{cell('HIDDEN')}{cell('9')}</w:tr>"
    part = f"<w:tr>{cell('Sloop')}{cell('DELETED', '<w:cellDel/>')}{cell('700')}</w:tr>"
    inner = f"<w:tr>{cell('Inner')}<w:tc><w:tbl>{gone}{shown}</w:tbl></w:tc></w:tr>"
    text = read_word(word_of(f"<w:tbl>{shown}{gone}{hidden}{part}{inner}</w:tbl>"), PLAIN).text
    assert text == "Ketch | 500\nSloop | 700\nInner | Ketch 500\n"


def test_a_text_box_in_a_cell_is_read_once() -> None:
    box = f"<w:txbxContent>{said('In a box.')}</w:txbxContent>"
    both = (
        f"<w:p><w:r><w:t>Before.</w:t><m:AlternateContent xmlns:m='urn:m'><m:Choice>{box}</m:Choice>"
        f"<m:Fallback>{box}</m:Fallback></m:AlternateContent></w:r></w:p>"
    )
    row = f"<w:tr><w:tc>{both}</w:tc><w:tc>{said('Beside.')}</w:tc></w:tr>"
    assert read_word(word_of(f"<w:tbl>{row}</w:tbl>"), PLAIN).text == "Before. In a box. | Beside.\n"


def test_styles_that_hide_their_text() -> None:
    """A paragraph's style, one based on it, and a run's; what a run says itself goes first."""
    styles = (
        '<w:style w:styleId="Note"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="Inner"><w:basedOn w:val="Note"/></w:style>'
        '<w:style w:styleId="Shown"><w:basedOn w:val="Note"/><w:rPr><w:vanish w:val="0"/></w:rPr></w:style>'
    )
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'
        for style, text in (
            ("Note", "HIDDEN"),
            ("Inner", "HIDDEN"),
            ("Shown", "Seen."),
            ("Other", "Read."),
        )
    )
    body += (
        '<w:p><w:pPr><w:pStyle w:val="Note"/></w:pPr>'
        '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>Said to be shown.</w:t></w:r></w:p>'
        '<w:p><w:r><w:rPr><w:rStyle w:val="Note"/></w:rPr><w:t>HIDDEN</w:t></w:r><w:r><w:t>Last.</w:t></w:r></w:p>'
    )
    text = read_word(word_of(body, styles), PLAIN).text
    assert text == "Seen.\n\nRead.\n\nSaid to be shown.\n\nLast.\n"
