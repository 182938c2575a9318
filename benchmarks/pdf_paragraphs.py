"""Articles printed to PDF by a browser, and how many of their paragraphs come back whole.

    python -m benchmarks.pdf_paragraphs docs.jsonl.gz [--articles 20] [--chromium chromium]

Printed three ways: one column of a small book, two and three columns, justified and hyphenated. A
paragraph is "exact" when it is a paragraph of the text, "verbatim" when it stands in it without a
difference other than line ends. The browser's running heads and page numbers, which the text holds apart,
are not looked at.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from rag.formats import Parsed, ParseOptions
from rag.formats.pdf import parse

LAYOUTS = {
    "one column, A5": "body{font:11pt/1.3 serif} p{margin:0 0 6pt} @page{size:A5;margin:18mm}",
    "two columns, A4": "body{font:10pt serif} main{columns:2;column-gap:18pt} p{margin:0;text-indent:1.2em} "
    "@page{size:A4;margin:20mm}",
    "three columns, A4": "body{font:9pt sans-serif} main{columns:3;column-gap:14pt} p{margin:0 0 5pt} "
    "@page{size:A4;margin:14mm}",
}


def main() -> None:
    """Print both counts for each layout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("docs", type=Path, help="JSON lines with title and text, perhaps gzipped")
    parser.add_argument("--articles", type=int, default=20)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    args = parser.parse_args()
    data = args.docs.read_bytes()
    rows = (gzip.decompress(data) if args.docs.suffix == ".gz" else data).splitlines()[: args.articles]
    docs = [json.loads(row) for row in rows]
    articles = [[line.strip() for line in doc["text"].split("\n") if line.strip()] for doc in docs]
    wanted = [" ".join(line.split()) for article in articles for line in article[1:] if len(line) > 20]
    body = "".join(
        f"<h2>{html.escape(article[0])}</h2>" + "".join(f"<p>{html.escape(line)}</p>" for line in article[1:])
        for article in articles
    )
    for name, style in LAYOUTS.items():
        text = _without_furniture(parse(_printed(body, style, args.chromium), ParseOptions()))
        paragraphs = {" ".join(paragraph.split()) for paragraph in text.split("\n\n")}
        flat = " ".join(text.split())
        exact, verbatim = sum(p in paragraphs for p in wanted), sum(p in flat for p in wanted)
        print(f"{name}: of {len(wanted)} paragraphs {exact} exact, {verbatim} verbatim")


def _without_furniture(parsed: Parsed) -> str:
    """What may be quoted of a text, WORD JOINERs left out."""
    parts, end = [], 0
    for start, stop in parsed.furniture:
        parts.append(parsed.text[end:start].rstrip("\n"))
        end = stop
    return "".join([*parts, parsed.text[end:]]).replace("\u2060", "")


def _printed(body: str, style: str, chromium: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        page, printed = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(
            "<html lang=en><meta charset=utf-8><title>Printed</title>"
            f"<style>body{{text-align:justify;hyphens:auto}} {style}</style><main>{body}</main></html>"
        )
        command = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--print-to-pdf={printed}",
            str(page),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return printed.read_bytes()


if __name__ == "__main__":
    main()
