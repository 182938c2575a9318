"""Web pages: the content of the page, headings, lists and tables kept, menus and the like left out."""

from __future__ import annotations

from typing import Any

from rag.errors import FileError
from rag.formats.blocks import add_blocks
from rag.formats.canonical import Canonical
from rag.formats.charsets import declared_in_page, decode_declared
from rag.formats.page_facts import PageFacts, page_facts
from rag.formats.page_furniture import content_root, is_furniture
from rag.formats.parsed import Parsed, ParseOptions
from rag.formats.trees import html_tree, local_name

__all__ = ["page_text", "parse", "parse_page"]


def parse(data: bytes, options: ParseOptions) -> Parsed:
    """Read an HTML file.

    Raises:
        FileError: no text, or nothing to read in it.
    """
    text, note = decode_declared(data, declared_in_page(data))
    return parse_page(text, options, notes=(note,) if note else ())


def parse_page(
    text: str, options: ParseOptions, *, address: str | None = None, notes: tuple[str, ...] = ()
) -> Parsed:
    """The canonical text of a page's source.

    Args:
        text: the page's HTML.
        options: whether furniture stays.
        address: where the page was saved from.
        notes: what is known of it already.

    Raises:
        FileError: the page shows no text.
    """
    root = html_tree(text)
    facts = page_facts(root, address) if root is not None else PageFacts()
    out = Canonical()
    if root is not None:
        body = _body(root)
        content = body if options.keep_furniture else content_root(body)
        titled = any(True for _ in content.iter("h1"))
        if facts.title and not titled:
            out.add(facts.title, mark="# ")
        n_title = len(out)
        add_blocks(content, out, None if options.keep_furniture else is_furniture(body, content))
        if len(out) == n_title:  # all of it looked like furniture
            add_blocks(body, out)
        if len(out) == n_title:
            out = Canonical()
    if not len(out):
        raise FileError(
            "the page shows no text; it may be built by a script: save the complete page from a browser"
        )
    return Parsed(
        out.text(), facts.title, facts.author, facts.date, facts.language, facts.source, notes=notes
    )


def page_text(text: str, extra: str = "web") -> str:
    """All the text of a piece of HTML, for mails and e-books: nothing in it is a site's furniture."""
    root = html_tree(text, extra)
    out = Canonical()
    if root is not None:
        add_blocks(_body(root), out, _is_navigation)
    return out.text()


def _body(root: Any) -> Any:
    return next((child for child in root.iter() if local_name(child.tag) == "body"), root)


def _is_navigation(element: Any) -> bool:
    return local_name(element.tag) == "nav"
