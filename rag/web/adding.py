"""The widgets for adding and removing documents. Imports gradio: import this late."""

from __future__ import annotations

from typing import Any

import gradio as gr

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
        The list of what can be removed and its button, to be filled when the page opens.
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
    gone = gr.CheckboxGroup([], label="Remove", elem_id="remove", visible=False)
    frame.word(gone, "remove_choose", "label")
    remove = gr.Button("Remove", size="sm", elem_id="remove-do", visible=False)
    frame.word(remove, "remove_do", "value")

    def add(uploads: list[str] | None, request: gr.Request, progress: Any = _PROGRESS) -> Any:
        _, s = page.conversation(request)
        progress(0, desc=s("indexing"))
        paths = uploads if isinstance(uploads, list) else [uploads] if uploads else []
        done = library.add(paths, lambda n, total: progress((n, total), desc=s("indexing"), unit=""))
        return None, told(done, s)

    def take_away(doc_ids: Any, request: gr.Request, progress: Any = _PROGRESS) -> Any:
        _, s = page.conversation(request)
        progress(0, desc=s("indexing"))
        wanted = [d for d in doc_ids if isinstance(d, str)] if isinstance(doc_ids, list) else []
        done = library.remove(wanted, lambda n, total: progress((n, total), desc=s("indexing"), unit=""))
        return told(done, s)

    def refresh(chosen: Any, request: gr.Request) -> Any:
        conversation, _ = page.conversation(request)
        before, ticked = conversation.offered, chosen if isinstance(chosen, list) else []
        offered = page.documents(conversation)
        kept = [doc_id for _, doc_id in offered if doc_id in ticked or doc_id not in before]
        return [gr.update(choices=offered, value=kept), *removable(library)]

    def connect(done: Any, name: str) -> None:
        # What is ticked is taken as the browser has it, see `build`.
        done.then(
            refresh,
            documents,
            [documents, gone, remove],
            api_name=name,
            api_visibility="private",
            preprocess=False,
            show_progress="hidden",
        ).then(None, js=REFRESH)

    together: dict[str, Any] = {
        "concurrency_id": "library",
        "concurrency_limit": 1,
        "api_visibility": "private",
    }
    for name, button in (("add_files", files), ("add_folder", folder)):
        uploaded = button.upload(
            add, button, [button, results], api_name=name, show_progress_on=[results], **together
        )
        connect(uploaded, f"after_{name}")
    removed = remove.click(take_away, gone, results, preprocess=False, api_name="remove", **together)
    connect(removed, "after_remove")
    return [gone, remove]


def told(done: list[Result], s: Strings) -> str:
    """What became of each file, to show."""
    rows = [(result.name, _words(result, s), result.good) for result in done]
    return results_html(rows or [("", s("result_none"), False)])


def removable(library: Library) -> list[Any]:
    """What can be removed, for the list and its button; neither is there for nothing."""
    choices = [(plain(doc_id.removeprefix(ADDED)), doc_id) for doc_id in library.added()]
    return [gr.update(choices=choices, value=[], visible=bool(choices)), gr.update(visible=bool(choices))]


def _words(result: Result, s: Strings) -> str:
    text = s(result.key, **result.values)
    if not result.key.startswith("result_"):
        return s("result_failed", reason=text)
    return s("result_noted", result=text, notes="; ".join(result.notes)) if result.notes else text
