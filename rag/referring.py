"""What in a question points back at what was said before: pronouns, demonstratives, what is left out.

English first; the commonest Spanish, German and French forms are known too, as whole words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rag.datatypes import Span
from rag.question_words import AUXILIARIES, RELATIONAL, is_stop_word, names, names_person, tokens
from rag.topics import question_parts, subject

__all__ = ["Kind", "Pointer", "pointers"]

Kind = Literal["person", "group", "thing", "place", "event", "kind", "one", "said"]


@dataclass(frozen=True, slots=True)
class Pointer:
    """A word that stands for something.

    Attributes:
        kind: what it can stand for.
        span: its characters in the question.
        owner: whether it owns what follows: "his", "its".
    """

    kind: Kind
    span: Span
    owner: bool = False


_WORDS: dict[str, tuple[Kind, bool]] = {
    **dict.fromkeys("he him himself she herself".split(), ("person", False)),
    **dict.fromkeys("his hers".split(), ("person", True)),
    **dict.fromkeys("they them themselves".split(), ("group", False)),
    **dict.fromkeys("their theirs".split(), ("group", True)),
    **dict.fromkeys("it itself".split(), ("thing", False)),
    "its": ("thing", True),
    "her": ("person", False),
    **dict.fromkeys("one ones".split(), ("one", False)),
    **dict.fromkeys("this that".split(), ("event", False)),
    **dict.fromkeys("these those".split(), ("group", False)),
    "there": ("place", False),
    # Spanish, German, French: only forms that are no other word in a question.
    **dict.fromkeys("él ella lui celui-ci celle-ci".split(), ("person", False)),
    **dict.fromkeys("ellos ellas eux celles-ci ceux-ci".split(), ("group", False)),
    **dict.fromkeys("eso esto ello cela ça".split(), ("event", False)),
}
_FOREIGN: dict[str, dict[str, tuple[Kind, bool]]] = {
    "es": {"su": ("person", True), "sus": ("person", True)},
    "de": {
        "er": ("person", False),
        "ihn": ("person", False),
        "ihm": ("person", False),
        "sein": ("person", True),
        "seine": ("person", True),
        "seinen": ("person", True),
        "sie": ("group", False),
        "ihr": ("group", True),
        "ihre": ("group", True),
        "es": ("thing", False),
        "das": ("event", False),
    },
    "fr": {
        "il": ("person", False),
        "elle": ("person", False),
        "ils": ("group", False),
        "elles": ("group", False),
        "son": ("person", True),
        "sa": ("person", True),
        "ses": ("person", True),
        "leur": ("group", True),
    },
}
_LANGUAGE_SIGNS = {
    "es": re.compile(
        r"[¿ñ]|\b(?:qué|quién|cuándo|cuánto|cuántos|dónde|cómo|por qué|cuál|es|fue|el|los|las)\b", re.I
    ),
    "de": re.compile(r"\b(?:wer|wann|warum|wie|wo|welche[rsnm]?|was|ist|hat|wurde|war|der|die|und)\b", re.I),
    "fr": re.compile(r"\b(?:qui|quand|pourquoi|comment|où|quel|quelle|quels|est|a-t|que|le|les|et)\b", re.I),
}
_TIME = frozenset(
    "year month week day morning afternoon evening summer spring autumn winter weekend time century".split()
)
_CLAUSE = frozenset("and but or when if because while after before since as although though so until".split())
_AFTER_THAT = AUXILIARIES | {"to", "from", "of", "in", "for", "at", "with", "by", "on", "and", "or"}
_BEFORE_THAT = (AUXILIARIES - {"may"}) | frozenset(
    "about after at before besides by do does doing did done during for from in into like mean means of on said say "
    "says than to with without and why how when where what but so cause caused causes explain mean".split()
)
_SAYING = frozenset(
    "say said says think thinks thought claim claims claimed believe hopes hoped promise promised".split()
)
_PREPOSITIONAL = frozenset("after before since as until".split())
_NO_ANTECEDENT = (RELATIONAL - {"people", "members", "products"}) | frozenset(
    "describe explain compare happened came come comes became happen long made make makes know best better".split()
)
_IT_FILLER = re.compile(
    r"\b(?:what (?:time|day|date) (?:is|was) it|(?:is|was|isn't|will|would) it (?:be )?(?:true|possible|likely|clear|"
    r"known|necessary|common|ok|okay|legal|safe|normal|better|worth|raining|hard|easy|important)\b(?=.*\b(?:that|to|for)\b)|"
    r"how (?:long|much|many \w+) (?:does|did|do|will|would) it (?:take|cost) (?:to|for)|it (?:is|was) \w+ (?:that|to)|"
    r"it takes|makes it|it seems)\b",
    re.IGNORECASE,
)
_MAN_WHO = re.compile(
    r"\b(?:the|that) (?:same )?(?:man|woman|person|official|guy|one|minister|author|speaker|company|writer|expert) "
    r"(?:who|that) (?:\w+ ){1,3}(?:that|this|it|so)\b",
    re.IGNORECASE,
)
_LATTER = re.compile(
    r"\bthe (former|latter)(?! (?!one\b)[a-z]+ister|\s+(?:adviser|president))\b", re.IGNORECASE
)


def pointers(question: str) -> list[Pointer]:
    """The words of a question that stand for something it does not itself say.

    >>> [p.span.of("How did he describe his visit there?") for p in pointers("How did he describe his visit there?")]
    ['he', 'there']
    >>> pointers("What did Trump say about his tariffs?")
    []
    """
    found: list[Pointer] = []
    said = _MAN_WHO.search(question)
    if said:
        found.append(Pointer("said", Span(*said.span())))
    words_in = tokens(question)
    known = {**_WORDS, **_foreign(question)}
    filler = [Span(*match.span()) for match in _IT_FILLER.finditer(question)]
    for i, (token, span) in enumerate(words_in):
        low = token.casefold()
        low, cut = _without_clitic(low)
        if low not in known or (said and Span(*said.span()).covers(span)):
            continue
        # "He" is a surname and "IT" a trade where the question itself is not all capitals.
        follows = words_in[i + 1][0] if i + 1 < len(words_in) else ""
        a_name = not _opens(words_in, i) or (low == "he" and follows[:1].isupper())
        if token[0].isupper() and a_name and not question.isupper():
            continue
        kind, owner = known[low]
        span = Span(span.start, span.end - cut)
        before = [t.casefold() for t, _ in words_in[:i]]
        after = [t.casefold() for t, _ in words_in[i + 1 :]]
        if low == "it" and any(part.covers(span) for part in filler):
            continue
        if low == "her" and after and not is_stop_word(after[0]):
            owner = True
        if kind == "place" and not _is_place(before, after):
            continue
        if low in {"this", "that", "these", "those"}:
            kind_here = _demonstrative(low, kind, before, after)
            if kind_here is None:
                continue
            kind = kind_here
        if kind == "one" and not _is_one(low, before):
            continue
        if (
            low not in {"these", "those"}
            and kind in {"person", "group", "thing"}
            and _bound(question, words_in, i, kind, owner)
        ):
            continue
        if found and found[-1].kind == kind and kind in {"person", "group", "thing"}:
            continue
        found.append(Pointer(kind, span, owner))
    return found


def _foreign(question: str) -> dict[str, tuple[Kind, bool]]:
    for language, sign in _LANGUAGE_SIGNS.items():
        if len(sign.findall(question)) >= 2 or (language == "es" and "¿" in question):
            return _FOREIGN[language]
    return {}


def _without_clitic(low: str) -> tuple[str, int]:
    """ "he's" as "he", and how many characters that leaves out."""
    match = re.fullmatch(r"(he|she|it|they|that|this|there)(['’](?:s|d|re|ll|ve))", low)
    return (match.group(1), len(match.group(2))) if match else (low, 0)


def _opens(words_in: list[tuple[str, Span]], i: int) -> bool:
    return all(is_stop_word(token) and token.casefold() != "did" for token, _ in words_in[:i]) and i <= 1


def _is_place(before: list[str], after: list[str]) -> bool:
    """ "held there" and "lived there"; not "is there a ...", "have there been", "out there"."""
    if any(word in AUXILIARIES | {"been", "be"} for word in after[:2]):
        return False
    return bool(before) and before[-1] not in AUXILIARIES | {
        "be",
        "still",
        "it",
        "out",
        "over",
        "up",
        "down",
        "in",
    }


def _demonstrative(low: str, kind: Kind, before: list[str], after: list[str]) -> Kind | None:
    """ "this" alone is what happened, "these languages" are of the kind that was spoken of; "this year" is neither."""
    if after and (after[0] in _TIME or (len(after) > 1 and after[0] in {"last", "past", "very"})):
        return None
    if low == "that":
        # Mostly a relative: "the tribes that they met", "he said that ...".
        ends = not after or (
            before and before[-1] in _BEFORE_THAT and (after[0] in _AFTER_THAT or len(after) < 2)
        )
        return "event" if ends or (not before and after and after[0] in AUXILIARIES) else None
    if after and not is_stop_word(after[0]) and after[0] not in AUXILIARIES and not after[0].endswith("ed"):
        return "kind"
    # "Is this the best river?" says itself what it is about.
    if kind == "event" and after and after[0] in {"a", "an", "the"}:
        return "kind"
    return kind


def _is_one(low: str, before: list[str]) -> bool:
    if not before:
        return False
    return low == "ones" or before[-1] in {
        "which",
        "that",
        "this",
        "other",
        "another",
        "second",
        "first",
        "third",
        "last",
    }


def _bound(question: str, words_in: list[tuple[str, Span]], i: int, kind: Kind, owner: bool) -> bool:
    """Whether the question itself says what a pronoun stands for.

    A name or a noun before it does: for "his" and "its" in the same clause; for "he" and "it" where
    another clause has begun since ("when Xi met Trump, what did he say"), because a verb's subject and
    its object are never the same, except with "himself".
    """
    word, here = words_in[i]
    before = question[: here.start]
    if before.count('"') % 2 or re.search(r"\band\W+$", before):
        return True
    named = [span for span in names(question) if span.end <= here.start]
    nouns = [
        span
        for token, span in words_in[:i]
        if not is_stop_word(token) and token.casefold() not in _NO_ANTECEDENT
    ]
    # Who types no capitals gives no names away.
    if kind == "person" and question != question.lower():
        nouns = named or [span for span in nouns if names_person(span.of(question))]
    if not nouns:
        return False
    if word.casefold().endswith(("self", "selves")):
        return True
    last = nouns[-1]
    if re.search(r"[.;?!]\s", question[nouns[0].end : here.start]):
        return True
    if owner:
        auxiliary = question_parts(question)[1]
        acts = auxiliary.casefold() not in {"", "is", "are", "was", "were"} and subject(question)
        if acts and (end := question.find(acts)) >= 0 and end + len(acts) <= here.start:
            return True
        return (
            bool(named)
            if kind != "group"
            else last.of(question).endswith("s") and not _is_description(question)
        )
    if kind == "group" and not last.of(question).casefold().endswith("s") and " and " not in before:
        return False
    between = [t.casefold() for t, span in words_in[:i] if span.start >= last.end or t.casefold() in _SAYING]
    # "after it" at the end is no clause.
    is_object = i + 1 == len(words_in) and bool(between) and between[-1] in _PREPOSITIONAL
    return not is_object and (
        bool((_CLAUSE | _SAYING) & set(between)) or "," in question[last.end : here.start]
    )


def _is_description(question: str) -> bool:
    """ "What are the important factors led to their development": its noun is not what "their" means."""
    return bool(re.match(r"\W*(?:what|who|which) (?:is|are|was|were)\b", question, re.IGNORECASE))
