"""How well furniture is told from articles, on pages whose lines a person labelled.

    python -m benchmarks.furniture --news PATH

`PATH` is a `.jsonl` or `.jsonl.gz` of crawled pages (`doc_id`, `text`). The labels beside this file hold no
text: a page's id, a line's number among its lines that are not blank, the first 16 digits of the line's
sha256, and `keep`, `furniture` or `either` (bylines, datelines, notes of correction: not counted). Captions are kept.

What was seen when: rules were changed after a look at the mistakes on the `first` set. The `second` was labelled
after that and before any run; its mistakes have been looked at since. The `third` was drawn at random (12 pages
of www.usatoday.com, 8 of www.cnn.com, 6 of theweek.co.uk, the crawl's three sites, and one of each of two
other addresses), labelled line by line before any run, and no rule was changed afterwards.

jusText and trafilatura read HTML, which these pages no longer are: each line is given to them as a
`<p>`, so they see no links, classes or nesting and do worse than on a live page.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from rag.cleaning import read_structure

LABELS = Path(__file__).with_name("furniture_labels.jsonl")
_LINE = re.compile(r"[^\n]*\S[^\n]*")

Page = list[tuple[int, int]]  # [start, end) of each line that is not blank
Labels = dict[str, dict[int, tuple[str, str]]]
Method = Callable[[str, Page], list[bool]]  # text, lines -> which lines are kept


def keep_all(text: str, lines: Page) -> list[bool]:
    """What keeping everything would score: the share of articles in the pages."""
    return [True for _ in lines]


def insources(text: str, lines: Page) -> list[bool]:
    """A line is kept where more than half of its characters may be quoted from."""
    prose = read_structure(text).prose
    kept = []
    for start, end in lines:
        inside = sum(max(0, min(end, span.end) - max(start, span.start)) for span in prose)
        kept.append(inside > 0.5 * len(text[start:end].strip()))
    return kept


def justext(text: str, lines: Page) -> list[bool]:
    """jusText with its English stop words and default thresholds."""
    import justext as library

    paragraphs = library.justext(_as_html(text, lines), library.get_stoplist("English"))
    kept = {_squeeze(p.text) for p in paragraphs if not p.is_boilerplate}
    return [_squeeze(text[start:end]) in kept for start, end in lines]


def trafilatura(text: str, lines: Page) -> list[bool]:
    """trafilatura's `extract` with default settings."""
    import trafilatura as library

    extracted = library.extract(_as_html(text, lines), include_comments=False) or ""
    kept = {_squeeze(line) for line in extracted.splitlines()}
    return [_squeeze(text[start:end]) in kept for start, end in lines]


METHODS: dict[str, Method] = {
    "keep everything": keep_all,
    "insources": insources,
    "jusText": justext,
    "trafilatura": trafilatura,
}


def _as_html(text: str, lines: Page) -> str:
    body = "\n".join(f"<p>{html.escape(text[start:end].strip())}</p>" for start, end in lines)
    return f"<html><head><title>page</title></head><body><article>{body}</article></body></html>"


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def read_labels(path: Path = LABELS) -> dict[str, Labels]:
    """`{set: {doc_id: {line: (sha256 digits, label)}}}`."""
    labels: dict[str, Labels] = {}
    for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        page = labels.setdefault(row["set"], {}).setdefault(row["doc_id"], {})
        page[row["line"]] = (row["sha256"], row["label"])
    return labels


def read_pages(path: Path, wanted: Iterable[str]) -> dict[str, str]:
    """`{doc_id: text}` of the labelled pages."""
    ids = set(wanted)
    packed = path.read_bytes()
    rows = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode().split("\n")
    return {
        page["doc_id"]: page["text"] for page in map(json.loads, filter(None, rows)) if page["doc_id"] in ids
    }


def score(method: Method, pages: dict[str, str], labels: Labels, show: bool) -> dict[str, float]:
    """Precision and recall of what is kept, by lines and by characters, and of what is removed, by lines."""
    n: Counter[tuple[str, bool]] = Counter()
    size: Counter[tuple[str, bool]] = Counter()
    for doc_id, text in pages.items():
        lines = [match.span() for match in _LINE.finditer(text)]
        for i, ((start, end), kept) in enumerate(zip(lines, method(text, lines), strict=True)):
            digits, label = labels[doc_id][i]
            line = text[start:end].strip()
            if hashlib.sha256(line.encode()).hexdigest()[:16] != digits:
                raise SystemExit(
                    f"line {i} of {doc_id} differs from the one labelled; expected sha256 {digits}..."
                )
            n[label, kept] += 1
            size[label, kept] += len(line)
            if show and label != "either" and kept != (label == "keep"):
                print(f"  {label}, but {'kept' if kept else 'removed'}: {doc_id[:40]} {i}: {line[:100]}")
    removed = n["furniture", False] + n["keep", False]
    return {
        "precision": n["keep", True] / max(1, n["keep", True] + n["furniture", True]),
        "recall": n["keep", True] / max(1, n["keep", True] + n["keep", False]),
        "precision, chars": size["keep", True] / max(1, size["keep", True] + size["furniture", True]),
        "recall, chars": size["keep", True] / max(1, size["keep", True] + size["keep", False]),
        "furniture found": n["furniture", False] / max(1, n["furniture", False] + n["furniture", True]),
        "removed rightly": n["furniture", False] / removed if removed else float("nan"),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--news", type=Path, required=True, help=".jsonl or .jsonl.gz with doc_id and text")
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--errors", action="store_true", help="show the lines that insources gets wrong")
    args = parser.parse_args()
    sets = read_labels(args.labels)
    sets["whole"] = {doc_id: lines for labels in sets.values() for doc_id, lines in labels.items()}
    for name, labels in sets.items():
        pages = read_pages(args.news, labels)
        if missing := labels.keys() - pages.keys():
            raise SystemExit(
                f"{len(missing)} labelled pages are not in {args.news}; expected the crawl they come from"
            )
        _print_table(name, pages, labels, args.errors and name != "whole")


def _print_table(name: str, pages: dict[str, str], labels: Labels, errors: bool) -> None:
    counts = Counter(label for lines in labels.values() for _, label in lines.values())
    print(
        f"\n{name} set: {len(pages)} pages, "
        + ", ".join(f"{n} lines {label}" for label, n in counts.most_common())
    )
    columns = list(score(keep_all, pages, labels, False))
    print(f"{'':16}" + "".join(f"{column:>18}" for column in columns))
    for title, method in METHODS.items():
        try:
            figures = score(method, pages, labels, errors and method is insources)
        except ImportError as error:
            print(f"{title:16}  not measured ({error}); pip install justext trafilatura lxml_html_clean")
            continue
        print(f"{title:16}" + "".join(f"{figures[column]:18.3f}" for column in columns))


if __name__ == "__main__":
    main()
