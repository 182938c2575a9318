"""What each paragraph is: the article's own prose, its title, byline and headings, or a site's furniture.

Three kinds of evidence: what a line says (`lexicon`), what it looks like (a file name, a credit, a label
glued to a headline), and where it stands (after a line that opens a section of furniture, up to the
next paragraph of prose). In doubt a paragraph is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.cleaning.lexicon import BYLINE, CREDIT, DATE, LINE, OPENER, SPONSOR_END, THUMBNAIL
from rag.cleaning.parts import RULE, Paragraph, ends_sentence

__all__ = ["classify"]

_GLUED_LABEL = re.compile(r"[A-Z][^:.!?\n]{1,50}:(?=[A-Z'\"“‘’#$])(?!.*[.!?]$)\S.{15,}")
_SHORT = 120
_MAX_LINE = 420


def classify(paragraphs: Sequence[Paragraph]) -> None:
    """Set `kind` and `reason` of every paragraph."""
    for paragraph in paragraphs:
        _by_itself(paragraph)
    worded = [paragraph for paragraph in paragraphs if paragraph.kind != "markup"]
    _head(worded)
    _sections(worded)
    _headings(worded)
    _keep_if_emptied(worded)


def is_body(paragraph: Paragraph) -> bool:
    """A paragraph that only an article has: sentences of some length."""
    text = paragraph.text
    if not ends_sentence(text) or text[-1] in ":：" or SPONSOR_END.search(text):
        return False
    wide = sum("\u3040" <= char <= "\u9fff" for char in text[:200])
    return len(text) >= (40 if wide > 15 else 140) and (wide > 15 or paragraph.n_words >= 20)


def _by_itself(paragraph: Paragraph) -> None:
    text, part = paragraph.text, paragraph.first
    paragraph.kind, paragraph.reason = "prose", ""
    if not text or part.opaque:
        paragraph.kind, paragraph.reason = "markup", "no words"
    elif RULE.match(text):
        paragraph.kind, paragraph.reason = "markup", "a rule or an end mark"
    elif part.tag in ("nav", "footer", "aside", "form", "button", "select", "textarea"):
        paragraph.kind, paragraph.reason = "furniture", f"inside <{part.tag}>"
    elif THUMBNAIL.match(text):
        paragraph.kind, paragraph.reason = "furniture", "the name of a picture's file"
    elif len(text) <= _SHORT and CREDIT.match(text):
        paragraph.kind, paragraph.reason = "caption", "a picture's credit"
    elif len(text) <= _MAX_LINE and LINE.match(text):
        paragraph.kind, paragraph.reason = "furniture", "a phrase of site furniture"
    elif _GLUED_LABEL.match(text) and len(text) < 250:
        paragraph.kind, paragraph.reason = "furniture", "a label glued to another story's headline"


def _head(paragraphs: Sequence[Paragraph]) -> None:
    """Title, byline and date, which stand before the first paragraph of prose (a byline also at the end)."""
    n_head = next((i for i, p in enumerate(paragraphs) if is_body(p) or i > 12), len(paragraphs))
    for i, paragraph in enumerate(paragraphs):
        if paragraph.kind != "prose":
            continue
        near = i <= n_head or i >= len(paragraphs) - 12
        if near and len(paragraph.text) < 100 and DATE.match(paragraph.text):
            paragraph.kind, paragraph.reason = "date", "nothing but a date"
        elif near and len(paragraph.text) < 160 and BYLINE.match(paragraph.text):
            paragraph.kind, paragraph.reason = "byline", "names an author"
    if n_head == len(paragraphs):  # no prose at all: a list or a note; a title is not sure
        marked = [p for p in paragraphs if p.kind == "prose" and p.first.level == 1 or p.first.tag == "title"]
        if marked:
            marked[0].kind, marked[0].reason = "title", "marked as one"
        return
    head = [p for p in paragraphs[:n_head] if p.kind == "prose" and _title_like(p)]
    if not head:
        return
    title = max(
        head,
        key=lambda p: (
            p.first.tag == "title",
            p.first.level == 1,
            p.first.font,
            min(p.n_words, 4),
            -head.index(p),
        ),
    )
    title.kind, title.reason = "title", "the first heading before the prose"
    for paragraph in head:
        if paragraph is not title:
            paragraph.kind, paragraph.reason = "heading", "before the prose"


def _title_like(paragraph: Paragraph) -> bool:
    text = paragraph.text
    if len(text) > 220 or paragraph.first.bullet or len(paragraph.parts) > 3:
        return False
    return paragraph.first.level > 0 or not ends_sentence(text) or text[-1] in "?!？！"


def _sections(paragraphs: Sequence[Paragraph]) -> None:
    """Furniture that runs from an opening line up to the next paragraph of prose."""
    last_body = max((i for i, p in enumerate(paragraphs) if p.kind == "prose" and is_body(p)), default=-1)
    inside = False
    for i, paragraph in enumerate(paragraphs):
        text = paragraph.text
        if paragraph.kind in ("title", "date", "byline") and not inside:
            continue
        if len(text) <= 90 and OPENER.match(text) and i > 0:
            paragraph.kind, paragraph.reason = "furniture", "opens a section of furniture"
            inside = True
        elif inside and paragraph.kind != "furniture":
            if i < last_body and _is_text(paragraph) or is_body(paragraph):
                inside = False
            else:
                paragraph.kind, paragraph.reason = "furniture", "in a section of furniture"


def _is_text(paragraph: Paragraph) -> bool:
    text = paragraph.text
    return (
        ends_sentence(text)
        and text[-1] not in "?:"
        and paragraph.n_words >= 6
        and not SPONSOR_END.search(text)
    )


def _headings(paragraphs: Sequence[Paragraph]) -> None:
    """Short lines without a sentence that stand before a paragraph; a run of them is a list and stays prose."""
    kept = [p for p in paragraphs if p.kind not in ("furniture", "caption")]
    for i, paragraph in enumerate(kept):
        if paragraph.kind != "prose":
            continue
        if paragraph.first.level:
            paragraph.kind, paragraph.reason = "heading", "marked as one"
            continue
        if not _line_like(paragraph) or paragraph.first.bullet:
            continue
        before = kept[i - 1] if i else None
        after = kept[i + 1] if i + 1 < len(kept) else None
        listed = before is not None and before.kind == "prose" and _line_like(before)
        if (
            after is not None
            and after.kind == "prose"
            and not _line_like(after)
            and ends_sentence(after.text)
            and not listed
        ):
            paragraph.kind, paragraph.reason = "heading", "a short line before a paragraph"


def _line_like(paragraph: Paragraph) -> bool:
    text = paragraph.text
    return len(text) <= _SHORT and paragraph.n_words <= 16 and (not ends_sentence(text) or text[-1] == "?")


def _keep_if_emptied(paragraphs: Sequence[Paragraph]) -> None:
    """A short note or a list that only looks like furniture is kept whole."""
    kept = sum(p.n_words for p in paragraphs if p.kind == "prose")
    if kept >= 8 or any(is_body(p) for p in paragraphs if p.kind == "prose"):
        return
    for paragraph in paragraphs:
        if paragraph.kind in ("furniture", "caption", "heading"):
            paragraph.kind, paragraph.reason = "prose", "kept: without it nothing would be left"
