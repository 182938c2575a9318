"""The parts of the page that stay: heading, save buttons, what happened to added files."""

from __future__ import annotations

from collections.abc import Sequence

from rag.web.markup import plain, tag
from rag.web.strings import Strings

__all__ = ["head_html", "results_html", "save_html", "section_html"]


def head_html(s: Strings) -> str:
    """The name of the page and what it does."""
    return tag(
        "header",
        tag("h1", tag("span", "in", class_="dim"), "sources"),
        tag("p", s("tagline")),
        class_="masthead",
    )


def section_html(title: str, text: str | None = None) -> str:
    """A heading in the side panel, with an explanation."""
    return tag("div", tag("h2", title), tag("p", text, class_="dim") if text else None, class_="section")


def save_html(s: Strings) -> str:
    """Buttons that the page's script turns into downloads."""

    def button(kind: str, name: str) -> str:
        return tag("button", name, type="button", class_="act", data_save=kind)

    def row(name: str, *buttons: str) -> str:
        return tag(
            "div", tag("span", name, class_="dim"), *buttons, class_="saves", role="group", aria_label=name
        )

    return tag(
        "div",
        tag("h2", s("save")),
        row(s("save_conversation"), button("markdown", "Markdown"), button("json", "JSON")),
        row(s("save_citations"), button("bibtex", "BibTeX"), button("csl", "CSL-JSON")),
        class_="section",
    )


def results_html(results: Sequence[tuple[str, str, bool]]) -> str:
    """What became of each file: name, what happened, whether it went well."""
    rows = [
        tag("li", tag("bdi", plain(name)), ": ", tag("span", text), class_="good" if good else "bad")
        for name, text, good in results
    ]
    return tag("ul", *rows, class_="results", role="status") if rows else ""
