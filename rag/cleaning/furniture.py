"""What each paragraph is: the article's own prose, its title, byline and headings, or a site's furniture.

Three kinds of evidence: what a line says (`lexicon`), what it looks like (`lines`: a file name, a credit, a
label glued to a headline), and where it stands (after a line that opens a section of furniture, up to the
next paragraph of prose). In doubt a paragraph is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.cleaning.lexicon import (
    LINE,
    LINE_WITHIN,
    LINE_WITHIN_WORDS,
    OPENER,
    PROMOTION,
    SIGNATURE,
    WEAK_OPENER,
)
from rag.cleaning.lines import ADDRESS, BYLINE, CREDIT, DATE, DATELINE, RULE, SIGNED, TEASER, THUMBNAIL
from rag.cleaning.paragraphs import SENTENCE_INSIDE, Paragraph, ends_sentence, is_page_number

__all__ = ["classify"]

# "Tax row:Minister to resign", "How much is it?Prices since 1990": text extraction glues the label of a link to
# another story's headline.
_GLUED_LABEL = re.compile(
    r"['\"“‘]?[A-Z0-9](?:[^:.!?\n]|\.(?=\w)){1,60}['\"”’]?(?::(?=['\"“‘]?[A-Z#$])|\?(?=[A-Z][a-z]))\S.{14,}"
)
_GLUED_MARK = re.compile(r".{3,60}(?:[a-z!?.,][\"”]|[!?.,]['’]|[a-z],)(?=[A-Z][a-z])")
_CAPITAL_LABEL = re.compile(
    r"(?:(?:STORY|BACKGROUND|LIVE|RECENT|ANALYSIS|EXPLAINER|EXCLUSIVE|BREAKING|COLUMN|REVIEW)|(?=.{0,30}[A-Z]{3})[A-Z0-9'’&,-]+"
    r"(?: [A-Z0-9'’&,-]+){1,6}): (?=[A-Z'\"“‘])(?!.*[.!?;]$).{20,}"
)
_FURNITURE_TAGS = frozenset({"nav", "footer", "aside", "form", "button", "select", "textarea"})
_SPEAKING = ("said", "says", "told", "asked", "wrote", "added")
_SPEECH = re.compile(rf"\b(?:{'|'.join(_SPEAKING)})\b")
_WIDE = re.compile("[\u3040-\u9fff]")  # scripts without blanks between words
_HEADLINE = re.compile(r"['\"“‘A-Z0-9](?!.*(?: [–—|] |\)$|; ))")
_NETWORK = re.compile(r"\b(?:Twitter|X|Instagram|Facebook|Threads|Bluesky|Mastodon|LinkedIn)\b")
_SUBSCRIBE = re.compile(r"(?:Subscribe|Sign[- ]?up)\b.*\b(?:newsletters?|inbox)\b", re.IGNORECASE)
_SHORT = 120
_MAX_LINE = 420
_MAX_PROMOTION = 800
_LEAST = 8  # words of prose that a whole text has
_HEAD = 12  # paragraphs in which title, byline and date are looked for at either end


def classify(paragraphs: Sequence[Paragraph], *, begins: bool = True) -> None:
    """Set `kind` and `reason` of every paragraph.

    Args:
        paragraphs: of a document, of one of many records, or of one stretch of a very long document.
        begins: these are the document's first, so that a title may stand among them.
    """
    for paragraph in paragraphs:
        _by_itself(paragraph)
    worded = [paragraph for paragraph in paragraphs if paragraph.kind != "markup"]
    _running(worded)
    _signed(worded)
    _labels(worded)
    _head(worded, begins)
    _sections(worded)
    _tail(worded)
    _headlines(worded)
    _headings(worded)
    _keep_if_emptied(worded, _LEAST if begins else 1)


def is_body(paragraph: Paragraph) -> bool:
    """A paragraph that only an article has: sentences of some length."""
    text = paragraph.text
    if not ends_sentence(text) or text[-1] in ":：" or TEASER.search(text[-10:]):
        return False
    wide = not text.isascii() and len(_WIDE.findall(text[:200])) > 15
    return len(text) >= 40 if wide else len(text) >= 140 and paragraph.n_words >= 20


def _by_itself(paragraph: Paragraph) -> None:
    text, part = paragraph.text, paragraph.first
    kind, reason = "prose", ""
    if not text or part.opaque:
        kind, reason = "markup", "no words"
    elif RULE.match(text):
        kind, reason = "markup", "a rule or an end mark"
    elif part.tag in _FURNITURE_TAGS:
        kind, reason = "furniture", f"inside <{part.tag}>"
    elif THUMBNAIL.match(text):
        kind, reason = "furniture", "the name of a picture's file"
    elif len(text) <= _SHORT and CREDIT.match(text):
        kind, reason = "caption", "a picture's credit"
    elif len(text) <= 200 and SIGNED.match(text):
        kind, reason = "byline", "names who wrote or contributed"
    elif len(text) <= _MAX_LINE and _says_furniture(text):
        kind, reason = "furniture", "a phrase of site furniture"
    elif len(text) <= _MAX_PROMOTION and _promotes(text):
        kind, reason = "furniture", "an invitation to subscribe, follow or download"
    elif len(text) <= 80 and DATELINE.match(text):
        kind, reason = "byline", "a dateline"
    paragraph.kind, paragraph.reason = kind, reason


def _running(paragraphs: Sequence[Paragraph]) -> None:
    """Page numbers and running heads, known by those among them that interrupt a sentence."""
    heads = {p.text for p in paragraphs if p.within}
    numbered = any(map(is_page_number, heads))
    for paragraph in paragraphs:
        if paragraph.text in heads or (numbered and is_page_number(paragraph.text)):
            paragraph.kind, paragraph.reason = "furniture", "runs through the pages"


def _signed(paragraphs: Sequence[Paragraph]) -> None:
    """ "- Jane Doe" after a report: read as a bullet, but a list has more than one."""
    for i, paragraph in enumerate(paragraphs):
        alone = not any(p.first.bullet for p in paragraphs[max(0, i - 1) : i + 2] if p is not paragraph)
        if (
            i
            and paragraph.first.bullet
            and alone
            and len(paragraph.text) < 60
            and SIGNED.match("- " + paragraph.text)
        ):
            paragraph.kind, paragraph.reason = "byline", "names who wrote or contributed"
        elif paragraph.kind == "listed":
            paragraph.kind = "prose"


def _says_furniture(text: str) -> bool:
    """A line of a site's own words. What may stand anywhere in a line takes long to look for, and is rarely there."""
    if LINE.match(text):
        return True
    folded = text.casefold()
    return any(word in folded for word in LINE_WITHIN_WORDS) and LINE_WITHIN.match(text) is not None


def _promotes(text: str) -> bool:
    """An invitation near the start of a short paragraph, or several in a longer one; never in a report of speech."""
    if "“" in text or (any(verb in text for verb in _SPEAKING) and _SPEECH.search(text)):
        return False
    if _SUBSCRIBE.match(text):
        return True
    places = [match.start() for match in PROMOTION.finditer(text)]
    return bool(places) and places[0] <= 120 and (len(text) <= 300 or len(places) >= 2)


def _labels(paragraphs: Sequence[Paragraph]) -> None:
    """Links to other stories and addresses between an article's paragraphs.

    Only there: a list of "Key:Value" lines, or a note that says whom to call, is content.
    """
    bodies = [is_body(p) and p.kind == "prose" for p in paragraphs]
    if sum(bodies) < 3:
        return
    for i, paragraph in enumerate(paragraphs):
        text = paragraph.text
        if paragraph.kind != "prose" or len(text) > _MAX_LINE:
            continue
        if "@" in text and SIGNATURE.search(text) and (i >= len(paragraphs) - _HEAD or _NETWORK.search(text)):
            paragraph.kind, paragraph.reason = "furniture", "how to reach the author"
        elif ADDRESS.match(text):
            paragraph.kind, paragraph.reason = "furniture", "an address and nothing else"
        elif len(text) > 250:
            continue
        elif _GLUED_LABEL.match(text) or (_GLUED_MARK.match(text) and not ends_sentence(text)):
            paragraph.kind, paragraph.reason = "furniture", "a label glued to another story's headline"
        elif _CAPITAL_LABEL.match(text):
            around = [p for p in paragraphs[max(0, i - 1) : i + 2] if p is not paragraph]
            if len(around) == 2 and all(ends_sentence(p.text) and p.text[-1] != ":" for p in around):
                paragraph.kind, paragraph.reason = "furniture", "a label in capitals before another headline"


def _head(paragraphs: Sequence[Paragraph], begins: bool) -> None:
    """Title, byline and date, which stand before the first paragraph of prose (a byline also at the end)."""
    n_head = _head_size(paragraphs)
    for i, paragraph in enumerate(paragraphs):
        if paragraph.kind != "prose" or not (i <= n_head or i >= len(paragraphs) - _HEAD):
            continue
        if len(paragraph.text) < 100 and DATE.match(paragraph.text):
            paragraph.kind, paragraph.reason = "date", "nothing but a date"
        elif len(paragraph.text) < 160 and BYLINE.match(paragraph.text):
            paragraph.kind, paragraph.reason = "byline", "names an author"
    if not begins:
        return
    if not n_head:  # prose at once, or none at all (a list, a note): only what is marked is a title
        marked = [
            p for p in paragraphs if p.kind == "prose" and (p.first.level == 1 or p.first.tag == "title")
        ]
        for paragraph in marked[:1]:
            paragraph.kind, paragraph.reason = "title", "marked as one"
        return
    head = [p for p in paragraphs[:n_head] if p.kind == "prose" and _title_like(p)]
    if not head:
        return
    title = max(head, key=_title_rank)
    for paragraph in head:
        paragraph.kind, paragraph.reason = "heading", "before the prose"
    title.kind, title.reason = "title", "the first heading before the prose"


def _head_size(paragraphs: Sequence[Paragraph]) -> int:
    """How many paragraphs stand before the article's first one; 0 where it is not clear which that is."""
    for i, paragraph in enumerate(paragraphs[: _HEAD + 1]):
        if is_body(paragraph):
            return i
    for i, paragraph in enumerate(paragraphs[:4]):  # a short note has a title if a blank line sets it off
        if _is_text(paragraph):
            return i if paragraph.first.newlines == 2 else 0
    return 0


def _title_rank(paragraph: Paragraph) -> tuple[bool, bool, float, int]:
    part = paragraph.first  # max() keeps the first of equals: the upper line wins where nothing else tells
    return part.tag == "title", part.level == 1, part.font, min(paragraph.n_words, 4)


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
        if paragraph.kind in ("title", "date", "byline"):
            continue
        if i > 0 and _opens(paragraphs, i):
            paragraph.kind, paragraph.reason = "furniture", "opens a section of furniture"
            inside = True
        elif inside and paragraph.kind != "furniture":
            if _is_long(paragraph) or (i < last_body and _is_text(paragraph)):
                inside = False
            else:
                paragraph.kind, paragraph.reason = "furniture", "in a section of furniture"


def _tail(paragraphs: Sequence[Paragraph]) -> None:
    """A lone headline among links after the last paragraph of prose; two or more may be the article's own list."""
    n_tail = next((i for i, p in enumerate(reversed(paragraphs)) if p.kind == "prose" and _is_text(p)), 0)
    start = len(paragraphs) - n_tail
    for i in range(start, len(paragraphs)):
        paragraph = paragraphs[i]
        if paragraph.kind != "prose" or ends_sentence(paragraph.text) or paragraph.first.bullet:
            continue
        after = paragraphs[i + 1] if i + 1 < len(paragraphs) else None
        linked = i > start and paragraphs[i - 1].kind == "furniture" and paragraphs[i - 1].n_words >= 4
        if linked and (after is None or after.kind == "furniture") and 5 <= paragraph.n_words <= 22:
            paragraph.kind, paragraph.reason = "furniture", "a headline among links after the article"


def _headlines(paragraphs: Sequence[Paragraph]) -> None:
    """A list of headlines that ends the text without a word that announces it.

    A list of the article's own has an introduction with a colon, or items shorter than headlines.
    """
    run: list[Paragraph] = []
    for paragraph in reversed(paragraphs):
        if not (paragraph.kind == "prose" and _headline(paragraph)):
            break
        run.append(paragraph)
    rest = paragraphs[: len(paragraphs) - len(run)]
    if (
        len(run) < 4
        or sum(p.n_words for p in run) < 7.5 * len(run)
        or (rest[-1:] and rest[-1].text[-1:] in ":：")
    ):
        return
    if sum(p.kind == "prose" and is_body(p) for p in rest) < 3:
        return
    if rest[-1].kind == "prose" and rest[-1].n_words <= 5 and not ends_sentence(rest[-1].text):
        run.append(rest[-1])
    for paragraph in run:
        paragraph.kind, paragraph.reason = "furniture", "a list of headlines after the article"


def _headline(paragraph: Paragraph) -> bool:
    text = paragraph.text
    size = 35 <= len(text) <= 140 and 5 <= paragraph.n_words <= 22
    return (
        size and not paragraph.first.bullet and not ends_sentence(text) and _HEADLINE.match(text) is not None
    )


def _opens(paragraphs: Sequence[Paragraph], i: int) -> bool:
    text = paragraphs[i].text
    if len(text) > 90:
        return False
    if OPENER.match(text):
        return True
    if not WEAK_OPENER.match(text):
        return False
    following = paragraphs[i + 1 : i + 3]
    return all(
        p.kind == "furniture" or OPENER.match(p.text) or (not ends_sentence(p.text) and p.n_words >= 5)
        for p in following
    )


def _is_long(paragraph: Paragraph) -> bool:
    """Prose even where its last dot is missing: a teaser is one sentence, or breaks off."""
    text = paragraph.text
    return is_body(paragraph) or (
        len(text) >= 200 and SENTENCE_INSIDE.search(text) is not None and not TEASER.search(text[-10:])
    )


def _is_text(paragraph: Paragraph) -> bool:
    text = paragraph.text
    return (
        ends_sentence(text)
        and text[-1] not in "?:"
        and paragraph.n_words >= 6
        and not TEASER.search(text[-10:])
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
        listed = i > 0 and kept[i - 1].kind == "prose" and _line_like(kept[i - 1])
        after = kept[i + 1] if i + 1 < len(kept) else None
        if after is None or listed or after.kind != "prose" or _line_like(after):
            continue
        if ends_sentence(after.text):
            paragraph.kind, paragraph.reason = "heading", "a short line before a paragraph"


def _line_like(paragraph: Paragraph) -> bool:
    text = paragraph.text
    return len(text) <= _SHORT and paragraph.n_words <= 16 and (not ends_sentence(text) or text[-1] == "?")


def _keep_if_emptied(paragraphs: Sequence[Paragraph], least: int) -> None:
    """A short note or a list that only looks like furniture is kept whole."""
    prose = [p for p in paragraphs if p.kind == "prose"]
    if sum(p.n_words for p in prose) >= least or any(is_body(p) for p in prose):
        return
    for paragraph in paragraphs:
        if paragraph.kind in ("furniture", "caption", "heading"):
            paragraph.kind, paragraph.reason = "prose", "kept: without it nothing would be left"
