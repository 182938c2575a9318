"""Lines of a PDF to its text: paragraphs across columns and pages, words broken at line ends joined."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.errors import FileError
from rag.formats.canonical import clean, literal
from rag.formats.parsed import MAX_CHARS
from rag.formats.pdf_layout import Block, Line
from rag.formats.pdf_runs import HYPHEN

__all__ = ["write_text"]

_HYPHENS = f"-\u2010{HYPHEN}"
_TERMINAL = re.compile(r"[.!?…:;。！？：；][\"'”’»)\]\d]{0,4}$")
_BULLET = re.compile(r"(?:[-*•‣◦▪●○·–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")
# Looks back so that a run of letters is tried once, not once for each letter.
_TAIL = re.compile(r"(?<![^\W\d_])(?<![^\W\d_][-\u2010])([^\W\d_]+(?:[-\u2010][^\W\d_]+)*)$")
_HEAD = re.compile(r"[^\W_]+")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]")  # scripts without blanks between words
_PREFIXES = frozenset(
    "all anti co cross ex far full half high inter long low mid multi near non off old post pre pro real self semi "
    "short so sub super ultra vice well wide".split()
)
_ENDINGS = frozenset(
    "based backed born bound building centered centred controlled down dropping edited elect faced free friendly "
    "funded goer goers haired held in inspired known law leaning led level like looking made making minded old only "
    "out owned range related running seeking sized speaking specific style term thirds time type up wide winning "
    "year years".split()
)
_JOINING = frozenset("and or to und oder bis sowie et ou y e o u en of".split())
_HEADING = 1.18  # of the body's font size


@dataclass(slots=True)
class _Paragraph:
    lines: list[Line]
    left: float
    right: float
    level: int = 0
    running: bool = False


def write_text(
    pages: Sequence[Sequence[Block]], running: Sequence[Sequence[Line]]
) -> tuple[str, tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The canonical text, the start of each page in it, and where its running lines stand.

    A page's running lines stand before the first paragraph that begins on it after one that is complete, so
    that they part no sentence that goes on from the page before. Where there is none they wait for the next page.

    Args:
        pages: the blocks of each page in reading order.
        running: the running lines of each page.

    Raises:
        FileError: longer than what one file may hold.
    """
    lines = [line for blocks in pages for block in blocks for line in block.lines]
    body = _body_size(lines)
    paragraphs: list[_Paragraph] = []
    waiting: list[Line] = []
    for blocks, aside in zip(pages, running, strict=True):
        found = [paragraph for block in blocks for paragraph in _paragraphs(block, body)]
        waiting += aside
        _add_page(found, paragraphs, body, waiting)
    _add_running(waiting, paragraphs)
    return _Writer(_vocabulary(lines), len(pages)).write(paragraphs)


def _body_size(lines: Iterable[Line]) -> float:
    """The size that most characters are set in, points."""
    sizes = Counter[float]()
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def _paragraphs(block: Block, body: float) -> list[_Paragraph]:
    """A block's lines as paragraphs, by indents, short last lines, bullets and gaps."""
    left, right = block.x0, block.x1
    found: list[_Paragraph] = []
    gaps = sorted(a.y - b.y for a, b in zip(block.lines, block.lines[1:], strict=False))
    usual = gaps[len(gaps) // 2] if gaps else 0.0
    for i, line in enumerate(block.lines):
        last = block.lines[i - 1] if i else None
        if last is None or _begins(line, last, left, right, usual):
            found.append(_Paragraph([line], left, right))
        else:
            found[-1].lines.append(line)
    for paragraph in found:
        size = max(line.size for line in paragraph.lines)
        n = sum(len(line.text) for line in paragraph.lines)
        rows = any(line.gaps for line in paragraph.lines)
        if not rows and size >= _HEADING * body and len(paragraph.lines) <= 3 and n <= 200:
            paragraph.level = 1 if size >= 1.6 * body else 2
    return found


def _begins(line: Line, last: Line, left: float, right: float, usual: float) -> bool:
    size = max(line.size, last.size)
    if last.y - line.y > 1.3 * usual or abs(line.size - last.size) > 0.12 * size:
        return True
    if _BULLET.match(line.text) or _is_next_row(line, last, right):
        return True
    indented = line.x0 - left > 0.8 * size
    short = right - last.x1 > 0.15 * (right - left)
    ended = _TERMINAL.search(last.text) is not None
    if indented and not _BULLET.match(last.text):
        return ended or short
    if short and ended:
        return True
    # A line that leaves room for the next one's first word was ended on purpose (an address, a verse, a list).
    word = line.text.split(" ", 1)[0]
    room = right - last.x1 - 0.25 * size
    wide = (line.x1 - line.x0) / max(1, len(line.text)) * len(word)
    return (
        short and room > 1.5 * wide and not line.text[:1].islower() and last.text[-1:] not in _HYPHENS + ","
    )


def _is_next_row(line: Line, last: Line, right: float) -> bool:
    """Whether two lines are rows of a table, and not justified lines with a river of blanks in them."""
    if not line.aligned(last) or line.text[:1].islower():
        return False
    full = right - last.x1 < 0.3 * last.size
    widest = max(b - a for a, b in (*line.gaps, *last.gaps))
    return not full or widest > 2.0 * line.size


def _add_running(waiting: list[Line], paragraphs: list[_Paragraph]) -> None:
    """Put running lines after the paragraphs, as one."""
    if waiting:
        paragraphs.append(_Paragraph(waiting.copy(), 0.0, 0.0, running=True))
        waiting.clear()


def _complete(paragraphs: list[_Paragraph], oldest: int, page: int) -> bool:
    """Whether nothing of the last paragraph can follow; where no line ends a sentence, two pages are waited for."""
    last = paragraphs[-1] if paragraphs else None
    if last is None or last.running or last.level or oldest + 2 <= page:
        return True
    return _TERMINAL.search(last.lines[-1].text) is not None


def _add_page(
    found: list[_Paragraph], paragraphs: list[_Paragraph], body: float, waiting: list[Line]
) -> None:
    """Put a page's paragraphs after those before it, one that a column's or the page's end breaks made whole."""
    broken = _open_end(paragraphs, body)
    for i, paragraph in enumerate(found):
        ahead = paragraphs[-1] if i else broken
        if ahead is not None and _goes_on(ahead, paragraph, body):
            if i == 0 and ahead is not paragraphs[-1]:
                # Footnotes and captions follow on the page; the sentence they part is read whole.
                paragraphs.remove(ahead)
                paragraphs.append(ahead)
            ahead.lines += paragraph.lines
        else:
            if waiting and _complete(paragraphs, waiting[0].page, paragraph.lines[0].page):
                _add_running(waiting, paragraphs)
            paragraphs.append(paragraph)


def _open_end(paragraphs: list[_Paragraph], body: float) -> _Paragraph | None:
    """The last paragraph in the body's size of the last page, past its footnotes."""
    page = paragraphs[-1].lines[-1].page if paragraphs else -1
    for paragraph in reversed(paragraphs[-12:]):
        if paragraph.running:
            continue
        # Only one that lies on that page whole can be moved behind the notes without moving pages.
        if any(line.page != page for line in paragraph.lines) and paragraph is not paragraphs[-1]:
            return None
        if paragraph.level == 0 and max(line.size for line in paragraph.lines) >= 0.93 * body:
            return paragraph
    return None


def _goes_on(a: _Paragraph, b: _Paragraph, body: float) -> bool:
    """Whether a paragraph goes on in the next column or on the next page."""
    last, first = a.lines[-1], b.lines[0]
    if a.level or b.level or abs(last.size - first.size) > 0.12 * last.size or _BULLET.match(first.text):
        return False
    if last.page == first.page and last.y - first.y > 0 and abs(a.left - b.left) < 2 * last.size:
        return False  # below it in the same column: the gap between them is a paragraph's
    if last.text[-1:] in _HYPHENS and len(last.text) > 1:
        return first.text[:1].isalpha()
    if _TERMINAL.search(last.text):
        return False
    if first.text[:1].islower():
        return len(a.lines) > 1 or len(last.text) >= 15
    full = a.right - last.x1 <= 0.12 * (a.right - a.left)
    indented = first.x0 - b.left > 0.8 * first.size and len(b.lines) > 1
    return full and not indented and len(last.text) >= 30 and len(a.lines) + len(b.lines) >= 4


def _vocabulary(lines: Sequence[Line]) -> Counter[str]:
    """The words that stand whole in the text, with their hyphens."""
    words = Counter[str]()
    for line in lines:
        found = _WORD.findall(line.text.lower().replace("\u2010", "-"))
        words.update(found[:-1] if line.text[-1:] in _HYPHENS else found)
    return words


class _Writer:
    """Writes paragraphs and notes where each page begins."""

    def __init__(self, words: Counter[str], n_pages: int) -> None:
        self._words = words
        self._n_pages = n_pages
        self._parts: list[str] = []
        self._size = 0
        self._pages: list[int] = []
        self._running: list[tuple[int, int]] = []

    def write(
        self, paragraphs: Sequence[_Paragraph]
    ) -> tuple[str, tuple[int, ...], tuple[tuple[int, int], ...]]:
        """The text, its pages, and its running lines."""
        for paragraph in paragraphs:
            self._put("\n\n" if self._parts else "")
            self._page(paragraph.lines[0].page)
            if paragraph.running:
                self._write_running(paragraph.lines)
                continue
            if paragraph.level:
                self._put("#" * paragraph.level + " ")
            for i, line in enumerate(paragraph.lines):
                following = paragraph.lines[i + 1] if i + 1 < len(paragraph.lines) else None
                text, between = self._ended(line.text, following)
                self._page(line.page)
                self._put(literal(clean(text.replace(HYPHEN, "-"))) + between)
        if self._parts:
            self._put("\n")
        self._page(self._n_pages - 1, at=self._size)
        return "".join(self._parts), tuple(self._pages), tuple(self._running)

    def _write_running(self, lines: Sequence[Line]) -> None:
        start = self._size
        shown = (literal(clean(line.text.replace(HYPHEN, "-"))) for line in lines)
        self._put("\n".join(text for text in shown if text.strip()))
        if self._size > start:
            self._running.append((start, self._size))

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._size += len(text)
        if self._size > MAX_CHARS:
            raise FileError(f"its text has over {MAX_CHARS:,} characters; split the file")

    def _page(self, page: int, at: int | None = None) -> None:
        while len(self._pages) <= page:
            self._pages.append(self._size if at is None else at)

    def _ended(self, text: str, following: Line | None) -> tuple[str, str]:
        """A line's text and what stands between it and the next."""
        if following is None:
            return text, ""
        head = _HEAD.match(following.text)
        if text[-1:] in _HYPHENS and head is not None:
            if head.group().lower() in _JOINING:  # "pre- and post-war"
                return text[:-1] + "-", " "
            tail = _TAIL.search(text[:-1])
            if tail is None:
                return text[:-1] + "-", "" if text[-2:-1].strip() else " "
            return text[:-1], "" if self._is_one_word(tail.group(1), head.group()) else "-"
        if _WIDE.match(text[-1:]) and _WIDE.match(following.text[:1]):
            return text, ""
        return text, " "

    def _is_one_word(self, left: str, right: str) -> bool:
        """Whether the hyphen between two halves is there for the line's end alone."""
        a, b = left.lower(), right.lower()
        joined, parted = self._words[a + b], self._words[f"{a}-{b}"]
        if joined or parted:
            return joined >= parted
        if right[:1].isupper() or right[:1].isdigit() or "-" in left:
            return False
        return (
            a not in _PREFIXES
            and b not in _ENDINGS
            and not (self._words[a] and self._words[b] and len(a) > 3 and len(b) > 3)
        )
