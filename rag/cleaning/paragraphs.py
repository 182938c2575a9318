"""Parts put together into paragraphs.

A line is a paragraph in one file, a 72-column slice of one in another, and half a sentence
where a page ends. Which it is follows from the shape of the whole text, not from one line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.cleaning.language import is_function_word
from rag.cleaning.lines import BYLINE, CREDIT, DATE, RULE, SIGNED, THUMBNAIL
from rag.cleaning.parts import Part, read_parts

__all__ = ["SENTENCE_INSIDE", "Paragraph", "ends_sentence", "is_page_number", "read_paragraphs"]

_CLOSERS = "\"'“‘”’»›)]}」』）】 *_■▪◼♦●"
_TERMINAL = ".!?…。！？｡؟।:;：；"
_TAIL = 2000  # as much of a paragraph's end as the joining rules look at
_MAX_BETWEEN = 3  # pictures, page numbers and running heads that a sentence may go on behind
_PAGE_NUMBER = re.compile(
    r"[-–—\[(|]?\s?(?:(?:page|seite|página|pág\.|p\.|pg\.)\s?)?\d{1,4}(?:\s?(?:of|/|von|de)\s?\d{1,4})?\s?[-–—\])|]?$",
    re.IGNORECASE,
)
SENTENCE_INSIDE = re.compile(r"[.!?。！？][\"'”’»)\]]{0,3}\s")
_ABBREVIATED = re.compile(r"(?:^|[\s(“\"])(?:Mr|Mrs|Ms|Dr|Prof|Gen|Sen|Rep|Gov|Lt|Col|Capt|Sgt|Rev|Hon)\.$")
_INITIALS = re.compile(r"(?:[A-Za-z]\.){2,}$")
# A line that ends with one of these goes on, whatever the next begins with; headlines do not end so.
_LEADS_ON = frozenset(
    "the a an of and or with from into than which whose its their his her my our your is are was were has "
    "have had will would could should must because although while whether between among during "
    "el la los las un una de del y con por para que su sus der die das den dem des ein eine einen und von mit "
    "für im zum zur le les du des et dans pour avec sur une aux il lo gli di della dei e".split()
)


@dataclass(slots=True)
class Paragraph:
    """Parts that belong together, though others (a picture at a page break) may stand between them.

    Attributes:
        parts: in order.
        text: the parts' words joined by spaces.
        within: it stands between the parts of another paragraph's sentence.
        kind, reason: as in `Block`; empty until classified.
    """

    parts: list[Part]
    text: str
    within: bool = False
    kind: str = ""
    reason: str = ""

    @property
    def first(self) -> Part:
        """The part it begins with."""
        return self.parts[0]

    @property
    def n_words(self) -> int:
        """Words as blanks count them."""
        return self.text.count(" ") + 1


def ends_sentence(text: str) -> bool:
    """Whether the text ends with a sentence's last mark (or a colon), closing quotes aside.

    >>> ends_sentence("He left. ”"), ends_sentence("The recent purge of two top Chinese")
    (True, False)
    """
    stripped = text[-40:].rstrip(_CLOSERS)
    return bool(stripped) and stripped[-1] in _TERMINAL


def read_paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of a text in order; those without words (pictures, rules) are kept as such."""
    parts = list(read_parts(text))
    shape = _Shape(parts)
    paragraphs: list[Paragraph] = []
    before: Paragraph | None = None  # the last one with words; its `text` is a bounded tail for now
    n_between = 0
    for part in parts:
        if not part.text or part.opaque or shape.interrupts(part):
            paragraphs.append(Paragraph([part], part.text))
            n_between += 1
            continue
        if before is not None and shape.belongs(before, part, n_between):
            for paragraph in paragraphs[len(paragraphs) - n_between :]:
                paragraph.within = True
                part.newlines = 2  # not the same block as the part before
            before.parts.append(part)
            before.text = f"{before.text[-_TAIL:]} {part.text}"
        else:
            before = Paragraph([part], part.text)
            paragraphs.append(before)
        n_between = 0
    for paragraph in paragraphs:
        if len(paragraph.parts) > 1:
            paragraph.text = " ".join(part.text for part in paragraph.parts)
    return paragraphs


class _Shape:
    """How a text is laid out, seen over all of it.

    Attributes:
        width: the column that lines are wrapped at; 0 where they are not.
        paged: sentences are broken by blank lines, as where pages were put one after another.
        running: short lines repeated on page after page.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        worded = [part for part in parts if part.text and not part.opaque]
        self.width = _wrap_width(worded)
        counts = Counter(p.text for p in worded if len(p.text) < 80 and not ends_sentence(p.text))
        self.running = frozenset(line for line, n in counts.items() if n >= 3)
        self.paged = any(
            b.newlines == 2 and len(a.text) >= 60 and not ends_sentence(a.text) and _begins_lower(b.text)
            for a, b in pairwise(worded)
        )

    def interrupts(self, part: Part) -> bool:
        """Page numbers, rules, file names of pictures, running heads: a sentence can go on behind them."""
        text = part.text
        if len(text) > 80:
            return False
        if RULE.match(text) or THUMBNAIL.match(text):
            return True
        return part.newlines == 2 and (is_page_number(text) or text in self.running)

    def belongs(self, before: Paragraph, part: Part, n_between: int) -> bool:
        """Whether the part goes on with the paragraph before it."""
        last = before.parts[-1]
        if part.bullet or part.level or last.level or part.tag == "li" or n_between > _MAX_BETWEEN:
            return False
        if n_between == 0 and part.newlines == 0:
            return part.tag == last.tag
        if n_between == 0 and part.newlines == 1 and self._wrapped(last, part):
            return True
        return self._goes_on(before, part, n_between > 0 or part.newlines == 2)

    def _wrapped(self, last: Part, part: Part) -> bool:
        """Whether the line before was full, so that its end is not a paragraph's."""
        size = len(last.raw) + last.indent
        full = size + 1 + len(part.text.split(" ", 1)[0]) > self.width - 2
        return self.width > 0 and full and size <= self.width + 10 and not _stands_alone(part.text)

    def _goes_on(self, before: Paragraph, part: Part, blank_line: bool) -> bool:
        a, b = before.text, part.text
        lower = _begins_lower(b)
        if lower and a[-1:] in "-\u2010" and a[-2:-1].isalpha():
            return True
        if ends_sentence(a) and not _ABBREVIATED.search(a[-8:]) and not (lower and _INITIALS.search(a[-12:])):
            return False
        if _stands_alone(a) or _stands_alone(b) or _heading_like(a):
            return False
        inside = SENTENCE_INSIDE.search(a) is not None
        if not inside and max(len(before.parts[-1].text), len(b)) < 60:  # two short lines: items of a list
            return False
        word = re.split(r"\s", a[-40:])[-1].lstrip("“\"'‘(«[")
        leads_on = (word in _LEADS_ON or word[-1:] in ",–—") and len(a) >= 60
        if lower:
            return leads_on or inside or len(a) >= 40
        whole = len(b) >= 40 or ends_sentence(b)
        if leads_on or _ABBREVIATED.search(a[-8:]):
            return whole
        # A new page may begin with a name. Only where pages do break sentences in this text: a
        # paragraph whose last dot was forgotten looks the same.
        return self.paged and blank_line and inside and len(a) >= 200 and len(b) >= 80 and ends_sentence(b)


def is_page_number(text: str) -> bool:
    """Whether the text is nothing but "12", "- 12 -" or "Page 3 of 10".

    >>> is_page_number("Page 3 of 10"), is_page_number("3 of them")
    (True, False)
    """
    return len(text) < 20 and _PAGE_NUMBER.match(text) is not None


def _wrap_width(parts: Sequence[Part]) -> int:
    """The column at which lines were wrapped, or 0 where each line is a paragraph of its own."""
    pairs = [(len(a.raw) + a.indent, a, b) for a, b in pairwise(parts) if b.newlines == 1 and not b.bullet]
    if len(pairs) < 2:
        return 0
    sizes = sorted(size for size, _, _ in pairs)
    width = sizes[int(0.98 * (len(sizes) - 1))]
    if not 40 <= width <= 130:
        return 0
    full = [(a, b) for size, a, b in pairs if size + 1 + len(b.text.split(" ", 1)[0]) > width - 2]
    broken = sum(not ends_sentence(a.text) for a, _ in full)
    lower = sum(_begins_lower(b.text) for _, b in full)
    if len(full) < 0.6 * len(pairs) or broken < 0.5 * len(full) or lower < 0.25 * len(full):
        return 0
    return width


def _begins_lower(text: str) -> bool:
    """Whether the first word is in lower case; "iPhone" and "eBay" are names."""
    word = text[:40].lstrip("“\"'‘(«[").split(" ", 1)[0]
    return word[:1].islower() and not any(map(str.isupper, word[1:4]))


def _stands_alone(text: str) -> bool:
    """A line that is no part of a sentence: byline, date, credit, file name, attribution."""
    if len(text) > 120:
        return False
    if text[:1] in "—–-―~" and SIGNED.match(text):
        return True
    return any(pattern.match(text) for pattern in (BYLINE, DATE, CREDIT, THUMBNAIL))


def _heading_like(text: str) -> bool:
    """A line in title case or capitals, or very short, with no sentence inside."""
    if len(text) > 110 or SENTENCE_INSIDE.search(text):
        return False
    words = re.findall(r"[^\W\d_][\w’'-]*", text)
    if len(words) < 4:
        return True
    big = [word for word in words if len(word) > 3 or not is_function_word(word.lower())]
    return bool(big) and sum(word[:1].isupper() for word in big) >= 0.8 * len(big)
