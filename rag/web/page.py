"""What the page shows for a request: whose conversation it is, in which language."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from rag.web.examples import Examples
from rag.web.export import FORMATS, export
from rag.web.feedback import Feedback
from rag.web.headers import conversation_of
from rag.web.markup import plain
from rag.web.render import answer_html, question_html, welcome_html
from rag.web.service import Service, report
from rag.web.session import Conversation, Conversations
from rag.web.source import Sources
from rag.web.strings import Strings, choose_language, strings

__all__ = ["Page"]

_HISTORY = 10

Messages = list[tuple[str, str]]


class Page:
    """The chat without its widgets: state and text, ready to be shown.

    Args:
        service: asks the pipeline.
        conversations: held by the server.
        cookie: name of the conversation's cookie.
        feedback: where verdicts go; None where that is switched off.
    """

    def __init__(
        self,
        service: Service,
        conversations: Conversations,
        cookie: str,
        feedback: Feedback | None = None,
    ) -> None:
        self.service = service
        self.sources = Sources(service)
        self._conversations = conversations
        self._cookie = cookie
        self._feedback = feedback
        self._examples = Examples(decide=service.decide)
        self._examples.prepare(service.pipeline)

    def key(self, request: Any) -> str:
        """The key of a request's conversation; without cookies, of this visit."""
        key = conversation_of(request.headers.get("cookie", ""), self._cookie)
        return key or f"visit-{getattr(request, 'session_hash', None) or id(request)}"

    def conversation(self, request: Any) -> tuple[Conversation, Strings]:
        """A request's conversation and the words to show it in."""
        conversation = self._conversations.get(self.key(request))
        language = conversation.language or choose_language(request.headers.get("accept-language", ""))
        return conversation, strings(language)

    def ask(
        self, raw: object, chosen: object, request: Any, narrow: Mapping[str, object] | None = None
    ) -> Messages:
        """Ask in a conversation; returns all its messages."""
        conversation, s = self.conversation(request)
        with conversation.lock:
            history = [(t.question, t.answer) for t in conversation.turns if t.answer][-_HISTORY:]
            documents = self._searched(conversation, chosen)
            given = {
                name: value.strip()[:40]
                for name, value in (narrow or {}).items()
                if isinstance(value, str) and value.strip()
            }
            turn = self.service.turn(conversation.next_number(), raw, documents, history, given)
            conversation.add(turn)
            self._conversations.save(self.key(request), conversation)
            return self.messages(conversation, s)

    def clear(self, request: Any) -> Messages:
        """Forget a conversation."""
        conversation, s = self.conversation(request)
        with conversation.lock:
            conversation.turns = []
            self._conversations.save(self.key(request), conversation)
            return self.messages(conversation, s)

    def speak(self, language: object, request: Any) -> tuple[Messages, Strings]:
        """Change the language of a conversation's page."""
        conversation, _ = self.conversation(request)
        s = strings(language if isinstance(language, str) else "en")
        conversation.language = s.language
        return self.messages(conversation, s), s

    def messages(self, conversation: Conversation, s: Strings) -> Messages:
        """Who says what in a conversation, as escaped HTML."""
        if not conversation.turns:
            return [("assistant", welcome_html(self._examples.of(self.service.pipeline), s))]
        shown: Messages = []
        for turn in conversation.turns:
            shown.append(("user", question_html(turn, s)))
            shown.append(("assistant", answer_html(turn, s, self._feedback is not None)))
        return shown

    def prefill(self, request: Any) -> str:
        """The question of a `?q=` link: filled in, never asked by itself."""
        value = str(dict(request.query_params).get("q", ""))
        return plain(value[:500].encode("utf-8", "replace").decode("utf-8"))

    def documents(self, conversation: Conversation) -> list[tuple[str, str]]:
        """(label, doc_id) of every document, remembered as what this browser was offered."""
        held = self.service.pipeline.index.documents
        conversation.offered = frozenset(held)
        listed = self.sources.documents()
        counts = Counter(d["title"] for d in listed)
        return [
            (d["title"] if counts[d["title"]] == 1 else f"{d['title']} ({plain(d['doc'])})", d["doc"])
            for d in listed
        ]

    def languages(self) -> list[str]:
        """The languages that the documents are in."""
        held = self.service.pipeline.index.documents
        known = (fact.language for fact in getattr(held, "facts", ()))
        return sorted({language for language in known if language})

    def _searched(self, conversation: Conversation, chosen: object) -> list[str] | None:
        """Patterns of the documents to search; None is all of them.

        What someone was never offered, because it was added meanwhile, they have not ruled out.
        """
        if not isinstance(chosen, list):
            return None
        left_out = conversation.offered - {c for c in chosen if isinstance(c, str)}
        if not left_out:
            return None
        return [glob.escape(d) for d in self.service.pipeline.index.documents if d not in left_out]

    def serve(self, answer: Callable[[Any, Any], Any], sent: object, request: Any) -> Any:
        """Answer the page's script; what goes wrong becomes a message with a number."""
        try:
            return answer(sent, request)
        except Exception:
            s = strings(choose_language(request.headers.get("accept-language", "")))
            return {"error": f"{s('error_internal')} {s('error_id', id=report())}"}

    def get_source(self, sent: object, request: Any) -> dict[str, Any]:
        """For the viewer: a document around a span, or a message."""
        return self._told(self.sources.window(sent), request)

    def find_in_source(self, sent: object, request: Any) -> dict[str, Any]:
        """For the viewer: the next place of a text in a document, or a message."""
        return self._told(self.sources.find(sent), request)

    def _told(self, window: dict[str, Any], request: Any) -> dict[str, Any]:
        _, s = self.conversation(request)
        return {
            key: s(value) if key in ("error", "note") and value is not None else value
            for key, value in window.items()
        }

    def viewer_words(self, sent: object, request: Any) -> dict[str, Any]:
        """For the viewer: its words, and the documents to open."""
        _, s = self.conversation(request)
        return {"language": s.language, "words": s.table, "documents": self.sources.documents()}

    def export_conversation(self, sent: object, request: Any) -> dict[str, str]:
        """For the save buttons: a file, or a message."""
        conversation, s = self.conversation(request)
        kind = str(sent.get("kind")) if isinstance(sent, dict) else ""
        turns = list(conversation.turns)
        cited = any(turn.answer and turn.answer.citations for turn in turns)
        if kind not in FORMATS or not turns or (kind in ("bibtex", "csl") and not cited):
            return {"error": s("nothing_to_save")}
        return export(kind, turns, s)

    def give_feedback(self, sent: object, request: Any) -> dict[str, Any]:
        """For the verdict buttons: whether it was noted."""
        conversation, s = self.conversation(request)
        number, kind = (sent.get("turn"), sent.get("kind")) if isinstance(sent, dict) else (None, None)
        turn = conversation.turn(number) if type(number) is int else None
        if self._feedback is None or turn is None or not isinstance(kind, str):
            return {"error": s("problem")}
        try:
            noted = self._feedback.add(turn, kind)
        except (OSError, ValueError, KeyError):
            return {"error": f"{s('problem')} ({report()})"}
        return {"ok": True} if noted else {"error": s("problem")}
