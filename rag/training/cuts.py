"""Near misses made from answerable questions: the answer is taken out of the text.

What is left still says everything else that the question speaks of: a ban without its date, an interview
without its broadcaster. Only what a sentence can do without is taken out, so that the rest reads well and
the gap does not show. Or the whole sentence goes, and others about the matter stay.
"""

from __future__ import annotations

import re

from rag.sentences import split_sentences

__all__ = ["cut_out", "cut_sentence"]

_ADVERB = r"(?:about|around|only|nearly|almost|at least|more than|up to|over|early|late|mid)\s"
_LINK = (
    "in on at by from to of since during after before for with within between among near under through until "
    "throughout against across into because as"
)
# "in September", "accused of the theft", "because the runners jammed": with the word that brings it in.
_BROUGHT_IN = re.compile(
    rf"(?:^|(?<=\s))(?:{'|'.join(_LINK.split())})\s(?:{_ADVERB})?(?:(?:the|a|an|his|her|its|their)\s)?$",
    re.IGNORECASE,
)
# What may follow something that a sentence can do without.
_FOLLOWED = re.compile(
    r"(?:\[\d+\])*(?P<stop>[.;:!?)]|$)|(?P<comma>,)"
    r"|\s(?:and|but|or|when|where|while|who|which|after|before|in|on|at|by|from|to|for|with|because|as|since|until"
    r"|was|were|had|has|is)\b"
)
_LEAST_LEFT = 80  # characters of a text whose sentence was taken out


def cut_out(text: str, start: int, end: int) -> tuple[int, int] | None:
    """What to take out of a sentence so that it no longer says what stands at `[start, end)` and still reads well.

    >>> text = "The chips were banned in September, before the talks."
    >>> first, last = cut_out(text, 25, 34)
    >>> text[:first] + text[last:]
    'The chips were banned, before the talks.'

    Args:
        text: of the paragraph.
        start, end: an answer, in characters of `text`.

    Returns:
        `[start, end)` in characters of `text`; None where the sentence can't do without it, or where the
        answer stands elsewhere too.
    """
    if _repeated(text, start, end):
        return None
    found = _aside(text, start, end) or _adjunct(text, start, end)
    left = found and text[: found[0]] + text[found[1] :]
    return found if left and left.strip() else None


def cut_sentence(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The whole sentence that holds `[start, end)`, or sentences where it spans several.

    Args:
        text: of the paragraph.
        start, end: an answer, in characters of `text`.

    Returns:
        `[start, end)` in characters of `text`; None where the answer stands elsewhere too, or too little would
        be left.
    """
    if _repeated(text, start, end):
        return None
    sentences = split_sentences(text)
    first = max((stop for _, stop in sentences if stop <= start), default=0)
    last = min((stop for _, stop in sentences if stop >= end), default=len(text))
    return (first, last) if len(text) - (last - first) >= _LEAST_LEFT else None


def _repeated(text: str, start: int, end: int) -> bool:
    answer = re.escape(text[start:end].strip())
    return len(re.findall(rf"(?<!\w){answer}(?!\w)", text, re.IGNORECASE)) != 1


def _aside(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Of "her deputy, Otto Weiss, left" and "the harbour (Sandholm) is dry" what stands between the marks."""
    before, after = text[max(0, start - 2) : start], text[end : end + 1]
    if before == ", " and after == ",":
        return start - 2, end
    if before == " (" and after == ")":
        return start - 2, end + 1
    return None


def _adjunct(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The answer with the word that brings it in; with the comma behind it where it begins a sentence."""
    low = max(0, start - 40)
    brought = _BROUGHT_IN.search(text[low:start])
    followed = _FOLLOWED.match(text, end)
    if brought is None or followed is None:
        return None
    first = low + brought.start()
    if first and text[first - 1] == " " and not re.search(r"[.!?\n][\"”')]*\s*$", text[:first]):
        return first - 1, end
    if followed["comma"]:
        return first, end + 1 + (text[end + 1 : end + 2] == " ")
    return None
