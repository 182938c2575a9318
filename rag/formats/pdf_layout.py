"""Runs of a PDF page to blocks of lines in reading order: columns one after the other, table rows whole.

Which block comes before which follows T. Breuel, "High performance document layout analysis" (2003):
one above the other comes first, the left one comes first, unless something that spans both lies between.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from dataclasses import dataclass, field
from statistics import median

from rag.formats.pdf_runs import Run

__all__ = ["Block", "Line", "Page", "read_blocks", "read_lines"]

_MIN_GUTTER = 4  # rows with the same gap that make it the space between two columns
_MIN_COLUMN = 15  # characters: what is narrower is a cell of a table
_CELL = 1.0  # of the font size: what may be a gap between cells
_MAX_BLOCKS = 150
_MAX_GAPS = 1_500  # looked at for gutters: a page of text has some hundreds
_MAX_GUTTERS = 12


@dataclass(slots=True)
class Line:
    """What a reader reads in one go: a line of a column, or a row of a table.

    Attributes:
        text: its words.
        x0, x1: left and right edge, points.
        y: baseline, points from the bottom.
        size: height of the font's line, points.
        order: place in the page's content.
        page: from 0.
        gaps: left and right edge of the wide gaps in it: between cells, or between justified words.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    order: int
    page: int
    gaps: list[tuple[float, float]] = field(default_factory=list)

    def aligned(self, other: Line) -> bool:
        """Whether a wide gap lies under one of another line's, as between the cells of a table."""
        shared = (min(b, d) - max(a, c) for a, b in self.gaps for c, d in other.gaps)
        return any(width >= 0.8 * self.size for width in shared)


@dataclass(slots=True)
class Block:
    """Lines of one column that follow each other closely."""

    lines: list[Line] = field(default_factory=list)

    @property
    def x0(self) -> float:
        """Left edge, points."""
        return min(line.x0 for line in self.lines)

    @property
    def x1(self) -> float:
        """Right edge, points."""
        return max(line.x1 for line in self.lines)

    @property
    def top(self) -> float:
        """Upper edge, points."""
        return self.lines[0].y + self.lines[0].size

    @property
    def bottom(self) -> float:
        """Lower edge, points."""
        return self.lines[-1].y


@dataclass(slots=True)
class Page:
    """A page's lines from top to bottom, left to right.

    Attributes:
        lines: they.
        gutters: x of the spaces between columns.
        bottom, top: of the page.
    """

    lines: list[Line]
    gutters: list[float]
    bottom: float
    top: float


def read_lines(runs: list[Run], page: int, bottom: float, top: float) -> Page:
    """Runs to lines; those of different columns stay apart.

    Args:
        runs: of one page and direction.
        page: its number, from 0.
        bottom, top: of the page, points.
    """
    rows = _rows(runs)
    gutters = _gutters(rows, runs)
    lines: list[Line] = []
    for row in rows:
        lines += _row_lines(row, gutters, page)
    return Page(lines, gutters, bottom, top)


def read_blocks(page: Page) -> list[Block]:
    """The page's lines as blocks in reading order."""
    blocks: list[Block] = []
    at = 0
    while at < len(page.lines):
        stop = at + 1
        while stop < len(page.lines) and _same_row(page.lines[at], page.lines[stop]):
            stop += 1
        row = page.lines[at:stop]
        wanted = [_block_above(blocks, line, page.gutters, alone=len(row) == 1) for line in row]
        for line, block in zip(row, wanted, strict=True):
            if block is not None and sum(other is block for other in wanted) == 1:
                block.lines.append(line)
            else:
                blocks.append(Block([line]))
        at = stop
    return _ordered(blocks)


def _same_row(a: Line | Run, b: Line | Run) -> bool:
    return abs(a.y - b.y) < 0.35 * min(a.size, b.size)


def _rows(runs: list[Run]) -> list[list[Run]]:
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (-run.y, run.x0)):
        # The last rows only: runs come sorted by height.
        home = next((row for row in rows[-3:] if _same_row(row[0], run)), None)
        if home is None:
            rows.append([run])
        else:
            home.append(run)
    for row in rows:
        row.sort(key=lambda run: run.x0)
    return rows


def _gutters(rows: list[list[Run]], runs: list[Run]) -> list[float]:
    """Places that many rows leave free while they have long text on both sides."""
    gaps = [
        (a.x1, b.x0, a, b)
        for row in rows
        for a, b in itertools.pairwise(row)
        if b.x0 - a.x1 >= 0.6 * min(a.size, b.size)
    ]
    if len(gaps) < _MIN_GUTTER:
        return []
    found: list[float] = []
    left = sorted(gaps[:_MAX_GAPS], key=lambda gap: gap[0])
    for _ in range(_MAX_GUTTERS):
        if len(left) < _MIN_GUTTER:
            break
        # The place that most gaps share: where the latest of their left edges lies.
        best = max((gap[0] for gap in left[:400]), key=lambda x: sum(a <= x < b for a, b, _, _ in left))
        sharing = [gap for gap in left if gap[0] <= best < gap[1]]
        left = [gap for gap in left if not gap[0] <= best < gap[1]]
        if len(sharing) < _MIN_GUTTER:
            break
        high, low = max(gap[2].y for gap in sharing), min(gap[2].y for gap in sharing)
        x = (max(gap[0] for gap in sharing) + min(gap[1] for gap in sharing)) / 2
        crossing = sum(run.x0 < x - 1 and run.x1 > x + 1 and low <= run.y <= high for run in runs)
        wide = min(median(len(gap[2].text) for gap in sharing), median(len(gap[3].text) for gap in sharing))
        if crossing < 0.5 * len(sharing) and wide >= _MIN_COLUMN:
            found.append(x)
    return sorted(found)


def _row_lines(row: list[Run], gutters: list[float], page: int) -> list[Line]:
    lines: list[Line] = []
    last: Run | None = None
    for run in row:
        if last is not None and not _parted(last, run, gutters):
            line = lines[-1]
            near = run.x0 - line.x1 < 0.12 * max(run.size, line.size)
            line.text += run.text if near else " " + run.text
            if run.x0 - line.x1 >= _CELL * max(run.size, line.size):
                line.gaps.append((line.x1, run.x0))
            line.x1, line.size = max(line.x1, run.x1), max(line.size, run.size)
        else:
            lines.append(Line(run.text, run.x0, run.x1, run.y, run.size, run.order, page))
        last = run
    return lines


def _parted(a: Run, b: Run, gutters: list[float]) -> bool:
    """Whether two runs of a row belong to different columns."""
    gap = b.x0 - a.x1
    if gap < 0.6 * min(a.size, b.size):
        return False
    at = bisect_left(gutters, a.x1 - 1)
    if at < len(gutters) and gutters[at] <= b.x0 + 1:
        return True
    # Not drawn one after the other: the page's author saw no row here.
    return b.order != a.order + 1 and gap > 1.0 * max(a.size, b.size)


def _block_above(blocks: list[Block], line: Line, gutters: list[float], *, alone: bool) -> Block | None:
    """The block that a line goes on with.

    Args:
        blocks: so far.
        line: below them.
        gutters: of the page.
        alone: nothing else stands in its row.
    """
    found = None
    for block in blocks[-40:]:
        last = block.lines[-1]
        distance = last.y - line.y
        if not 0 < distance <= 1.75 * max(last.size, line.size):
            continue
        if not 0.8 <= last.size / line.size <= 1.25:
            continue
        shared = min(block.x1, line.x1) - max(block.x0, line.x0)
        if shared < 0.5 * min(line.x1 - line.x0, last.x1 - last.x0):
            continue
        if any(_spans(line, x) and not _spans(last, x) for x in gutters):
            continue
        if any(_spans(block.lines[0], x) and not _spans(last, x) for x in gutters):
            continue
        # The last line of a paragraph over both columns may be short.
        ends = alone and line.x0 - block.x0 < line.size and distance <= 1.3 * max(last.size, line.size)
        if any(_spans(last, x) and not _spans(line, x) for x in gutters) and not ends:
            continue
        if found is not None:
            return None
        found = block
    return found


def _spans(line: Line, x: float) -> bool:
    return line.x0 < x - 1 and line.x1 > x + 1


def _ordered(blocks: list[Block]) -> list[Block]:
    """Blocks in reading order."""
    if len(blocks) > _MAX_BLOCKS:  # a drawing or a form: no order to be seen, as it was drawn
        return sorted(blocks, key=lambda block: block.lines[0].order)
    boxes = [(b.x0, b.x1, b.bottom, b.top) for b in blocks]
    natural = sorted(range(len(blocks)), key=lambda i: (-boxes[i][3], boxes[i][0]))
    before: list[list[int]] = [[] for _ in blocks]
    for i in natural:
        for j in natural:
            if i != j and _comes_first(boxes, j, i):
                before[i].append(j)
    done: set[int] = set()
    order: list[Block] = []
    for start in natural:
        stack = [(start, iter(before[start]))]
        entered = {start}
        while stack:
            node, rest = stack[-1]
            following = next((k for k in rest if k not in done and k not in entered), None)
            if following is not None:
                entered.add(following)
                stack.append((following, iter(before[following])))
                continue
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(blocks[node])
    return order


def _comes_first(boxes: list[tuple[float, float, float, float]], a: int, b: int) -> bool:
    ax0, ax1, abottom, atop = boxes[a]
    bx0, bx1, bbottom, btop = boxes[b]
    shared = min(ax1, bx1) - max(ax0, bx0)
    if shared > 0.1 * min(ax1 - ax0, bx1 - bx0):
        return atop > btop
    if ax0 + ax1 >= bx0 + bx1:
        return False
    high, low = max(atop, btop), min(abottom, bbottom)
    for k, (x0, x1, bottom, top) in enumerate(boxes):
        if k in (a, b) or x0 >= ax1 or x1 <= bx0:
            continue
        middle = (bottom + top) / 2
        between = min(abottom, bbottom) < middle < max(atop, btop) and (
            (abottom >= middle >= btop) or (bbottom >= middle >= atop)
        )
        if between and low <= bottom and top <= high:
            return False
    return True
