"""Blocks of text put together into a canonical text: paragraphs, headings, list items, table rows.

Headings and list items are written as Markdown writes them, because that is what the cleaning
stage, and a person in the viewer, recognise.
"""

from __future__ import annotations

import re

from rag.errors import FileError
from rag.formats.parsed import MAX_CHARS

__all__ = ["Canonical", "clean", "literal", "one_line"]

# Control characters and what no encoder takes; soft hyphens are no part of a word.
_DROPPED = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\xad\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# What the cleaning stage would take for markup, as it does in .txt and .md files.
_MARKUP = re.compile(
    r"<(?=/?[a-zA-Z][a-zA-Z0-9:-]{0,40}(?:\s[^<>]*)?/?>|!--|!doctype|\?)"
    r"|&(?=[a-zA-Z][a-zA-Z0-9]{1,31};|\#[0-9]{1,7};|\#x[0-9a-f]{1,6};)|\](?=\()",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n ?")
_MANY_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Text without control characters and lone surrogates; its blanks and line ends stay."""
    return _SURROGATE.sub("\ufffd", _DROPPED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def literal(text: str) -> str:
    """Text in which nothing reads as markup: a page about `<script>` says so in words.

    An invisible WORD JOINER (U+2060) follows each sign that would begin some; readers don't see it
    and searching passes over it.

    >>> literal("a < b, <b>, &amp;") == "a < b, <\\u2060b>, &\\u2060amp;"
    True
    """
    return _MARKUP.sub(lambda match: match.group() + "\u2060", text)


def one_line(text: str | None) -> str:
    """Text with every run of blanks and line ends as one space.

    >>> one_line(" Rates \\n rise ")
    'Rates rise'
    """
    return " ".join(clean(text).split()) if text else ""


class Canonical:
    """Takes blocks in order and gives the text."""

    def __init__(self) -> None:
        self.begin = 0  # of the block added last
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
        text = literal(clean(text))
        if lines:
            text = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
        else:
            text = _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()
        text = _MANY_LINES.sub("\n\n", text)
        if not text.strip():
            return
        between = "" if not self._parts else "\n" if tight and tight == self._tight else "\n\n"
        self._tight = tight
        self.begin = self._size + len(between)
        self._size += len(between) + len(mark) + len(text)
        if self._size > MAX_CHARS:
            raise FileError(f"its text has over {MAX_CHARS:,} characters; split the file")
        self._parts.append(f"{between}{mark}{text}")

    def __len__(self) -> int:
        return self._size

    def text(self) -> str:
        """All blocks, with a line end after the last."""
        return "".join(self._parts) + "\n" if self._parts else ""
