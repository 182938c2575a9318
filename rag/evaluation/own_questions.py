"""Questions of one's own, CSV or JSONL: `question`, `answer` or empty, `doc_id` or empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.evaluation.question_sets import Gold, Question, QuestionSet
from rag.evaluation.reading_files import check_question, fail, get_field, json_lines, read_text

__all__ = ["load_questions"]

_COLUMNS = ("question", "answer", "doc_id", "id", "kind", "split")


def load_questions(path: Path) -> QuestionSet:
    """Reads a file of questions about an index.

    CSV: a heading line with at least `question` and `answer`; an empty answer means that the sources
    do not hold it. `doc_id`, `id`, `kind` and `split` (`dev` or `report`) are optional.
    JSONL: the same names, one object a line; `answers` may be a list of strings, or of
    `{"doc_id", "start", "end", "text"}` where the place is known.

    Raises:
        DatasetError: with the line and the field.
    """
    name = str(path)
    text = read_text(path)
    rows = _csv_rows(text, name) if path.suffix.lower() == ".csv" else json_lines(text, name)
    questions: list[Question] = []
    ids: dict[str, str] = {}
    asked: dict[str, str] = {}
    for place, row in rows:
        question = _question(row, len(questions), name, place)
        for seen, value, field in ((ids, question.query_id, "id"), (asked, question.text, "question")):
            if value in seen:
                raise fail(
                    name,
                    f"{place}, field {field!r}",
                    f"{value!r:.80} is already on {seen[value]}; expected once",
                )
            seen[value] = place
        questions.append(question)
    if not questions:
        raise fail(name, "", "no question in the file; expected one a line")
    return QuestionSet(path.stem, name, tuple(questions))


def _csv_rows(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        heading = [column.strip() for column in reader.fieldnames or []]
        missing = [column for column in ("question", "answer") if column not in heading]
        if missing:
            raise fail(
                name,
                f"line 1, field {missing[0]!r}",
                f"no such column among {heading}; expected a heading line: question,answer,doc_id",
            )
        reader.fieldnames = heading
        began = reader.line_num + 1
        for row in reader:
            # Quoted cells may hold line ends; a row is named by its first line.
            place, began = f"line {began}", reader.line_num + 1
            if None in row:
                raise fail(
                    name,
                    place,
                    f"{len(heading) + len(row[None])} fields under {len(heading)} headings; "
                    'put text with commas in "double quotes"',
                )
            if row.get("answer") is None:
                raise fail(name, f"{place}, field 'answer'", "the line ends early; expected question,answer")
            yield place, {column: value or "" for column, value in row.items()}
    except csv.Error as error:
        raise fail(name, f"line {reader.line_num + 1}", f"not CSV ({error}); check the quotes") from error


def _question(row: dict[str, Any], number: int, name: str, place: str) -> Question:
    text = check_question(get_field(row, "question", str, name, place), name, f"{place}, field 'question'")
    doc_id = _optional(row, "doc_id", name, place) or None
    split = _optional(row, "split", name, place)
    if split not in ("", "dev", "report"):
        raise fail(name, f"{place}, field 'split'", f"{split!r}; expected 'dev', 'report' or empty")
    if "answers" in row:
        listed = get_field(row, "answers", list, name, place)
        golds = tuple(_gold(a, doc_id, name, f"{place}, field 'answers[{i}]'") for i, a in enumerate(listed))
    elif "answer" in row:
        answer = _optional(row, "answer", name, place).strip()
        golds = (Gold(answer, doc_id),) if answer else ()
    else:
        raise fail(
            name, f"{place}, field 'answer'", f"missing; expected one of {', '.join(_COLUMNS)}, answers"
        )
    kind = _optional(row, "kind", name, place) or ("answerable" if golds else "unanswerable")
    return Question(_optional(row, "id", name, place) or f"q{number + 1}", text, golds, doc_id, kind, split)


def _optional(row: dict[str, Any], field: str, name: str, place: str) -> str:
    value = row.get(field)
    if value is None:
        return ""
    if isinstance(value, int) and field == "id" and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise fail(name, f"{place}, field {field!r}", f"{value!r:.60}; expected a string or nothing")
    return value


def _gold(value: Any, doc_id: str | None, name: str, place: str) -> Gold:
    if isinstance(value, str):
        if not value.strip():
            raise fail(name, place, "an empty answer in the list; expected text, or an empty list for none")
        return Gold(value, doc_id)
    text = get_field(value, "text", str, name, place)
    if not text.strip():
        raise fail(name, f"{place}.text", "empty; expected the answer's characters")
    if "start" not in value and "end" not in value:
        return Gold(text, _optional(value, "doc_id", name, place) or doc_id)
    start = get_field(value, "start", int, name, place)
    end = get_field(value, "end", int, name, place)
    if not 0 <= start < end:
        raise fail(name, f"{place}.start", f"[{start}, {end}); expected 0 <= start < end")
    return Gold(text, get_field(value, "doc_id", str, name, place), start, end)
