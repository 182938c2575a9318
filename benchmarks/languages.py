"""Questions in five languages over texts in five languages, each pair by itself.

Eight short articles of our own, written in English, Spanish, German, French and Chinese, sentence by sentence
the same, with two questions each that they answer and one that they don't. For each language of the texts
an index of the eight articles is asked the questions in each language; so a row says what the models in
use can do with texts in one language, a column with questions in one.

    python -m benchmarks.languages [--encoder NAME]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.config import Config, EncoderConfig
from rag.errors import RagError
from rag.pipeline import Considered, Pipeline

__all__ = ["LANGUAGES", "Asked", "ask_all", "join", "load_articles", "main", "table"]

LANGUAGES = ("en", "es", "de", "fr", "zh")
ARTICLES = Path(__file__).with_name("languages_parallel.json")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question asked in one language of texts in another.

    Attributes:
        texts, asked: ISO 639-1 of the texts and of the question.
        answerable: the article holds the answer.
        first: the right article is the first hit.
        quoted: the best quote holds the sentence that answers, whether or not it was given as the answer.
        found: an answer was given.
        exact: the quote is what its document holds at its place.
    """

    texts: str
    asked: str
    answerable: bool
    first: bool
    quoted: bool
    found: bool
    exact: bool


def load_articles() -> list[dict[str, Any]]:
    """Name, sentences by language, questions with the number of the sentence that answers."""
    articles: list[dict[str, Any]] = json.loads(ARTICLES.read_text(encoding="utf-8"))
    return articles


def join(sentences: Sequence[str], language: str) -> tuple[str, list[tuple[int, int]]]:
    """An article's text and the place of each sentence in it; Chinese has no blanks between sentences."""
    blank = "" if language == "zh" else " "
    spans, at = [], 0
    for sentence in sentences:
        spans.append((at, at + len(sentence)))
        at += len(sentence) + len(blank)
    return blank.join(sentences), spans


def ask_all(
    texts_in: Sequence[str] = LANGUAGES, asked_in: Sequence[str] = LANGUAGES, config: Config | None = None
) -> list[Asked]:
    """Every question in each language, over the articles in each language."""
    articles = load_articles()
    found = []
    for language in texts_in:
        joined = {
            f"{article['name']}.txt": join(article["texts"][language], language) for article in articles
        }
        pipeline = Pipeline.from_texts({name: text for name, (text, _) in joined.items()}, config=config)
        for asked in asked_in:
            for article in articles:
                name = f"{article['name']}.txt"
                for question in article["questions"]:
                    at = question["sentence"]
                    gold = None if at is None else joined[name][1][at]
                    found.append(
                        _judged(pipeline.consider(question[asked]), name, gold, texts=language, asked=asked)
                    )
    return found


def _judged(
    considered: Considered, name: str, gold: tuple[int, int] | None, *, texts: str, asked: str
) -> Asked:
    best = considered.candidates[0] if considered.candidates else None
    quoted = exact = False
    if best is not None:
        held = best.document.doc_id == name and gold is not None
        quoted = bool(held and gold and best.quote.start <= gold[0] and gold[1] <= best.quote.end)
        exact = best.document.text[best.span.start : best.span.end] == best.short
    first = bool(considered.hits) and considered.hits[0].chunk.doc_id == name
    return Asked(texts, asked, gold is not None, first, quoted, considered.decision.found, exact)


def table(rows: Sequence[Asked], title: str, counted: str, among: str = "answerable") -> str:
    """Texts down, questions across: in how many of a hundred cases."""
    texts_in = list(dict.fromkeys(row.texts for row in rows))
    asked_in = list(dict.fromkeys(row.asked for row in rows))
    lines = [f"### {title}", "", f"| texts \\ questions | {' | '.join(asked_in)} |"]
    lines.append("| :-- |" + " --: |" * len(asked_in))
    for texts in texts_in:
        cells = []
        for asked in asked_in:
            pair = [row for row in rows if (row.texts, row.asked) == (texts, asked)]
            chosen = [row for row in pair if row.answerable == (among == "answerable")]
            hits = sum(_counts(row, counted) for row in chosen)
            cells.append(f"{100 * hits / len(chosen):.0f} %" if chosen else "-")
        lines.append(f"| {texts} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _counts(row: Asked, what: str) -> bool:
    return {
        "first": row.first,
        "quoted": row.quoted,
        "right": row.found and row.quoted,
        "wrong": row.found and not row.quoted,
        "found": row.found,
    }[what]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--encoder", metavar="NAME", help="a sentence-transformers name or path (default: bundled)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for languages.json: every question")
    args = parser.parse_args(argv)
    config = Config(encoder=EncoderConfig(name=args.encoder)) if args.encoder else Config()
    try:
        rows = ask_all(config=config)
    except RagError as error:
        print(f"languages: {error}", file=sys.stderr)
        return 2
    n = sum(row.answerable for row in rows) // len(LANGUAGES) ** 2
    n_none = len(rows) // len(LANGUAGES) ** 2 - n
    print(
        f"{n} answerable and {n_none} unanswerable questions a pair of languages, encoder {config.encoder.name}\n"
    )
    print(table(rows, "Retrieval: the right article first", "first"), end="\n\n")
    print(table(rows, "The best quote holds the answer", "quoted"), end="\n\n")
    print(table(rows, "Answered, and the quote is right", "right"), end="\n\n")
    print(table(rows, "Answered, and the quote is wrong", "wrong"), end="\n\n")
    print(table(rows, "Unanswerable questions answered", "found", "unanswerable"), end="\n\n")
    print(f"short answers equal to their place in the text: {sum(r.exact for r in rows)} of {len(rows)}")
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        path = args.out / "languages.json"
        plain = [{name: getattr(row, name) for name in Asked.__slots__} for row in rows]
        path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
