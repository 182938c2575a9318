"""What a conversation is about at the moment, and so what "he", "it", "they" and "there" stand for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.question_words import BE, names
from rag.referring import Pointer
from rag.topics import asks_for_person, introduces, is_plural, question_parts, subject, topic

__all__ = ["Focus", "Turn"]

# What is counted but not spoken of: "for how many months".
_MEASURES = frozenset("days hours kinds minutes months parts times types ways weeks words years".split())

# How far back something may lie that is not the latest topic.
_TOPICS_BACK = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question and what was answered.

    Attributes:
        question: as understood then.
        short: the short answer, where known.
        quotes: what was quoted, best first.
    """

    question: str
    short: str | None = None
    quotes: tuple[str, ...] = ()


class Focus:
    """What the turns so far spoke of, latest first.

    Args:
        turns: at least one, oldest first.
    """

    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = tuple(turns)
        self.topics = _topics(self.turns)

    @property
    def topic(self) -> str | None:
        """What was spoken of last."""
        return self.topics[0] if self.topics else None

    def gist(self, used: set[str]) -> str:
        """The previous question without its question word and what is said already, with the short answer."""
        last = self.turns[-1]
        question = re.sub(r"\s*\([^()]*\)", "", last.question)
        body = re.sub(
            r"^(?:there|any|some|you|i|we)\b\s*", "", question_parts(question)[2], flags=re.IGNORECASE
        )
        acting = subject(last.question)
        known = acting is not None and acting in used
        said = body.removeprefix(acting or "").strip() if known else body or question.rstrip("?.! ")
        parts = [said, last.short if last.short and len(last.short) < 80 else ""]
        return " ".join(part for part in parts if part)

    def meant_by(self, pointer: Pointer, used: set[str]) -> str | None:
        """What a pointer stands for; None where nothing was said that fits.

        Args:
            pointer: the word.
            used: what other words of the same question stand for already.
        """
        if pointer.kind in {"person", "said"}:
            return self._person() or self._topic(None, used)
        if pointer.kind == "place":
            return self._place() or self._thing(used) or self._topic(None, used)
        if pointer.kind == "event":
            return self.gist(used)
        if pointer.kind == "group":
            return self._group(used) or self._topic(True, used)
        if pointer.kind == "thing":
            return self._thing(used) or self._topic(False, used)
        return self._topic(None, used)

    def _topic(self, plural: bool | None, used: set[str]) -> str | None:
        near = [topic for topic in self.topics[:_TOPICS_BACK] if topic not in used]
        fitting = [topic for topic in near if plural is None or is_plural(topic) == plural]
        return next(iter(fitting or near), None)

    def _person(self) -> str | None:
        things = {turn.short for turn in self.turns if turn.short and _asks_for_thing(turn.question)}
        for turn in reversed(self.turns):
            if asks_for_person(turn.question):
                found = _name_in(turn.short or "") or _new_name(turn)
                if found:
                    return found
            acting = subject(turn.question)
            if acting and names(f"x {acting}") and acting not in things:
                return acting
            found_names = [span.of(turn.question) for span in names(turn.question)]
            found_names = [name for name in found_names if name not in things]
            placed = _placed(turn.question)
            people = [name for name in found_names if name not in placed] or found_names
            if people:
                return max(people, key=lambda name: " " in name)
            if turn.short and turn.short not in things and _name_in(turn.short):
                return _name_in(turn.short)
        return None

    def _thing(self, used: set[str]) -> str | None:
        """A thing that the last question asked for by name: "Which company ...?" - "Nvidia"."""
        last = self.turns[-1]
        opening = question_parts(last.question)[0].casefold()
        short = (last.short or "").strip()
        asked = opening.startswith(("which", "what")) and " kind " not in f"{opening} "
        if (
            asked
            and short
            and short not in used
            and names(f"x {short}")
            and not asks_for_person(last.question)
        ):
            name = _name_in(short)
            if name and len(name) > 0.7 * len(short) and not is_plural(short):
                return name
        return None

    def _group(self, used: set[str]) -> str | None:
        """Those that the last answer or question listed."""
        last = self.turns[-1]
        short = (last.short or "").strip()
        if short and short not in used and len(short) < 80 and is_plural(short) and names(f"x {short}"):
            return short
        for match in re.finditer(
            r"[A-Z][\w.-]*(?: [A-Z][\w.-]*)* and [A-Z][\w.-]*(?: [A-Z][\w.-]*)*", last.question
        ):
            if match.group() not in used:
                return match.group()
        asked = re.match(
            r"(?:how many|which|what) (?:\w+ )?(\w+s)$", question_parts(last.question)[0], re.IGNORECASE
        )
        acting = subject(last.question)
        if asked and asked.group(1).casefold() not in _MEASURES and acting and names(f"x {acting}"):
            return f"{acting}’{'' if acting.endswith('s') else 's'} {asked.group(1)}"
        return None

    def _place(self) -> str | None:
        for turn in reversed(self.turns):
            if turn.short and _asks_for_place(turn.question):
                return _name_in(turn.short) or turn.short
            placed = _placed(turn.question)
            if placed:
                return placed[-1]
        return None


def _topics(turns: Sequence[Turn]) -> list[str]:
    """What the turns were about, latest first; what a turn comes back to is latest again."""
    found: list[str] = []
    for turn in turns:
        said = turn.question.casefold()
        again = [old for old in found if old.casefold() in said]
        new = topic(turn.question)
        if again and not (new and introduces(turn.question) and _says_more(new, again[-1])):
            latest = max(again, key=len)
            found.remove(latest)
            found.append(latest)
        elif new:
            found.append(new)
    return found[::-1]


def _says_more(new: str, old: str) -> bool:
    return not re.search(r"['’]", new) and len(new.split()) > len(old.split())


def _name_in(text: str) -> str | None:
    found = [span.of(text) for span in names(f"x {text}"[2:])]
    return found[0] if found else None


_PLACE = re.compile(
    r"(?:(?:in|to|from|at) )?(?:(?:which|what|the) )?(?:\w+ )?(?:capital|city|country|town|state|village|island|region|"
    r"province|continent|place)\b",
    re.IGNORECASE,
)
_NO_PERSON = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|January|February|March|April|May|June|July|August|September|"
    r"October|November|December"
)


def _new_name(turn: Turn) -> str | None:
    """A name of the quote that the question did not have; titles and full names first."""
    for quote in turn.quotes[:1]:
        found = [span.of(quote) for span in names(quote)]
        new = [name for name in found if name not in turn.question and not _NO_PERSON.match(name)]
        titled = [name for name in new if re.match(r"(?:Mr|Mrs|Ms|Messrs|Dr|President)\b", name)]
        full = [name for name in new if " " in name]
        if new:
            return (titled or full or new)[0]
    return None


def _asks_for_thing(question: str) -> bool:
    """ "Which company ...?", "where ...?": whatever it is, it is no person."""
    opening = question_parts(question)[0]
    return bool(re.search(r"\b(?:which|what) \w+|\bwhere$", opening, re.IGNORECASE)) and not asks_for_person(
        question
    )


def _asks_for_place(question: str) -> bool:
    opening, auxiliary, rest = question_parts(question)
    asked = rest if auxiliary.casefold() in BE and opening.casefold() == "what" else opening
    return opening.casefold().endswith("where") or bool(_PLACE.match(asked))


def _placed(question: str) -> list[str]:
    """Names that follow "in", "at", "to" or "from"."""
    return [
        span.of(question)
        for span in names(question)
        if re.search(r"\b(?:in|at|to|from|near|around)\s+(?:the\s+)?$", question[: span.start])
    ]
