"""How fast files are parsed, in the process that does it.

    python -m benchmarks.parsing [--files 1000] [--pages 300]

Needs the test extra: the files are made here, in memory.
"""

from __future__ import annotations

import argparse
import io
import time
import zipfile

from rag.formats import ParseOptions
from rag.formats.confined import ConfinedParser

PARAGRAPH = (
    "The harbour of the old town was closed for nine months while the piers were strengthened, and the ferries "
    "that carried four thousand people a day ran from the northern quay instead, the harbour master said. "
)


def main() -> None:
    """Print seconds, files a second and milliseconds a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--pages", type=int, default=300)
    args = parser.parse_args()
    confined = ConfinedParser()
    start = _seconds(confined, b"text\nwords\n", ".csv")
    print(f"the process, started and used once: {start:.2f} s")
    page = f"<html><body><nav>Menu</nav><article><h1>Quay</h1>{f'<p>{PARAGRAPH * 3}</p>' * 8}</article></body></html>"
    samples = {".html": page.encode(), ".epub": _book(page), ".pdf": _pdf(2)}
    for suffix, data in samples.items():
        total = sum(_seconds(confined, data, suffix) for _ in range(args.files))
        print(
            f"{args.files:,} files {suffix} of {len(data):,} bytes: {total:.1f} s, {args.files / total:.0f} a second"
        )
    total = _seconds(confined, _pdf(args.pages), ".pdf")
    print(f"a .pdf of {args.pages:,} pages: {total:.1f} s, {1000 * total / args.pages:.1f} ms a page")
    confined.close()


def _seconds(parser: ConfinedParser, data: bytes, suffix: str) -> float:
    began = time.perf_counter()
    found, parsed = parser.outcome(data, suffix, ParseOptions())
    if parsed is None:
        raise SystemExit(f"{suffix}: {found}")
    return time.perf_counter() - began


def _book(page: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", '<c><rootfile full-path="a.opf"/></c>')
        archive.writestr(
            "a.opf",
            '<p><item id="a" href="a.html" media-type="text/html"/><itemref idref="a"/></p>',
        )
        archive.writestr("a.html", page)
    return held.getvalue()


def _pdf(n_pages: int) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    held = io.BytesIO()
    canvas = Canvas(held)
    words = (PARAGRAPH * 20).split()
    for number in range(n_pages):
        canvas.drawString(72, 810, f"The Harbour Review {number + 1}")
        for i in range(50):
            canvas.drawString(72, 760 - 13 * i, " ".join(words[i * 8 : i * 8 + 14]))
        canvas.showPage()
    canvas.save()
    return held.getvalue()


if __name__ == "__main__":
    main()
