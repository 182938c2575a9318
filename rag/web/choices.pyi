"""A list of documents to tick. Imports gradio: import this late."""

from __future__ import annotations

from typing import Any

import gradio as gr

__all__ = ["Choices"]

class Choices(gr.CheckboxGroup):  # type: ignore[misc]
    """A checkbox group that takes whatever was ticked.

    Gradio compares a browser's ticks with the choices that it remembers for that visit, and it
    forgets visits: after a restart, an open page could not ask any more. What a tick means is
    checked where it is used.
    """

    # Drawn in the browser as what it is derived from.
    is_template = True

    def preprocess(self, payload: Any) -> list[str]:
        """The ticked names, whether known or not."""
        return [name for name in payload if isinstance(name, str)] if isinstance(payload, list) else []
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component
