"""The endpoint for programs: `/ask`, and the MCP tool of the same name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import gradio as gr

from rag.config import DecideConfig
from rag.errors import ConfigError, IndexUnavailable, QuestionError
from rag.web.service import Service, report

__all__ = ["FillIn", "answer_in_json", "asking"]

_PARAMETERS = 10
_HISTORY = 20
_PATTERNS = 200


def asking(service: Service) -> Callable[..., dict[str, Any]]:
    """The function behind `/ask`."""

    # Gradio and MCP describe the endpoint from these annotations and this docstring.
    def ask(
        question: str,
        history: list | None = None,  # type: ignore[type-arg]
        documents: list | None = None,  # type: ignore[type-arg]
        since: str | None = None,
        until: str | None = None,
        language: str | None = None,
        author: str | None = None,
        source: str | None = None,
        min_confidence: float | None = None,
        max_risk: float | None = None,
    ) -> dict:  # type: ignore[type-arg]
        """Answer a question with a verbatim quote from the indexed documents, or "not in sources".

        The quote equals the document's text at [start, end) in characters; nothing is generated.

        Args:
            question: The question, 1 to 2,000 characters.
            history: Earlier exchanges as [question, answer] pairs, oldest first, so that a follow-up
                is understood. An answer is its text or, better, the whole answer as it was returned.
            documents: Patterns of document ids to search in, such as ["001*"]; all when left out.
            since: Only documents dated then or later: a year, a month or a day, such as "2024-05".
            until: Only documents dated then or earlier; those without a certain date are left out.
            language: Only documents in this language, such as "en".
            author: Only documents that state an author with these letters.
            source: Only documents that state a source with these letters.
            min_confidence: Answer only at this calibrated probability or above, 0 to 1; else "not in sources".
            max_risk: Instead, the largest share of wrong answers to accept, 0 to 1.

        Returns:
            found, text (the quote), short, confidence, citations, nearest, reason, timings, understood (the
            question as understood from the history, where it differs) and filter (which documents were asked).
        """
        try:
            said = {"since": since, "until": until, "language": language, "author": author, "source": source}
            decide = _careful(min_confidence, max_risk)
            answer, _ = service.answer(question, _patterns(documents), _pairs(history), _given(said), decide)
        except (ConfigError, QuestionError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        except IndexUnavailable:
            raise gr.Error(
                f"the store that holds the documents does not answer; try again (error {report()})",
                print_exception=False,
            ) from None
        except Exception:
            raise gr.Error(f"internal error {report()}", print_exception=False) from None
        return answer.to_dict()

    return ask


def answer_in_json(server: Any) -> None:
    """Let Gradio's MCP server write answers as JSON, where it would write Python.

    Args:
        server: `demo.mcp_server_obj` of a running app.
    """

    def as_json(data: list[Any], root_url: str) -> list[Any]:
        texts = [json.dumps(output, ensure_ascii=False) for output in data]
        return [server.types.TextContent(type="text", text=text) for text in texts]

    server.postprocess_output_data = as_json


def _pairs(history: object) -> list[tuple[str, str | dict[str, Any]]] | None:
    """The last pairs of a history.

    Raises:
        QuestionError: it is something else.
    """
    if history is None:
        return None
    pairs: list[tuple[str, str | dict[str, Any]]] = []
    for pair in (history if isinstance(history, list) else [None])[-_HISTORY:]:
        match pair:
            case [str(question), str(answer)] if len(question) + len(answer) <= 20_000:
                pairs.append((_sendable(question), _sendable(answer)))
            case [str(question), dict(answer)] if len(question) + len(json.dumps(answer)) <= 100_000:
                pairs.append((_sendable(question), answer))
            case _:
                raise QuestionError(
                    'history: expected [["question", "answer"], ...], answers as text of 20,000 '
                    "characters at most or as they were returned"
                )
    return pairs


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _patterns(documents: object) -> list[str] | None:
    """Patterns of document ids.

    Raises:
        QuestionError: they are something else.
    """
    if documents is None:
        return None
    patterns = (
        [d for d in documents if isinstance(d, str) and len(d) <= 1_000]
        if isinstance(documents, list)
        else []
    )
    if not patterns or len(patterns) > _PATTERNS or len(patterns) != len(list(documents)):  # type: ignore[call-overload]
        raise QuestionError(
            f'documents: expected 1 to {_PATTERNS} patterns of document ids, such as ["001*"]'
        )
    return patterns


def _given(said: Mapping[str, object]) -> dict[str, str]:
    """The parts of a filter that were sent.

    Raises:
        QuestionError: one is no text.
    """
    for name, value in said.items():
        if value is not None and not isinstance(value, str):
            raise QuestionError(f"{name}: expected text, such as 2024-05 for a date or en for a language")
    return {
        name: _sendable(value) for name, value in said.items() if isinstance(value, str) and value.strip()
    }


def _careful(min_confidence: object, max_risk: object) -> DecideConfig | None:
    """How careful to be; None where it was not sent.

    Raises:
        QuestionError: one is no number.
        ConfigError: one is no probability, or both are given.
    """
    numbers = []
    for name, value in (("min_confidence", min_confidence), ("max_risk", max_risk)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise QuestionError(f"{name}: expected a number from 0 to 1")
        numbers.append(value)
    return DecideConfig(*numbers) if numbers != [None, None] else None


class FillIn:
    """ASGI middleware: `{"data": ["question"]}` is enough for `/call/ask`.

    Gradio's own clients send every parameter; by hand, nobody writes nine nulls.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != "/gradio_api/call/ask":
            await self.app(scope, receive, send)
            return
        # The guard before us hands the whole body over at once.
        message = await receive()
        body = message.get("body", b"")
        with suppress(ValueError):
            sent = json.loads(body)
            if isinstance(sent, dict) and isinstance(sent.get("data"), list):
                sent["data"] += [None] * (_PARAMETERS - len(sent["data"]))
                body = json.dumps(sent).encode()
        length = str(len(body)).encode()
        headers = [(k, length if k == b"content-length" else v) for k, v in scope["headers"]]
        first: list[dict[str, Any]] = [{**message, "body": body}]

        async def receive_filled() -> Any:
            return first.pop() if first else await receive()

        await self.app({**scope, "headers": headers}, receive_filled, send)
