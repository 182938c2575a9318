"""The characters of a PDF page, by PDFium, put together into runs: words that follow each other on a line."""

from __future__ import annotations

import ctypes
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

__all__ = ["HYPHEN", "PageRuns", "Run", "read_runs"]

HYPHEN = "\x02"  # PDFium's mark for a hyphen at a line's end
_GAP = 1.0  # of the font size: what is further apart is not the next word of the same line
_MAX_CHARS = 400_000  # of one page
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})


@dataclass(slots=True)
class Run:
    """Characters on one baseline, without a wide gap between them.

    Attributes:
        text: they.
        x0, x1: left and right edge, in points, as the reader holds the page.
        y: baseline, in points from the bottom.
        size: height of the font's line, in points.
        order: place in the page's content, which is often but not always the reading order.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    order: int


@dataclass(frozen=True, slots=True)
class PageRuns:
    """A page's runs.

    Attributes:
        upright: those in the direction of most of the text.
        turned: those in other directions, such as a stamp along the margin.
        bottom, top: of the page, in the runs' coordinates.
        n_unknown: characters whose font does not say which they are.
        n_chars: all.
    """

    upright: list[Run]
    turned: list[Run]
    bottom: float
    top: float
    n_unknown: int
    n_chars: int


def read_runs(page: Any) -> PageRuns:
    """The runs of a page.

    Args:
        page: a `pypdfium2.PdfPage`.
    """
    import pypdfium2.raw as raw

    text_page = page.get_textpage()
    try:
        found, n_unknown, n = _collect(text_page.raw, raw)
    finally:
        text_page.close()
    angles = Counter[int]()
    for run, angle in found:
        angles[angle] += len(run.text)
    upright = angles.most_common(1)[0][0] if angles else 0
    left, bottom, right, top = page.get_bbox()
    corners = [_turned(x, y, upright) for x, y in ((left, bottom), (right, top))]
    return PageRuns(
        upright=[run for run, angle in found if angle == upright],
        turned=[run for run, angle in found if angle != upright],
        bottom=min(y for _, y in corners),
        top=max(y for _, y in corners),
        n_unknown=n_unknown,
        n_chars=n,
    )


def _collect(text_page: Any, raw: Any) -> tuple[list[tuple[Run, int]], int, int]:
    """(run, angle in degrees) in content order, how many characters are unknown, how many there are."""
    n = min(raw.FPDFText_CountChars(text_page), _MAX_CHARS)
    x, y, box = ctypes.c_double(), ctypes.c_double(), raw.FS_RECTF()
    px, py, pbox = ctypes.byref(x), ctypes.byref(y), ctypes.byref(box)
    get_code, get_origin, get_box = (
        raw.FPDFText_GetUnicode,
        raw.FPDFText_GetCharOrigin,
        raw.FPDFText_GetLooseCharBox,
    )
    found: list[tuple[Run, int]] = []
    run: Run | None = None
    angle, n_unknown = 0, 0
    words: list[str] = []

    def end() -> None:
        nonlocal run
        if run is not None:
            run.text = "".join(words).translate(_LIGATURES).strip()
            if run.text:
                found.append((run, angle))
        words.clear()
        run = None

    for i in range(n):
        code = get_code(text_page, i)
        if code in (0x0A, 0x0D):
            end()
            continue
        if code == 0x20 or code == 0xA0 or code == 0x09:
            if words and words[-1] != " ":
                words.append(" ")
            continue
        n_unknown += code in (0, 0xFFFD) or 0xE000 <= code <= 0xF8FF
        if (
            (code < 0x20 and code != 2)
            or 0xD800 <= code <= 0xDFFF
            or code in (0xAD, 0xFFFE, 0xFFFF)
            or code > 0x10FFFF
        ):
            if code == 0xAD or code == 0xFFFE:
                words.append(HYPHEN)
            elif 0xD800 <= code <= 0xDFFF:
                _surrogate(code, words)
            continue
        if not get_origin(text_page, i, px, py) or not get_box(text_page, i, pbox):
            words.append(chr(code))
            continue
        edges = _edges(x.value, y.value, box, angle)
        if run is None or _is_apart(run, edges):
            end()
            turned = _degrees(raw.FPDFText_GetCharAngle(text_page, i))
            if turned != angle:
                angle = turned
                edges = _edges(x.value, y.value, box, angle)
            run = Run("", math.inf, -math.inf, 0.0, 0.0, len(found))
        _extend(run, edges, first=not words)
        words.append(chr(code))
    end()
    for order, (one, _) in enumerate(found):
        one.order = order
    return found, n_unknown, n


def _surrogate(code: int, words: list[str]) -> None:
    """Halves of a pair come as two characters."""
    if words and code >= 0xDC00 and "\ud800" <= words[-1] <= "\udbff":
        words[-1] = chr(0x10000 + ((ord(words[-1]) - 0xD800) << 10) + (code - 0xDC00))
    elif code < 0xDC00:
        words.append(chr(code))


def _degrees(radians: float) -> int:
    """Counted against the clock and in steps of 5; PDFium counts with it and says -1 for unknown."""
    return round(-math.degrees(radians) / 5) * 5 % 360 if math.isfinite(radians) and radians >= 0 else 0


def _turned(x: float, y: float, angle: int) -> tuple[float, float]:
    """Coordinates in which text written at an angle runs from left to right."""
    if angle == 0:
        return x, y
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return x * cosine + y * sine, y * cosine - x * sine


def _edges(x: float, y: float, box: Any, angle: int) -> tuple[float, float, float, float]:
    """A character's left and right edge, baseline and height."""
    if angle == 0:
        return box.left, box.right, y, abs(box.top - box.bottom)
    x0, y0 = _turned(box.left, box.bottom, angle)
    x1, y1 = _turned(box.right, box.top, angle)
    return min(x0, x1), max(x0, x1), _turned(x, y, angle)[1], abs(y1 - y0)


def _is_apart(run: Run, edges: tuple[float, float, float, float]) -> bool:
    """Whether a character begins a new run."""
    left, _, baseline, height = edges
    size = height if height > run.size else run.size
    # Raised and lowered figures stay with their word.
    if abs(baseline - run.y) > 0.55 * size:
        return True
    return left - run.x1 > _GAP * size or left < run.x1 - max(2.0, 1.5 * size)


def _extend(run: Run, edges: tuple[float, float, float, float], *, first: bool) -> None:
    left, right, baseline, height = edges
    if left < run.x0:
        run.x0 = left
    if right > run.x1:
        run.x1 = right
    if first or height > run.size * 1.1:
        run.size = height if height > 0.5 else 0.5
        run.y = baseline
