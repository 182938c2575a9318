"""Blocks of text put together into a canonical text: paragraphs, headings, list items, table rows.

Headings and list items are written as Markdown writes them, because that is what the cleaning
stage, and a person in the viewer, recognise.
"""

from __future__ import annotations

import re

from rag.errors import FileError
from rag.formats.parsed import MAX_CHARS

__all__ = ["Canonical", "clean", "one_line"]

# Control characters and what no encoder takes; soft hyphens are no part of a word.
_DROPPED = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\xad\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n ?")
_MANY_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Text without control characters and lone surrogates; its blanks and line ends stay."""
    return _SURROGATE.sub("\ufffd", _DROPPED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(text: str | None) -> str:
    """Text with every run of blanks and line ends as one space.

    >>> one_line(" Rates \\n rise ")
    'Rates rise'
    """
    return " ".join(clean(text).split()) if text else ""


class Canonical:
    """Takes blocks in order and gives the text."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._tight = ""

    def add(self, text: str, *, mark: str = "", tight: str = "", lines: bool = False) -> None:
        """Add a block; one without a character that shows is nothing.

        Args:
            text: its words; line ends in it stay, runs of blanks become one.
            mark: what it begins with, such as "# ".
            tight: the name of a list or table: neighbours of the same name follow without a blank line.
            lines: blanks at the beginnings of lines stay, as in program text.

        Raises:
            FileError: the text grows beyond what one file may hold.
        """
        text = clean(text)
        if lines:
            text = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
        else:
            text = _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()
        text = _MANY_LINES.sub("\n\n", text)
        if not text.strip():
            return
        between = "" if not self._parts else "\n" if tight and tight == self._tight else "\n\n"
        self._tight = tight
        self._size += len(between) + len(mark) + len(text)
        if self._size > MAX_CHARS:
            raise FileError(f"its text has over {MAX_CHARS:,} characters; split the file")
        self._parts.append(f"{between}{mark}{text}")

    def __len__(self) -> int:
        return self._size

    def text(self) -> str:
        """All blocks, with a line end after the last."""
        return "".join(self._parts) + "\n" if self._parts else ""
