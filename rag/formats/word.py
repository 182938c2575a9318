"""Word documents (.docx): paragraphs, headings, lists, tables, text boxes and notes, in order.

The parts are read from the zip with lxml: content controls, inserted text of tracked changes and text
boxes are part of what a reader sees; deleted text, comments, field codes and running heads are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from rag.errors import FileError
from rag.formats.canonical import Canonical, one_line
from rag.formats.page_facts import iso_date, language_code
from rag.formats.parsed import Parsed, ParseOptions
from rag.formats.trees import local_name, xml_tree
from rag.formats.zipped import Zipped

__all__ = ["parse"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_UNSEEN = frozenset(
    "del movefrom deltext instrtext delinstrtext ppr rpr fallback sectpr sdtpr sdtendpr commentreference "
    "annotationref footnotereference endnotereference tblpr tblgrid trpr tcpr".split()
)
_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)


def parse(data: bytes, options: ParseOptions) -> Parsed:
    """Read a .docx file.

    Raises:
        FileError: no Word document, damaged, protected, a bomb, or without text.
    """
    opened = Zipped(data, "Word document")
    main = opened.read("word/document.xml")
    if main is None:
        what = next((name for name in ("ppt/", "xl/") if any(n.startswith(name) for n in opened.names)), "")
        kind = {"ppt/": "a presentation", "xl/": "a spreadsheet"}.get(what, "another kind of zip")
        raise FileError(f"no Word document but {kind}: word/document.xml is missing")
    styles = _Styles(opened)
    root = xml_tree(main, "word/document.xml")
    out = Canonical()
    body = next((child for child in root if local_name(child.tag) == "body"), root)
    _add_blocks(body, out, styles)
    for part in ("word/footnotes.xml", "word/endnotes.xml"):
        _add_notes(opened, part, out, styles)
    if not len(out):
        raise FileError("no text in this document; pictures of text would need OCR")
    facts = _core(opened)
    notes = []
    comments = opened.read("word/comments.xml")
    if comments:
        notes.append("its comments are not read")
    return Parsed(
        out.text(),
        title=facts.get("title"),
        author=facts.get("creator"),
        date=iso_date(facts.get("modified") or facts.get("created")),
        language=language_code(facts.get("language")),
        source=_company(opened),
        notes=tuple(notes),
    )


class _Styles:
    """Which paragraph styles are headings or list items, and which styles hide their text."""

    def __init__(self, opened: Zipped) -> None:
        self._levels: dict[str, int] = {}
        self._listed: set[str] = set()
        self._hiding: dict[str, bool] = {}
        data = opened.read("word/styles.xml")
        root = xml_tree(data, "word/styles.xml") if data else ()
        based: dict[str, str] = {}
        for style in root:
            if local_name(style.tag) != "style":
                continue
            style_id = _value(style, "styleId")
            name = based_on = ""
            hiding = _vanish(style)
            if hiding is not None:
                self._hiding[style_id] = hiding
            for child in style.iter():
                kind = local_name(child.tag)
                if kind == "name":
                    name = _value(child)
                elif kind == "basedon":
                    based_on = _value(child)
                elif kind == "outlinelvl" and _value(child).isdigit() and int(_value(child)) < 6:
                    self._levels[style_id] = int(_value(child)) + 1
                elif kind == "numpr":
                    self._listed.add(style_id)
            match = _HEADING.match(name)
            if match:
                self._levels[style_id] = min(6, max(1, int(match.group(1))))
            elif name.lower() == "title":
                self._levels[style_id] = 1
            elif name.lower().startswith("list "):
                self._listed.add(style_id)
            if based_on:
                based[style_id] = based_on
        _hand_down(self._levels, based)
        _hand_down(self._hiding, based)

    def of(self, paragraph: Any) -> tuple[int, bool]:
        """(heading level or 0, whether it is a list item)."""
        level, listed = 0, False
        for child in paragraph:
            if local_name(child.tag) != "ppr":
                continue
            for item in child:
                kind = local_name(item.tag)
                if kind == "pstyle":
                    level = level or self._levels.get(_value(item), 0)
                    listed = listed or _value(item) in self._listed
                elif kind == "outlinelvl" and _value(item).isdigit() and int(_value(item)) < 6:
                    level = int(_value(item)) + 1
                elif kind == "numpr":
                    listed = any(local_name(x.tag) == "numid" and _value(x) != "0" for x in item)
        return level, listed and not level

    def hides(self, run: Any, paragraph: Any) -> bool:
        """Whether a run is hidden: as it says itself, else as its style and its paragraph's style do.

        Where both of these hide, Word shows it: the one switches what the other has set (ECMA-376, 17.7.3).
        """
        stated = _vanish(run)
        if stated is not None:
            return stated
        by_run, by_paragraph = (
            self._hiding.get(_style_of(element, kind), False)
            for element, kind in ((run, "rstyle"), (paragraph, "pstyle"))
        )
        return by_run != by_paragraph


def _hand_down(known: dict[str, Any], based: dict[str, str]) -> None:
    """Give each style that says nothing what the nearest style it is based on says."""
    for style_id in based:
        above, seen = based[style_id], {style_id}
        while above and above not in seen and style_id not in known:
            if above in known:
                known[style_id] = known[above]
            seen.add(above)
            above = based.get(above, "")


def _style_of(element: Any, kind: str) -> str:
    """The style that a paragraph ("pstyle") or a run ("rstyle") names; empty where it names none."""
    return next(
        (
            _value(item)
            for child in element
            if local_name(child.tag) in ("ppr", "rpr")
            for item in child
            if local_name(item.tag) == kind
        ),
        "",
    )


def _vanish(element: Any) -> bool | None:
    """Whether a run or a style says that text is hidden or that it is not; None where it says neither."""
    for child in element:
        if local_name(child.tag) == "rpr":
            for item in child:
                if local_name(item.tag) == "vanish":
                    return _value(item) not in ("0", "false", "off")
    return None


def _value(element: Any, name: str = "val") -> str:
    return element.get(f"{_W}{name}") or element.get(f"{_STRICT}{name}") or ""


def _add_blocks(root: Any, out: Canonical, styles: _Styles) -> None:
    """Add every paragraph and table below an element, in document order."""
    stack: list[Any] = [root]
    while stack:
        element = stack.pop()
        kind = local_name(element.tag)
        if kind == "p":
            _add_paragraph(element, out, styles)
            stack.extend(reversed(list(_boxes(element))))
        elif kind == "tbl":
            _add_table(element, out, styles)
        elif kind not in _UNSEEN:
            stack.extend(reversed(element))


def _add_paragraph(paragraph: Any, out: Canonical, styles: _Styles) -> None:
    level, listed = styles.of(paragraph)
    text = _text(paragraph, styles)
    if level:
        out.add(" ".join(text.split()), mark="#" * level + " ")
    else:
        out.add(text, mark="- " if listed else "", tight="list" if listed else "")


def _text(paragraph: Any, styles: _Styles) -> str:
    """What a reader sees of a paragraph, text boxes aside."""
    parts: list[str] = []
    stack: list[Any] = list(reversed(paragraph))
    while stack:
        element = stack.pop()
        kind = local_name(element.tag)
        if kind == "t":
            parts.append(element.text or "")
        elif kind in ("tab", "ptab"):
            parts.append(" ")
        elif kind in ("br", "cr"):
            parts.append("\n")
        elif kind == "nobreakhyphen":
            parts.append("-")
        elif kind == "r" and styles.hides(element, paragraph):
            continue
        elif kind not in _UNSEEN and kind != "txbxcontent":
            stack.extend(reversed(element))
    return "".join(parts)


def _boxes(paragraph: Any) -> Iterator[Any]:
    """The text boxes that hang on a paragraph, each once (Word writes a fallback copy)."""
    return _outermost(paragraph, "txbxcontent", lambda name: name not in _UNSEEN)


def _add_table(table: Any, out: Canonical, styles: _Styles) -> None:
    """One line a row; a table of one cell is a box around paragraphs."""
    for row in _below(table, "tr"):
        cells = [
            " ".join(one_line(_text(p, styles)) for p in _paragraphs(cell)) for cell in _below(row, "tc")
        ]
        line = " | ".join(cell.strip() for cell in cells if cell.strip())
        out.add(line, tight="table" if len(cells) > 1 else "")


def _paragraphs(cell: Any) -> Iterator[Any]:
    """All paragraphs of a cell, those of its inner tables and text boxes too."""
    stack: list[Any] = list(reversed(cell))
    while stack:
        element = stack.pop()
        kind = local_name(element.tag)
        if kind == "p":
            yield element
            stack.extend(reversed(list(_boxes(element))))
        elif kind not in _UNSEEN and not _is_gone(element):
            stack.extend(reversed(element))


def _is_gone(element: Any) -> bool:
    """Whether a row or a cell was deleted under tracked changes, or a row is hidden."""
    return any(
        local_name(item.tag) in ("del", "celldel", "hidden") and _value(item) not in ("0", "false", "off")
        for child in element
        if local_name(child.tag) in ("trpr", "tcpr")
        for item in child
    )


def _below(element: Any, kind: str) -> Iterator[Any]:
    """Rows of a table or cells of a row that are shown, also inside content controls, not of inner tables."""
    found = _outermost(element, kind, lambda name: name in ("sdt", "sdtcontent", "customxml", "ins"))
    return (child for child in found if not _is_gone(child))


def _outermost(root: Any, kind: str, entered: Callable[[str], bool]) -> Iterator[Any]:
    """Elements of a kind below another, in document order; none inside one that is found.

    Args:
        root: is not looked at itself.
        kind: the elements' local name.
        entered: whether elements of another name are looked into.
    """
    stack: list[Any] = list(reversed(root))
    while stack:
        element = stack.pop()
        name = local_name(element.tag)
        if name == kind:
            yield element
        elif entered(name):
            stack.extend(reversed(element))


def _add_notes(opened: Zipped, part: str, out: Canonical, styles: _Styles) -> None:
    data = opened.read(part)
    if data is None:
        return
    for note in xml_tree(data, part):
        if _value(note, "type") in ("separator", "continuationSeparator", "continuationNotice"):
            continue
        _add_blocks(note, out, styles)


def _core(opened: Zipped) -> dict[str, str]:
    data = opened.read("docProps/core.xml")
    if data is None:
        return {}
    found: dict[str, str] = {}
    for element in xml_tree(data, "docProps/core.xml"):
        text = one_line(element.text)[:300]
        if text:
            found.setdefault(local_name(element.tag), text)
    return found


def _company(opened: Zipped) -> str | None:
    data = opened.read("docProps/app.xml")
    if data is None:
        return None
    named = (e for e in xml_tree(data, "docProps/app.xml") if local_name(e.tag) == "company")
    return one_line(next((e.text for e in named), None))[:300] or None
