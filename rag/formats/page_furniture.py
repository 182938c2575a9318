"""Which parts of a web page are not its content: menus, footers, share bars, cookie lines.

By what the page's own markup says (element, role, class), and by how much of a list is links. What
is inside the content and only looks like furniture is left to the cleaning stage, which sees the text.
"""

from __future__ import annotations

import re
from typing import Any

from rag.formats.blocks import UNSEEN, is_hidden
from rag.formats.trees import local_name

__all__ = ["content_root", "is_furniture"]

_ELEMENTS = frozenset({"nav", "footer", "button", "dialog", "search", "menu"})
_ROLES = frozenset(
    "navigation contentinfo search complementary dialog alertdialog menu menubar toolbar banner".split()
)
# What furniture is about, and what a section of an article may be about too.
_SUBJECTS = (
    r"cookies?|consent|gdpr|newsletter|subscribe|share|sharing|social|related|recommend(?:ed|ations?)|advert\w*|"
    r"sponsor\w*|respond|menu"
)
_PLACES = (
    r"breadcrumbs?|recirc\w*|ads?|promo\w*|skip-?links?|pagination|pager|disqus|comment-?form|navbar|nav|sidebar|footer|"
    r"masthead|toolbar|paywall|popup|modal|toc|mw-editsection|navbox|catlinks|noprint|jump-to-nav"
)
_NAMED = re.compile(rf"(?:^|[\s_-])(?:{_SUBJECTS}|{_PLACES})(?:$|[\s_-])", re.IGNORECASE)
_PLACED = re.compile(rf"(?:^|[\s_-])(?:{_PLACES})(?:$|[\s_-])", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_SENTENCE_END = re.compile(r"[.!?…。！？][\W\d]*$")  # a footnote's number may follow
_SHORT = 30  # characters but blanks: a shorter paragraph is a line of something, not prose
_LINKED = 0.3  # of a part's text in links: more than prose has
_LARGE = 0.3  # of the page's text: what holds more is hardly furniture, whatever it is called


class _Sizes:
    """Characters of text in an element, and in its links."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[int, int]] = {}

    def of(self, root: Any) -> tuple[int, int]:
        """(all, in links), without blanks; what is not seen does not count."""
        if root in self._known:
            return self._known[root]
        total = linked = 0
        stack: list[tuple[Any, bool]] = [(root, False)]
        while stack:
            element, in_link = stack.pop()
            name = local_name(element.tag)
            if not name or name in UNSEEN or (element is not root and is_hidden(element)):
                continue
            in_link = in_link or name == "a"
            n = len("".join((element.text or "").split()))
            n_after = 0
            for child in element:
                n_after += len("".join((child.tail or "").split()))
                stack.append((child, in_link))
            total += n + n_after
            linked += (n + n_after) if in_link else 0
        self._known[root] = total, linked
        return total, linked


def content_root(body: Any) -> Any:
    """The element that holds the page's content: its main part or its one article, else all of it."""
    sizes = _Sizes()
    whole = sizes.of(body)[0]
    found = body
    for names in (("main",), ("article",)):
        inside = [
            element
            for element in found.iter()
            if (local_name(element.tag) in names or (element.get("role") or "") in names)
            and not is_hidden(element)
        ]
        inside = [element for element in inside if element is not found]
        if not inside:
            continue
        best = max(inside, key=lambda element: sizes.of(element)[0])
        size = sizes.of(best)[0]
        within = sizes.of(found)[0]
        others = sum(1 for element in inside if sizes.of(element)[0] > 0.25 * size) - 1
        # A page of many articles is content as a whole.
        if size >= max(200, 0.15 * whole) and not (others >= 2 and size < 0.5 * within):
            found = best
    return found


class FurnitureTest:
    """Says of each element whether it is furniture.

    Args:
        body: of the page.
        root: the part that is read; link lists count as furniture only where that is the whole page.
    """

    def __init__(self, body: Any, root: Any) -> None:
        self._sizes = _Sizes()
        self._whole = max(1, self._sizes.of(root)[0])
        self._everything = body is root

    def __call__(self, element: Any) -> bool:
        name = local_name(element.tag)
        if name in _ELEMENTS:
            return True
        role = (element.get("role") or "").lower()
        if role in _ROLES and not (role == "banner" and _has_heading(element)):
            return True
        if name in ("aside", "header", "form") and self._small(element):
            # Pages of one vendor are one form; notes of manuals are asides: only the small ones go.
            return (name == "header" and self._everything and not _has_heading(element)) or name == "aside"
        named = f"{element.get('class') or ''} {element.get('id') or ''}"
        if (
            named != " "
            and name not in ("p", "h1", "h2", "body")
            and _NAMED.search(named)
            and self._small(element)
        ):
            return not self._is_section(element, placed=_PLACED.search(named) is not None)
        return self._everything and name in ("ul", "ol", "div", "td", "table") and self._is_links(element)

    def _small(self, element: Any) -> bool:
        return self._sizes.of(element)[0] < _LARGE * self._whole

    def _is_section(self, element: Any, *, placed: bool) -> bool:
        """Whether a part with furniture's name is a section of the text: "Recommendations", "Social housing".

        Pandoc, Sphinx and wikis name sections by their headings. Otherwise it takes a heading and a sentence,
        and a name that doesn't say where on the page it is. Many links, or a form, speak against both.
        """
        total, linked = self._sizes.of(element)
        if linked > _LINKED * total or next(element.iter("form", "input"), None) is not None:
            return False
        heading = next(element.iter(*_HEADINGS), None)
        if heading is None:  # the anchor inside a heading
            return next(element.iterancestors(*_HEADINGS), None) is not None and _is_slug(element, element)
        if _is_slug(element, heading):
            return True
        return (
            not placed
            and local_name(element.tag) in ("section", "article", "div")
            and next(element.iter("button"), None) is None
            and any(self._is_prose(paragraph) for paragraph in element.iter("p"))
        )

    def _is_prose(self, paragraph: Any) -> bool:
        total, linked = self._sizes.of(paragraph)
        return total - linked >= _SHORT and _SENTENCE_END.search(_words(paragraph)[-40:]) is not None

    def _is_links(self, element: Any) -> bool:
        if next(element.iter("a"), None) is None or sum(1 for _ in element.iter("a")) < 3:
            return False
        total, linked = self._sizes.of(element)
        return linked > 0.8 * total and total < _LARGE * self._whole


def is_furniture(body: Any, root: Any) -> FurnitureTest:
    """The test for the elements of a page."""
    return FurnitureTest(body, root)


def _is_slug(element: Any, heading: Any) -> bool:
    """Whether an element begins with a heading, and its id is made of it: "Share prices" is "share-prices"."""
    named = _letters(re.sub(r"[-_.]\d+$", "", element.get("id") or ""))
    return bool(named) and named == _letters(_words(heading)) and _letters(_words(element)).startswith(named)


def _letters(text: str) -> str:
    """Without blanks, signs, case and the number in front: "3.2 Related work ¶" is "relatedwork"."""
    return re.sub(r"[\W_]+", "", re.sub(r"^[\d\W_]+", "", text)).casefold()


def _words(element: Any) -> str:
    return "".join(element.itertext()).strip()


def _has_heading(element: Any) -> bool:
    return any(next(element.iter(name), None) is not None for name in ("h1", "h2"))
