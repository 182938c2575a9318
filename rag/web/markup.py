"""The one function that makes HTML. Text goes in as it is and comes out escaped, always."""

from __future__ import annotations

import html
import re

__all__ = ["Html", "is_control", "plain", "tag"]


class Html(str):
    """Markup that `tag` made; every other string is text."""

    __slots__ = ()


# Characters that change how others look without being seen themselves: C0 and C1 controls
# but tab and line ends, and the bidirectional controls.
_CONTROL = re.compile("([\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])")
_VOID = {"br", "hr"}


def is_control(character: str) -> bool:
    """Whether a character is shown as a visible token."""
    return _CONTROL.fullmatch(character) is not None


def plain(text: str) -> str:
    """Text for places that show no markup (labels, file names): controls become visible tokens.

    >>> plain("a\\u202eb")
    'a⟨U+202E⟩b'
    """
    return _CONTROL.sub(lambda m: f"⟨U+{ord(m.group()):04X}⟩", text)


def _escape(text: str) -> str:
    # HTML parsers turn CR into LF unless it is written as a reference, and drop NUL.
    return html.escape(text, quote=True).replace("\r", "&#13;").replace("\x00", "␀")


def _text(text: str) -> str:
    """Escaped text; each control character in a span that isolates it and names it by CSS."""
    # A lone surrogate can't be sent to a browser at all.
    text = text.encode("utf-8", "replace").decode("utf-8")
    parts = _CONTROL.split(text)
    for i in range(1, len(parts), 2):
        code = f"U+{ord(parts[i]):04X}"
        parts[i] = tag("span", Html(_escape(parts[i])), class_="ctl", data_c=code, title=code)
    return "".join(part if i % 2 else _escape(part) for i, part in enumerate(parts))


def tag(name: str, *children: str | None, **attributes: str | int | bool | None) -> Html:
    """An element.

    Args:
        name: the element's name.
        children: `Html` as it is, other strings as text, None left out.
        attributes: `class_` stands for class and `_` for `-`; None and False are left out,
            True gives the bare name.

    >>> tag("p", "1 < 2", tag("b", "&"), title='"')
    '<p title="&quot;">1 &lt; 2<b>&amp;</b></p>'
    """
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        clean = str(value).encode("utf-8", "replace").decode("utf-8")
        written.append(f" {key}" if value is True else f' {key}="{_escape(clean)}"')
    inner = "".join(
        child if isinstance(child, Html) else _text(child) for child in children if child is not None
    )
    opening = f"<{name}{''.join(written)}>"
    return Html(opening if name in _VOID else f"{opening}{inner}</{name}>")
