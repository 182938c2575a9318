"""SQuAD 2.0 files (Rajpurkar, Jia and Liang, 2018), `.json` or `.json.gz`; 1.1 is read too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.evaluation.question_sets import Gold, Question, QuestionSet
from rag.evaluation.reading_files import check_question, fail, get_field, parse_json, read_text

__all__ = ["load_squad"]


def load_squad(path: Path) -> QuestionSet:
    """Questions with their paragraphs; a paragraph's doc_id is `Title/number`, numbered from 0.

    Args:
        path: `{"data": [{"title", "paragraphs": [{"context", "qas": [...]}]}]}`.

    Raises:
        DatasetError: with the JSON path of what is wrong: a missing or mistyped field, an answer that
            is not at its `answer_start`, an id used twice, no question at all.
    """
    name = str(path)
    root = parse_json(read_text(path), name)
    texts: dict[str, str] = {}
    questions: list[Question] = []
    seen: dict[str, str] = {}
    titles: set[str] = set()
    for a, article in enumerate(get_field(root, "data", list, name, "")):
        place = f"data[{a}]"
        paragraphs = get_field(article, "paragraphs", list, name, place)
        title = _free_title(article, a, titles)
        for p, paragraph in enumerate(paragraphs):
            at = f"{place}.paragraphs[{p}]"
            context = get_field(paragraph, "context", str, name, at)
            if not context.strip():
                raise fail(name, f"{at}.context", "blank; expected the paragraph's text")
            doc_id = f"{title}/{p}"
            texts[doc_id] = context
            for question in _questions(paragraph, context, doc_id, name, at, seen):
                questions.append(question)
    if not questions:
        raise fail(name, "data", "no question in the file; expected data[].paragraphs[].qas[]")
    short = path.name.removesuffix(".gz").removesuffix(".json")
    return QuestionSet(short, name, tuple(questions), texts)


def _free_title(article: dict[str, Any], number: int, taken: set[str]) -> str:
    # The title is only a label, so a missing or repeated one is no reason to refuse the file.
    wanted = str(article.get("title") or f"article-{number}")
    title, copy = wanted, 2
    while title in taken:
        title, copy = f"{wanted}~{copy}", copy + 1
    taken.add(title)
    return title


def _questions(
    paragraph: dict[str, Any], context: str, doc_id: str, name: str, at: str, seen: dict[str, str]
) -> Iterator[Question]:
    for q, row in enumerate(get_field(paragraph, "qas", list, name, at)):
        place = f"{at}.qas[{q}]"
        query_id = get_field(row, "id", str, name, place)
        if query_id in seen:
            raise fail(
                name, f"{place}.id", f"{query_id!r} was already used at {seen[query_id]}; ids are unique"
            )
        seen[query_id] = place
        text = check_question(get_field(row, "question", str, name, place), name, f"{place}.question")
        impossible = "is_impossible" in row and get_field(row, "is_impossible", bool, name, place)
        answers = get_field(row, "answers", list, name, place)
        if impossible and answers:
            raise fail(
                name, f"{place}.answers", f"{len(answers)} answers though is_impossible; expected none"
            )
        if not impossible and not answers:
            raise fail(name, f"{place}.answers", "none though not is_impossible; expected at least one")
        golds = tuple(
            _gold(answer, context, doc_id, name, f"{place}.answers[{i}]") for i, answer in enumerate(answers)
        )
        yield Question(query_id, text, golds, doc_id, "unanswerable" if impossible else "answerable")


def _gold(row: Any, context: str, doc_id: str, name: str, place: str) -> Gold:
    text = get_field(row, "text", str, name, place)
    start = get_field(row, "answer_start", int, name, place)
    if not text:
        raise fail(name, f"{place}.text", "empty; expected the answer's characters")
    if start < 0 or context[start : start + len(text)] != text:
        found = context[max(start, 0) : max(start, 0) + len(text)]
        raise fail(
            name,
            f"{place}.answer_start",
            f"{start} leads to {found!r:.80}; expected {text!r:.80} there (characters from 0)",
        )
    return Gold(text, doc_id, start, start + len(text))
