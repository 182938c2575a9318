"""Follow-up questions: what a question means after what was asked before. No model, only the words.

A question that points back ("When did he retire?", "why?", "and the second one?") is written out
with what it points at, taken from the previous questions and answers: names first those that were
asked for, then the previous question's, then the quote's. A question that stands on its own is
left as it is, so that a new topic is never dragged into the old one.

>>> history = [("Which company does Jensen Huang run?", "Nvidia's boss, Jensen Huang, has been to China.")]
>>> understand("How often has he been to China?", history).question
'How often has Jensen Huang been to China?'
>>> understand("What is the capital of France?", history).refers_back
False
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag.datatypes import NOT_IN_SOURCES, Answer
from rag.described import Description, descriptions
from rag.ellipsis import Ellipsis, ellipsis_of, may_lean
from rag.errors import QuestionError
from rag.focus import Focus, Turn
from rag.question import MAX_QUESTION_CHARS
from rag.question_words import RELATIONAL, content_words, names
from rag.referring import Pointer, pointers
from rag.topics import asks_for_person, question_parts, strip_opener, subject

__all__ = ["MAX_TURNS", "History", "Understood", "means_more", "read_history", "understand"]

# Pairs of a question and its answer, or dictionaries with these two, oldest first.
History = Sequence[tuple[str, Answer | Mapping[str, Any] | str | None] | Mapping[str, Any]]

# Older turns are not looked at: people refer to what was just said.
MAX_TURNS = 12

# How much more confident the less likely reading of a question must be. Set by judgement: no scripted
# follow-up of the dev half is unsure, so there is nothing to fit them on (docs/followups.md).
_MARGIN_SURE = 0.2
_MARGIN_UNSURE = 0.1

# Content words: with more than so many a question may make sense by itself although a word seems to
# point back; with still more it is a story of its own.
_ENOUGH = 3
_LONG = 10
_MAX_WORDS = 60


@dataclass(frozen=True, slots=True)
class Understood:
    """A question as it is meant in its conversation.

    Attributes:
        question: as understood; as asked where it does not refer back.
        refers_back: whether it needs what was said before.
        added: what was taken from there.
        sure: whether a word of it points back; else it only says little by itself.
        may_stand_alone: whether the question as asked makes sense too.
    """

    question: str
    refers_back: bool = False
    added: tuple[str, ...] = ()
    sure: bool = False
    may_stand_alone: bool = True


def read_history(history: History | None) -> list[Turn]:
    """The turns of a conversation, oldest first, each question as it was understood.

    Args:
        history: pairs of a question and its answer, or dictionaries with these two, as they come over
            the API; an answer is an `Answer`, its `to_dict()`, or its text.

    Raises:
        QuestionError: an entry is neither.
    """
    turns: list[Turn] = []
    for entry in list(history or ())[-MAX_TURNS:]:
        question, answer = _pair(entry)
        turn = _turn(question, answer)
        if turn.question == question:
            turn = replace(turn, question=_understand(question, turns).question)
        turns.append(turn)
    return turns


def understand(question: str, history: History | None) -> Understood:
    """What a question means after what was asked before.

    Args:
        question: as asked.
        history: as in `read_history`.

    Raises:
        QuestionError: the history is of another form.
    """
    return _understand(question, read_history(history))


def means_more(understood: Understood, bare: float, meant: float) -> bool:
    """Whether a question is answered as understood, rather than as asked.

    Args:
        understood: what it was understood as.
        bare, meant: confidence of the answer to the question as asked and as understood.
    """
    if understood.sure:
        return meant >= bare - _MARGIN_SURE
    return meant >= bare + _MARGIN_UNSURE


def _pair(entry: object) -> tuple[str, object]:
    match entry:
        case {"question": str(question), **rest}:
            return question, rest.get("answer")
        case [str(question), answer]:
            return question, answer
    raise QuestionError(
        f"an entry of the history is {type(entry).__name__} {str(entry)!r:.60}, expected (question, answer); "
        'pass [("When did he retire?", answer), ...]'
    )


def _turn(question: str, answer: object) -> Turn:
    if isinstance(answer, Answer):
        quotes = tuple(citation.quote for citation in answer.citations)
        return Turn(answer.understood or question, answer.short, quotes)
    if isinstance(answer, Mapping):
        quoted = [c.get("quote") for c in answer.get("citations") or () if isinstance(c, Mapping)]
        short, understood = answer.get("short"), answer.get("understood")
        return Turn(
            understood if isinstance(understood, str) and understood else question,
            short if isinstance(short, str) else None,
            tuple(quote for quote in quoted if isinstance(quote, str)),
        )
    if isinstance(answer, str) and answer and answer != NOT_IN_SOURCES:
        return Turn(question, None, (answer,))
    return Turn(question)


def _understand(question: str, turns: Sequence[Turn]) -> Understood:
    if not turns or question.count(" ") > _MAX_WORDS:
        return Understood(question)
    focus = Focus(turns)
    ellipsis = ellipsis_of(question)
    if ellipsis:
        asked = _complete(ellipsis, focus)
        return _differing(question, asked, sure=True, stands=False)
    own = len(content_words(question))
    if own > _LONG:
        return Understood(question)
    described = descriptions(question, turns[-1])
    found = [p for p in pointers(question) if not any(d.span.covers(p.span) for d in described)]
    if described and not found:
        # It may be another one: "the company" of a new topic.
        asked = _written_out(question, (), focus, described)
        return _differing(question, asked, sure=True, stands=True)
    if found:
        sure = own < _ENOUGH or any(pointer.kind != "kind" for pointer in found)
        # Without capitals, "he" may be Mr He and the name that it stands for looks like any word.
        doubtful = question == question.lower() and own > _ENOUGH
        asked = _written_out(question, found, focus, described)
        return _differing(question, asked, sure=sure, stands=not sure or doubtful)
    if focus.topic and may_lean(question, turns[-1].question):
        return _differing(question, _leaning(question, focus.topic), sure=False, stands=True)
    return Understood(question)


def _differing(question: str, asked: str, *, sure: bool, stands: bool) -> Understood:
    asked = " ".join(asked.split())
    if asked == " ".join(question.split()) or len(asked) > MAX_QUESTION_CHARS:
        return Understood(question)
    had = set(content_words(question))
    added = tuple(dict.fromkeys(word for word in content_words(asked) if word not in had))
    return Understood(asked, True, added, sure, stands) if added or sure else Understood(question)


def _written_out(
    question: str, found: Sequence[Pointer], focus: Focus, described: Sequence[Description] = ()
) -> str:
    """The question with each pointer replaced, or, where that reads badly, with what it means in brackets."""
    parts, at, notes = [], 0, []
    used = {description.meant for description in described}
    both: list[Pointer | Description] = [*found, *described]
    for pointer in sorted(both, key=lambda one: one.span.start):
        if isinstance(pointer, Description):
            parts += [question[at : pointer.span.start], pointer.meant]
            at = pointer.span.end
            continue
        meant = focus.meant_by(pointer, used)
        word = pointer.span.of(question)
        parts.append(question[at : pointer.span.start])
        at = pointer.span.end
        if meant is None:
            parts.append(word)
            continue
        if pointer.kind not in {"one", "kind"}:
            used.add(meant)
        if pointer.kind in {"event", "kind", "one"}:
            parts.append(word)
            notes.append(meant)
        elif pointer.kind == "place":
            parts.append(f"in {meant}")
        else:
            parts.append(_owner(meant) if pointer.owner else meant)
    parts.append(question[at:])
    written = strip_opener("".join(parts))
    if not used and not notes:
        notes = [focus.gist(used)]
    return _with_note(written, ", ".join(dict.fromkeys(notes))) if notes else written


def _owner(name: str) -> str:
    return f"{name}’" if name.endswith("s") else f"{name}’s"


def _with_note(question: str, note: str) -> str:
    """The note in brackets before the question mark."""
    body = question.rstrip()
    end = body[len(body.rstrip("?.! ")) :].strip() or "?"
    return f"{body.rstrip('?.! ')} ({note}){end}"


def _leaning(question: str, meant: str) -> str:
    """The question with what it leans on: "What are the main types of yoga?"."""
    body = question.rstrip().rstrip("?.! ")
    end = question.rstrip()[len(body) :].strip() or "?"
    if (content_words(body)[-1:] or [""])[0] in RELATIONAL:
        return f"{body} of {meant}{end}"
    return _with_note(question, meant)


def _complete(ellipsis: Ellipsis, focus: Focus) -> str:
    last = focus.turns[-1]
    previous = last.question.strip().rstrip("?.! ")
    rest = ellipsis.rest
    if ellipsis.form == "item":
        items = list_items(last.short)
        if -len(items) <= ellipsis.place < len(items):
            return f"{previous}: {items[ellipsis.place]}?"
        if re.search(r"\bfirst\b", previous, re.IGNORECASE) and "second" in rest:
            return re.sub(r"\bfirst\b", "second", previous, flags=re.IGNORECASE) + "?"
        return f"{previous}: {rest}?"
    if ellipsis.form == "wh":
        return _asked_again(ellipsis.rest, last, focus)
    if ellipsis.form == "swap":
        return _swapped(rest, previous, focus)
    other = re.match(r"(who|what|where) else\b", rest, re.IGNORECASE)
    if other:
        opening, auxiliary, body = question_parts(last.question)
        if opening.casefold() == other.group(1).casefold():
            return " ".join(filter(None, [other.group().capitalize(), auxiliary, body])) + "?"
    if re.match(r"what happened", rest, re.IGNORECASE) and focus.topic:
        return f"What happened after {focus.topic}?"
    if re.search(r"\bmore\b|go on|elaborate|explain|continue", rest, re.IGNORECASE) and focus.topic:
        return f"{previous}: tell me more about {focus.topic}?"
    return f"{previous}: {rest}?"


_TIMES = frozenset(
    "year years month months week weeks day days date time times hour hours minutes century decade city country "
    "place state part reason reasons way ways old large high fast soon big".split()
)


def _asked_again(wh: str, last: Turn, focus: Focus) -> str:
    """The previous question with another question word: "why?" -> "Why did Trump reprimand Zelenskyy?"."""
    opening, auxiliary, body = question_parts(last.question)
    wh = re.sub(
        r"\s+(?:was|is|did|does|will)\s+(?:that|this|it)\b.*$|\s+(?:exactly|so)$", "", wh, flags=re.IGNORECASE
    )
    adverb = re.match(
        r"(?:why|how(?! many| much)|when|where|since|until|till|in|on|at|for|by|with|from|to|about|against|under)\b",
        wh,
        re.IGNORECASE,
    )
    noun = content_words(wh)
    if noun and re.match(r"which|what|how\b", wh, re.IGNORECASE) and not _TIMES & set(noun) and focus.topic:
        return f"{wh[0].upper()}{wh[1:]} ({focus.topic})?"
    known = f" ({last.short})" if last.short and len(last.short) < 80 else ""
    if not adverb:
        return f"{last.question.strip().rstrip('?.! ')}{known}: {wh}?"
    who = opening.casefold() in {"who", "what", "which"} or asks_for_person(last.question)
    head = wh[0].upper() + wh[1:]
    if auxiliary and opening and re.match(r"\w+(?:ed|en)\b", body) and last.short and who:
        # "Who was received by ...": the answer is what the verb is about.
        return f"{head} {auxiliary} {last.short} {body}?"
    if auxiliary:
        noted = known if re.match(r"(?:.*\b)?(?:who|whom|what|which)\b", opening, re.IGNORECASE) else ""
        if re.search(r"\b(?:month|year|day|time|date)\b", opening, re.IGNORECASE):
            noted = ""
        return f"{head} {auxiliary} {body}{noted}?"
    if who and last.short and len(last.short) < 80:
        return f"{last.short} {body}: {wh}?"
    return f"{last.question.strip().rstrip('?.! ')}{known}: {wh}?"


_PREPOSITION = re.compile(r"(in|on|at|for|with|from|by|during|since|before|after|to)\s+(.+)", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")


def _swapped(rest: str, previous: str, focus: Focus) -> str:
    """The previous question with something else in its place: "what about Germany?"."""
    owned = re.fullmatch(r"(.+?)(?:['’]s?)", rest)
    if owned:
        for span in names(previous):
            mark = re.match(r"['’]s?", previous[span.end :])
            if mark:
                return f"{previous[: span.start]}{rest}{previous[span.end + mark.end() :]}?"
        return f"{previous}: {rest}?"
    year = _YEAR.search(previous)
    if year and _YEAR.search(rest):
        fitting = _YEAR.search(rest)
        return f"{previous[: year.start()]}{fitting.group() if fitting else rest}{previous[year.end() :]}?"
    led = _PREPOSITION.fullmatch(rest)
    bare = led.group(2) if led else rest
    if not led and pointers(rest):
        return f"What about {_written_out(rest, pointers(rest), focus)}?"
    if re.fullmatch(r"\w+ed", rest) and re.search(r"\w+(?:ed|en)$", previous):
        return f"{previous.rsplit(None, 1)[0]} {rest}?"
    instead = _other_end(previous, led.group(1), bare) if led else None
    if instead:
        return instead
    named = names(f"x {bare}")
    there = [span for span in names(previous) if span.of(previous) not in bare]
    acting = subject(previous)
    if len(there) > 1 and not led:
        # Of several names, the one that acts.
        there = [
            span for span in there if acting and span.of(previous) == re.sub("^(?:the|an?) ", "", acting)
        ]
    if len(named) == 1 and len(there) == 1 and len(bare.split()) <= 4:
        if re.search(r"\bthe $", previous[: there[0].start], re.IGNORECASE):
            bare = re.sub("^the ", "", bare, flags=re.IGNORECASE)
        return f"{previous[: there[0].start]}{bare}{previous[there[0].end :]}?"
    if named or led:
        return f"{previous}, {rest}?"
    if focus.topic and not set(content_words(focus.topic)) & set(content_words(rest)):
        return f"What about {rest} in {focus.topic}?"
    return f"{previous}, {rest}?"


def _other_end(previous: str, preposition: str, bare: str) -> str | None:
    """The previous question with another end: "... in chemistry", "and in physics?"."""
    end = re.search(rf"\b{preposition} ((?:(?!{preposition}\b)[\w'’-]+ ?){{1,3}})$", previous, re.IGNORECASE)
    if not end or re.search(r"\d", end.group(1) + bare) or names(f"x {bare}") or names(f"x {end.group(1)}"):
        return None
    return f"{previous[: end.start(1)]}{bare}?"


def list_items(short: str | None) -> list[str]:
    """The parts of a list: "Malaysia, Vietnam, and Cambodia" has three."""
    if not short:
        return []
    items = re.split(r"\s*(?:,|;)\s*(?:and\s+|or\s+|y\s+|und\s+|et\s+)?|\s+(?:and|or|y|und|et)\s+", short)
    items = [item.strip() for item in items if item.strip()]
    return items if len(items) > 1 else []
