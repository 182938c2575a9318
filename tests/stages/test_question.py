"""What can be asked, and what is said of the rest."""

from __future__ import annotations

import pytest

from rag.errors import QuestionError
from rag.question import check_question


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "\x00\x01", "\ud800"])
def test_nothing_asked(question: str) -> None:
    with pytest.raises(QuestionError, match="empty"):
        check_question(question)


def test_too_long() -> None:
    check_question("a" * 2000)
    with pytest.raises(QuestionError, match=r"2,001 characters, expected at most 2,000"):
        check_question("a" * 2001)


@pytest.mark.parametrize("question", [None, 5, b"who?", ["who?"]])
def test_not_text(question: object) -> None:
    with pytest.raises(QuestionError, match="expected text"):
        check_question(question)


def test_control_characters_and_surrogates_are_blanks() -> None:
    assert check_question("who\x00is\ud800he?") == "who is he?"
