"""Files of every format, made in code."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import docx
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

Draw = Callable[[Canvas], None]


def pdf(
    *pages: Draw, title: str | None = None, author: str | None = None, password: str | None = None
) -> bytes:
    """A PDF of A4 pages (595 x 842 points), each drawn by a function."""
    held = io.BytesIO()
    encrypt = (
        StandardEncryption(password, ownerPassword="owner", strength=128) if password is not None else None
    )
    canvas = Canvas(held, pagesize=A4, encrypt=encrypt, invariant=1, pageCompression=0)
    if title:
        canvas.setTitle(title)
    if author:
        canvas.setAuthor(author)
    for draw in pages:
        canvas.setFont("Helvetica", 10)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return held.getvalue()


def lines(*text: str, x: float = 72, y: float = 740, leading: float = 12.5) -> Draw:
    """Draws lines one under the other."""

    def draw(canvas: Canvas) -> None:
        for i, line in enumerate(text):
            canvas.drawString(x, y - leading * i, line)

    return draw


def both(*draws: Draw) -> Draw:
    """Draws one after the other on one page."""

    def draw(canvas: Canvas) -> None:
        for one in draws:
            one(canvas)

    return draw


def wrapped(text: str, width: int) -> list[str]:
    """Words in lines of at most so many characters."""
    found, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            found.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*found, line]


def word(fill: Callable[[Any], None], **properties: Any) -> bytes:
    """A Word document; `properties` are those of python-docx's core properties."""
    document = docx.Document()
    for name, value in properties.items():
        setattr(document.core_properties, name, value)
    fill(document)
    held = io.BytesIO()
    document.save(held)
    return held.getvalue()


def zipped(members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these members, in this order."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in members.items():
            # The first member of an e-book says what it is, and is not compressed.
            archive.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else method)
    return held.getvalue()


_CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>"""


def book_members(chapters: Sequence[str], **facts: str) -> dict[str, bytes | str]:
    """The members of an e-book whose chapters are the given XHTML bodies."""
    items = "".join(
        f'<item id="c{i}" href="text/c%20{i}.xhtml" media-type="application/xhtml+xml"/>'
        for i in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    stated = "".join(f"<dc:{name}>{value}</dc:{name}>" for name, value in facts.items())
    members: dict[str, bytes | str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
        "OEBPS/content.opf": '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{stated}</metadata>'
        f'<manifest><item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>{items}'
        f"</manifest><spine>{spine}</spine></package>",
        "OEBPS/nav.xhtml": "<html><body><nav><ol><li>Contents</li></ol></nav></body></html>",
    }
    for i, body in enumerate(chapters):
        members[f"OEBPS/text/c {i}.xhtml"] = (
            '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
            f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>c</title></head><body>{body}</body></html>'
        )
    return members


def book(*chapters: str, **facts: str) -> bytes:
    """An e-book."""
    return zipped(book_members(chapters, **facts))


PAGE = """<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8">
<title>Bridge reopens after repairs | The Daily Harbour</title>
<meta property="og:site_name" content="The Daily Harbour"><meta name="author" content="Ada Moor">
<meta property="article:published_time" content="2024-05-31T08:00:00Z">
<style>p { color: red }</style><script>var secret = "never shown";</script></head>
<body><a class="skip-link" href="#main">Skip to content</a>
<header><a href="/">The Daily Harbour</a><nav><ul><li><a href="/news">News</a></li><li><a href="/sport">Sport</a>
</li></ul></nav></header>
<div id="cookie-banner">We use cookies to make your visit better. <button>Accept all</button></div>
<main><article><h1>Bridge reopens after repairs</h1><p class="byline">By Ada Moor</p>
<p>The old bridge over the Elm reopened on <b>Friday</b> after nine months of repairs, the harbour master said in a
statement that was sent to residents of both banks of the river.</p>
<h2>What was done</h2>
<ul><li>The deck was replaced.</li><li>Two piers were strengthened.</li></ul>
<table><tr><th>Part</th><th>Cost</th></tr><tr><td>Deck</td><td>2.1 million</td></tr></table>
<p>Ferries ran free of charge during the closure.<br>They carried 4,000 people a day.</p>
<div class="share-bar"><a href="#">Share on Facebook</a></div></article>
<aside><h3>Related stories</h3><p>Tunnel planned for 2030</p></aside></main>
<footer>© 2024 The Daily Harbour. All rights reserved. <a href="/imprint">Imprint</a></footer></body></html>"""


def mail(
    body: str = "The meeting is moved to Thursday at noon.\r\n", subject: str = "Meeting moved"
) -> bytes:
    """A plain mail."""
    return (
        f"From: Jo Doe <jo@harbour.example>\r\nTo: all@harbour.example\r\nSubject: {subject}\r\n"
        "Date: Fri, 31 May 2024 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}"
    ).encode()
