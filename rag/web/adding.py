"""The widgets for adding and removing documents. Imports gradio: import this late."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rag.web.choices import Choices
from rag.web.frame import results_html, section_html
from rag.web.library import ADDED, Library, Result
from rag.web.markup import plain
from rag.web.page import Page
from rag.web.strings import Strings

__all__ = ["add_widgets", "removable"]

# One attribute for Gradio's own words; the page's script listens for this event.
REFRESH = "() => { window.dispatchEvent(new Event('insources-refresh')); }"

# Gradio recognises the argument by this default and hands in one that reaches the page.
_PROGRESS = gr.Progress()


def add_widgets(frame: Any, page: Page, library: Library, documents: Any) -> Any:
    """The widgets, connected.

    Returns:
        The list of what can be removed, to be filled when the page opens.
    """
    frame.html(lambda s: section_html("", s("upload_help")))
    with gr.Row():
        files = gr.UploadButton("Add files", file_count="multiple", size="sm", min_width=60, elem_id="add")
        folder = gr.UploadButton(
            "Add a folder", file_count="directory", size="sm", min_width=60, elem_id="add-folder"
        )
    frame.word(files, "upload", "label")
    frame.word(folder, "upload_folder", "label")
    results = gr.HTML("", js_on_load=None, padding=False, elem_id="results", min_height=24)
    gone = Choices([], label="Remove", elem_id="remove")
    frame.word(gone, "remove_choose", "label")
    remove = gr.Button("Remove", size="sm", elem_id="remove-do")
    frame.word(remove, "remove_do", "value")
    after = [results, documents, gone]

    def add(
        uploads: list[str] | None, chosen: list[str], request: gr.Request, progress: Any = _PROGRESS
    ) -> Any:
        conversation, s = page.conversation(request)
        before = conversation.offered
        progress(0, desc=s("indexing"))
        paths = uploads if isinstance(uploads, list) else [uploads] if uploads else []
        done = library.add(paths, lambda n, total: progress((n, total), desc=s("indexing"), unit=""))
        return [None, *shown(done, before, chosen, request)]

    def take_away(
        doc_ids: list[str], chosen: list[str], request: gr.Request, progress: Any = _PROGRESS
    ) -> Any:
        conversation, s = page.conversation(request)
        before = conversation.offered
        progress(0, desc=s("indexing"))
        done = library.remove(doc_ids, lambda n, total: progress((n, total), desc=s("indexing"), unit=""))
        return shown(done, before, chosen, request)

    def shown(done: list[Result], before: frozenset[str], chosen: list[str], request: Any) -> list[Any]:
        conversation, s = page.conversation(request)
        offered = page.documents(conversation)
        kept = [doc_id for _, doc_id in offered if doc_id in chosen or doc_id not in before]
        rows = [(result.name, _words(result, s), result.good) for result in done]
        return [
            results_html(rows or [("", s("result_none"), False)]),
            gr.update(choices=offered, value=kept),
            gr.update(choices=removable(library), value=[]),
        ]

    together: dict[str, Any] = {
        "concurrency_id": "library",
        "concurrency_limit": 1,
        "api_visibility": "private",
    }
    for name, button in (("add_files", files), ("add_folder", folder)):
        button.upload(
            add, [button, documents], [button, *after], api_name=name, show_progress_on=[results], **together
        ).then(None, js=REFRESH)
    remove.click(
        take_away, [gone, documents], after, api_name="remove", show_progress_on=[results], **together
    ).then(None, js=REFRESH)
    return gone


def removable(library: Library) -> list[tuple[str, str]]:
    """(label, doc_id) of the added documents."""
    return [(plain(doc_id.removeprefix(ADDED)), doc_id) for doc_id in library.added()]


def _words(result: Result, s: Strings) -> str:
    text = s(result.key, **result.values)
    return text if result.key.startswith("result_") else s("result_failed", reason=text)
