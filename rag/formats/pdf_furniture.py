"""Running heads and feet and page numbers: lines at the pages' edges that come again from page to page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from rag.formats.pdf_layout import Line, Page

__all__ = ["remove_repeated", "remove_running"]

_ZONE = 0.15  # of the page's height, at either end
_MARGIN = 0.09
_ROWS = 3  # rows at either end that are looked at
_PAGES = 3  # a line on that many pages runs
_NUMBER = re.compile(
    r"[-–—\[(|]?\s?(?:(?:page|seite|página|pág\.|p\.|pg\.|s\.)\s?)?(?:\d{1,5}|[ivxlc]{1,7})(?:\s?(?:of|/|von|de|\|)\s?\d{1,5})?"
    r"\s?[-–—\])|]?",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d{1,9}")
_STOPS = (".", "!", "?", "…")
_AT_END = re.compile(r"^(?=(\d{1,4})\s)|(?<=\s)(\d{1,4})$")


def remove_running(pages: list[Page]) -> list[list[Line]]:
    """Take running lines out of the pages.

    Returns:
        What was taken out of each page.
    """
    edges = [_edge_lines(page) for page in pages]
    texts = [[(line, above, _texts(line, lines)) for line, above in lines] for lines in edges]
    wanted = min(_PAGES, max(2, len(pages)))
    shown = ((number, text) for number, page in enumerate(texts) for _, _, said in page for text in said)
    keys = _Keys(shown, wanted)
    seen: dict[tuple[bool, str], list[tuple[int, float]]] = defaultdict(list)
    for number, lines in enumerate(texts):
        for line, above, said in lines:
            for text in said:
                seen[above, keys.of(text, number)].append((number, line.y))
    running = {key for key, places in seen.items() if _runs(places, wanted)}
    counted = _counting(edges)
    taken = []
    for number, (page, lines) in enumerate(zip(pages, texts, strict=True)):
        gone = {
            id(line)
            for line, above, said in lines
            if any((above, keys.of(text, number)) in running for text in said)
            or _is_number(line, above, page)
            or _offsets(line.text, number) & counted[above]
        }
        taken.append([line for line in page.lines if id(line) in gone])
        page.lines = [line for line in page.lines if id(line) not in gone]
    return taken


def remove_repeated(pages: list[Page]) -> list[list[Line]]:
    """Take out lines that stand on page after page, wherever: stamps and watermarks across the text.

    Returns:
        What was taken out of each page.
    """
    keys = _Keys(((number, line.text) for number, page in enumerate(pages) for line in page.lines), _PAGES)
    on = defaultdict[str, set[int]](set)
    for number, page in enumerate(pages):
        for line in page.lines:
            on[keys.of(line.text, number)].add(number)
    taken = []
    for number, page in enumerate(pages):
        comes_again = [len(on[keys.of(line.text, number)]) >= _PAGES for line in page.lines]
        taken.append([line for line, again in zip(page.lines, comes_again, strict=True) if again])
        page.lines = [line for line, again in zip(page.lines, comes_again, strict=True) if not again]
    return taken


def _edge_lines(page: Page) -> list[tuple[Line, bool]]:
    """(line, whether at the top) of the outermost rows that lie in the pages' margins."""
    height = max(1.0, page.top - page.bottom)
    found: list[tuple[Line, bool]] = []
    for above in (True, False):
        rows = 0
        last: float | None = None
        for line in page.lines if above else reversed(page.lines):
            inside = (page.top - line.y if above else line.y - page.bottom) <= _ZONE * height
            if last is None or abs(line.y - last) > 0.35 * line.size:
                rows += 1
                last = line.y
            if rows > _ROWS or not inside:
                break
            found.append((line, above))
    return found


def _texts(line: Line, lines: list[tuple[Line, bool]]) -> set[str]:
    """A line's text, and that of its row: what is one line on a page may be two columns on the next."""
    row = sorted((other for other, _ in lines if abs(other.y - line.y) < 1.0), key=lambda other: other.x0)
    return {line.text, " ".join(other.text for other in row)}


class _Keys:
    """What running lines have in common from page to page: all but the numbers that count with the pages.

    A last number of its own may be a page's whatever it is, as where each chapter counts anew. Any other that
    differs, such as a year or a sum, is what the line has to say.
    """

    def __init__(self, lines: Iterable[tuple[int, str]], wanted: int) -> None:
        on: dict[tuple[str, int, int], set[int]] = defaultdict(set)
        for number, text in lines:
            line = _plain(text)
            form = _DIGITS.sub("#", line)
            for place, digits in enumerate(_DIGITS.findall(line)):
                on[form, place, int(digits) - number].add(number)
        self._counting = {key for key, numbers in on.items() if len(numbers) >= wanted}

    def of(self, text: str, number: int) -> str:
        """A line's words on a page, `#` for each number that another page may have another for."""
        line, shown, end = _plain(text), "", 0
        form = _DIGITS.sub("#", line)
        for place, match in enumerate(_DIGITS.finditer(line)):
            counts = (form, place, int(match.group()) - number) in self._counting
            blank = match.end() == len(line) or (counts and not _is_year(match.group(), line))
            shown += line[end : match.start()] + ("#" if blank else match.group())
            end = match.end()
        return shown + line[end:]


def _is_year(number: str, line: str) -> bool:
    """Years count with the pages too: "In 2018 the harbour was dredged." is a sentence that has one."""
    return len(number) >= 4 and line.endswith(_STOPS)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _counting(edges: list[list[tuple[Line, bool]]]) -> dict[bool, set[int]]:
    """How far numbers at lines' ends are from the pages' own, where three pages agree: "Chapter 3: Tools 17"."""
    on: dict[tuple[bool, int], set[int]] = defaultdict(set)
    for number, lines in enumerate(edges):
        for line, above in lines:
            for offset in _offsets(line.text, number):
                on[above, offset].add(number)
    agreed = {key for key, numbers in on.items() if len(numbers) >= _PAGES}
    return {above: {offset for side, offset in agreed if side is above} for above in (True, False)}


def _offsets(text: str, number: int) -> set[int]:
    if len(text) > 100:
        return set()
    ends = [first or last for first, last in _AT_END.findall(text)]
    return {int(digits) - number for digits in ends if not _is_year(digits, text)}


def _runs(places: list[tuple[int, float]], wanted: int) -> bool:
    """Whether a line stands on enough pages, at one height."""
    if len({number for number, _ in places}) < wanted:
        return False
    heights = sorted(y for _, y in places)
    middle = heights[len(heights) // 2]
    return sum(abs(y - middle) <= 4.0 for y in heights) >= max(wanted, 0.6 * len(heights))


def _is_number(line: Line, above: bool, page: Page) -> bool:
    """A page number alone in the margin, whatever other pages have."""
    height = max(1.0, page.top - page.bottom)
    distance = page.top - line.y if above else line.y - page.bottom
    return distance <= _MARGIN * height and len(line.text) < 24 and _NUMBER.fullmatch(line.text) is not None
