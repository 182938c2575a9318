"""The widgets and what happens when they are used. Imports gradio: import this late."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import resources
from typing import Any

import gradio as gr

from rag.web.adding import REFRESH, add_widgets, removable
from rag.web.frame import head_html, save_html, section_html
from rag.web.library import Library
from rag.web.options import LIMITS, Limits
from rag.web.page import Messages, Page
from rag.web.program import asking
from rag.web.strings import LANGUAGES, Strings, strings

__all__ = ["build", "resource"]

_FOCUS = "() => { document.querySelector('#question textarea')?.focus(); }"


def resource(name: str) -> str:
    """A file of the package's own `static/` folder."""
    return (resources.files("rag.web") / "static" / name).read_text(encoding="utf-8")


def build(page: Page, library: Library | None = None, limits: Limits = LIMITS) -> gr.Blocks:
    """The whole page.

    Args:
        page: what it shows.
        library: where added documents go; None where nobody may add any.
        limits: how long forgotten uploads are kept.
    """
    _component()
    with gr.Blocks(
        title="insources",
        fill_height=True,
        fill_width=True,
        analytics_enabled=False,
        delete_cache=(min(600, limits.waiting_seconds), limits.waiting_seconds),
    ) as demo:
        frame = _Frame(strings("en"))
        with gr.Sidebar(open=False, width=340, elem_id="side"):
            documents = _document_widgets(frame, page)
            narrowing = _narrowing_widgets(frame)
            added = add_widgets(frame, page, library, documents) if library is not None else None
            frame.html(save_html, elem_id="save")
            language = gr.Dropdown(
                [(name, code) for code, name in LANGUAGES.items()],
                label="Language",
                value="en",
                filterable=False,
                elem_id="language",
            )
            frame.word(language, "language", "label")
        with gr.Row(equal_height=False, elem_id="desk"):
            with gr.Column(scale=6, min_width=320, elem_id="talk"):
                frame.html(head_html, elem_id="head")
                chat = _chat(frame)
                with gr.Row(elem_id="asking", equal_height=True):
                    question, send = _question(frame)
                new = gr.Button("New", size="sm", elem_id="new", variant="secondary")
                frame.word(new, "new", "value")
            with gr.Column(scale=5, min_width=320, elem_id="source"):
                gr.HTML(
                    html_template=resource("viewer.html"),
                    js_on_load=resource("viewer.js") + resource("finding.js"),
                    server_functions=_server_functions(page),
                    apply_default_css=False,
                    padding=False,
                    elem_id="viewer",
                )
        _connect_asking(page, chat, question, send, new, [documents, *narrowing])
        _connect_language(demo, page, frame, chat, question, documents, language)
        _connect_narrowing(demo, page, narrowing)
        if library is not None:
            held = library

            def fill() -> Any:
                return removable(held)

            demo.load(
                fill, None, added, api_name="load_added", api_visibility="private", show_progress="hidden"
            )
        gr.api(
            asking(page.service),
            api_name="ask",
            concurrency_id="ask",
            concurrency_limit=LIMITS.workers,
        )
    return demo


class _Frame:
    """Widgets whose words change with the language.

    Args:
        s: the words to begin with.
    """

    def __init__(self, s: Strings) -> None:
        self._s = s
        self.widgets: list[Any] = []
        self._words: list[Callable[[Strings], dict[str, Any]]] = []

    def word(self, widget: Any, key: str, *properties: str) -> Any:
        """Let properties of a widget be the words of a key."""
        return self.add(widget, lambda s: dict.fromkeys(properties, s(key)))

    def html(self, make: Callable[[Strings], str], **properties: Any) -> Any:
        """A piece of HTML made from the words."""
        widget = gr.HTML(make(self._s), js_on_load=None, padding=False, **properties)
        return self.add(widget, lambda s: {"value": make(s)})

    def add(self, widget: Any, make: Callable[[Strings], dict[str, Any]]) -> Any:
        """Let properties of a widget be made from the words."""
        for name, value in make(self._s).items():
            setattr(widget, name, value)
        self.widgets.append(widget)
        self._words.append(make)
        return widget

    def updates(self, s: Strings) -> list[Any]:
        """What changes for a language, in the order of `widgets`."""
        return [gr.update(**make(s)) for make in self._words]


def _document_widgets(frame: _Frame, page: Page) -> Any:
    frame.html(lambda s: section_html(s("documents")))
    documents = gr.CheckboxGroup([], label="Documents", elem_id="documents", show_label=True)
    frame.word(documents, "documents_search", "label")
    with gr.Row():
        everything = gr.Button("All", size="sm", min_width=60)
        nothing = gr.Button("None", size="sm", min_width=60)
    frame.word(everything, "documents_all", "value")
    frame.word(nothing, "documents_none", "value")

    def all_offered(request: gr.Request) -> list[str]:
        return sorted(page.conversation(request)[0].offered)

    def none_offered() -> list[str]:
        return []

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    everything.click(all_offered, None, documents, api_name="choose_all", **quiet)
    nothing.click(none_offered, None, documents, api_name="choose_none", **quiet)
    return documents


def _narrowing_widgets(frame: _Frame) -> list[Any]:
    """Dates and language: only documents of then and in it are asked."""
    with gr.Row():
        since = gr.Textbox(elem_id="since", max_lines=1, max_length=10, min_width=100)
        until = gr.Textbox(elem_id="until", max_lines=1, max_length=10, min_width=100)
    for widget, key in ((since, "since"), (until, "until")):
        frame.add(widget, lambda s, key=key: {"label": s(key), "placeholder": s("date_form")})  # type: ignore[misc]
    language = gr.Dropdown([], label="", elem_id="only-language", filterable=False, visible=False)
    frame.word(language, "only_language", "label")
    return [since, until, language]


def _connect_narrowing(demo: Any, page: Page, narrowing: list[Any]) -> None:
    def offer() -> Any:
        known = page.languages()
        return gr.update(choices=["", *known], value="", visible=len(known) > 1)

    demo.load(
        offer,
        None,
        narrowing[2],
        api_name="load_languages",
        api_visibility="private",
        show_progress="hidden",
    )


def _chat(frame: _Frame) -> Any:
    chat = gr.Chatbot(
        elem_id="chat",
        show_label=False,
        container=False,
        height="100%",
        buttons=[],
        layout="bubble",
        feedback_options=None,
        latex_delimiters=[],
        allow_tags=False,
        render_markdown=False,
        group_consecutive_messages=False,
        autoscroll=False,
    )
    return frame.word(chat, "conversation", "label")


def _question(frame: _Frame) -> tuple[Any, Any]:
    question = gr.Textbox(
        elem_id="question",
        lines=1,
        max_lines=5,
        max_length=LIMITS.question,
        show_label=False,
        container=False,
        autofocus=True,
        scale=8,
        submit_btn=False,
    )
    frame.add(question, lambda s: {"label": s("question_label"), "placeholder": s("question_placeholder")})
    send = gr.Button("Ask", variant="primary", elem_id="send", scale=1, min_width=90)
    frame.word(send, "send", "value")
    return question, send


def _server_functions(page: Page) -> list[Callable[..., Any]]:
    # Gradio finds the request by its annotation and the functions by their names.
    def get_source(sent: Any, request: gr.Request) -> Any:
        return page.serve(page.get_source, sent, request)

    def find_in_source(sent: Any, request: gr.Request) -> Any:
        return page.serve(page.find_in_source, sent, request)

    def viewer_words(sent: Any, request: gr.Request) -> Any:
        return page.serve(page.viewer_words, sent, request)

    def export_conversation(sent: Any, request: gr.Request) -> Any:
        return page.serve(page.export_conversation, sent, request)

    def give_feedback(sent: Any, request: gr.Request) -> Any:
        return page.serve(page.give_feedback, sent, request)

    return [get_source, find_in_source, viewer_words, export_conversation, give_feedback]


def _connect_asking(page: Page, chat: Any, question: Any, send: Any, new: Any, documents: list[Any]) -> None:
    def ask(raw: Any, chosen: Any, since: Any, until: Any, language: Any, request: gr.Request) -> Any:
        narrow = {"since": since, "until": until, "language": language}
        return to_chat(page.ask(raw, chosen, request, narrow)), ""

    def clear(request: gr.Request) -> Any:
        return to_chat(page.clear(request))

    gr.on(
        [question.submit, send.click],
        ask,
        [question, *documents],
        [chat, question],
        # Gradio would compare the ticked documents with the choices that it remembers for this
        # visit, and after a restart it remembers none: an open page could not ask any more.
        preprocess=False,
        api_name="chat",
        api_visibility="private",
        concurrency_id="ask",
        concurrency_limit=LIMITS.workers,
        show_progress="minimal",
        show_progress_on=[chat],
    ).then(None, js=_FOCUS)
    new.click(clear, None, chat, api_name="new", api_visibility="private", show_progress="hidden").then(
        None, js=_FOCUS
    )


def _connect_language(
    demo: Any, page: Page, frame: _Frame, chat: Any, question: Any, documents: Any, language: Any
) -> None:
    def load(request: gr.Request) -> Any:
        conversation, s = page.conversation(request)
        offered = page.documents(conversation)
        return [
            to_chat(page.messages(conversation, s)),
            page.prefill(request),
            gr.update(choices=offered, value=[doc_id for _, doc_id in offered]),
            s.language,
            *frame.updates(s),
        ]

    def speak(chosen: str, request: gr.Request) -> Any:
        messages, s = page.speak(chosen, request)
        return [to_chat(messages), *frame.updates(s)]

    # The frame's words for widgets that also get a value come last and don't touch it.
    demo.load(
        load,
        None,
        [chat, question, documents, language, *frame.widgets],
        api_name="load",
        api_visibility="private",
        show_progress="hidden",
    ).then(None, js=REFRESH)
    language.input(
        speak,
        language,
        [chat, *frame.widgets],
        api_name="speak",
        api_visibility="private",
        show_progress="hidden",
    ).then(None, js=REFRESH)


def to_chat(messages: Messages) -> list[dict[str, Any]]:
    """Messages as the chat widget takes them: HTML components without behaviour of their own."""
    return [{"role": role, "content": [{**_component(), "value": html}]} for role, html in messages]


@functools.cache
def _component() -> dict[str, Any]:
    # Made before any event: within one, Gradio constructs components only by half.
    blank = gr.HTML("", js_on_load=None, apply_default_css=False, padding=False, render=False)
    return {"type": "component", "component": "html", "constructor_args": {}, "props": blank.get_config()}
