"""What can be asked: text of 1 to 2,000 characters that is not all blank."""

from __future__ import annotations

import unicodedata

from rag.errors import QuestionError

__all__ = ["MAX_QUESTION_CHARS", "check_question"]

MAX_QUESTION_CHARS = 2000


def check_question(question: object) -> str:
    """The question with control characters and lone surrogates as blanks.

    Raises:
        QuestionError: not a string, empty, blank or too long.
    """
    if not isinstance(question, str):
        raise QuestionError(f"the question is {type(question).__name__}, expected text; pass a str")
    if len(question) > MAX_QUESTION_CHARS:
        raise QuestionError(
            f"the question has {len(question):,} characters, expected at most {MAX_QUESTION_CHARS:,}; "
            "ask one thing at a time"
        )
    cleaned = "".join(" " if unicodedata.category(c) in {"Cc", "Cs"} else c for c in question).strip()
    if not cleaned:
        raise QuestionError("the question is empty; ask something, such as: When was the deal signed?")
    return cleaned
