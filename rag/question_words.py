"""The words of questions: which of them say nothing, which name something. Lists and patterns, no model."""

from __future__ import annotations

import re
from functools import lru_cache

from rag.datatypes import Span
from rag.stores.tokens import TermMaker, words

__all__ = [
    "ASKS_PERSON",
    "AUXILIARIES",
    "BE",
    "BREAKS",
    "EXTRA_STOPS",
    "PREPOSITIONS",
    "RELATIONAL",
    "THIN",
    "WH",
    "content_words",
    "is_stop_word",
    "names",
    "names_person",
    "tokens",
]

_TOKEN = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W_]+(?:[.,'’&/-][^\W_]+)*(?:['’](?=\s|$|[?.,]))?")

AUXILIARIES = frozenset(
    "am are can could did do does had has have is may might must shall should was were will would".split()
)
BE = frozenset({"am", "are", "is", "was", "were"})
WH = frozenset("who whom whose what which when where why how".split())
PREPOSITIONS = frozenset(
    "about above across after against along among around as at before behind below between beyond by despite "
    "down during except for from in into like near of off on onto over per since than through throughout to "
    "toward towards under until upon via with within without".split()
)
EXTRA_STOPS = frozenset(
    "many much more most less least often long far ever never always really please tell give show know think "
    "say happen happened happens mean means go get got thing things else kind kinds other others another "
    "same again still one ones two first next there here".split()
)
# Words that praise or rank: alone they name nothing.
THIN = frozenset(
    "best better worst worse good bad main major important famous popular typical common largest biggest big great "
    "greatest smallest highest lowest longest oldest used use work works chosen made done different similar "
    "second third last new old system region tradition effect time times way ways difference today possible "
    "available known".split()
)
_IMPERATIVES = frozenset(
    "compare define describe discuss explain find give list name outline say show summarise summarize tell".split()
)
BREAKS = frozenset(
    "and or but so because if when while although though who whom which that what where why how".split()
)
_TITLES = r"(?:Mr|Mrs|Ms|Messrs|Dr|Prof|Sir|Lord|Lady|President|Señor|Señora|Herr|Frau|Monsieur|Madame)\.?"
_NAME_WORD = r"(?:(?:[A-Z]\.){2,}|[A-Z]\.(?= [A-Z])|[^\W\d_a-z][\w-]*(?:['’](?!s\b)[A-Z][\w-]*)*)"
_NAME = re.compile(
    rf"\b(?:{_TITLES} +)?{_NAME_WORD}"
    rf"(?:(?: +(?:of|de|del|van|von|al|bin|der|la)(?= +[A-Z]))? +(?!{_TITLES} ){_NAME_WORD})*"
)
# Nouns that are parts, sides or measures of something: without it they say little.
RELATIONAL = frozenset(
    """
    advantage advantages aim aims answer applications artists aspects author authors background basis benefit
    benefits birthplace budget capital cast cause causes challenges characteristics characters components
    composition conditions consequence consequences cost costs creation creator criticism cure cures cycle danger
    dangers date deadline definition description design development difference differences director disadvantage
    disadvantages downside downsides duration effect effects elements ending events evidence example examples
    explanation facts factors features findings foods form forms founder founding function functions future goal
    goals habitat height history idea impact impacts implications importance influence influences ingredients
    invention kinds landmarks leader leaders length levels life limitations location main materials meaning
    members method methods models motive name names number objective objectives options order origin origins
    outcome outcomes owner part parts people period places plan plot popularity population population price prices
    principles problem problems process product products profit projects properties pros prospects purpose purposes
    rate reaction reason reasons recommendations relationship requirements response result results revenue risk
    risks role roles roots rule rules safety side sides sign signs significance similarities size source sources
    species stages steps structure style styles subject symptoms techniques test theme themes tips title
    tools treatment treatments trends type types use uses value variations varieties variety version versions ways
    weight winner works year years
    """.split()
)
_PEOPLE = (
    r"person|people|man|men|woman|women|\w*(?:minister|ambassador|leader|\w{3}ist|cian|adviser|advisor|senator|"
    r"governor|director|author|writer|actor|singer|player|professor|lawyer|reporter|founder|owner|banker|editor|"
    r"winner|maker)s?|president|chairman|chief|boss|head|king|queen|friend|envoy|diplomat|official|analyst|expert|"
    r"ceo|secretary|chef|artist|student|scholar|candidate|tycoon|billionaire|veteran|guest"
)
_PERSON_NOUN = re.compile(rf"\b(?:{_PEOPLE})\b", re.IGNORECASE)
ASKS_PERSON = re.compile(rf"\b(?:who|whom|{_PEOPLE})\b", re.IGNORECASE)


def tokens(text: str) -> list[tuple[str, Span]]:
    """Each word as written with its place; "D.C.", "US-China" and "Trump's" are one word each."""
    return [(match.group(), Span(*match.span())) for match in _TOKEN.finditer(text)]


@lru_cache(maxsize=1)
def _stops() -> frozenset[str]:
    return TermMaker.for_languages(["en"]).stop_words["en"] | PREPOSITIONS | EXTRA_STOPS


def is_stop_word(word: str) -> bool:
    """Whether a word says nothing about what a question is about."""
    found = words(word)
    return all(w in _stops() for w in found)


def content_words(text: str) -> list[str]:
    """The words that say what a text is about, folded, in reading order.

    >>> content_words("And what about Beijing's objectives?")
    ['beijing', 'objectives']
    """
    return [word for word in words(text) if word not in _stops()]


def names(text: str) -> list[Span]:
    """Runs of capitalised words that name something.

    >>> text = "How often has Jensen Huang been to Trump's Washington, D.C. home?"
    >>> [span.of(text) for span in names(text)]
    ['Jensen Huang', 'Trump', 'Washington', 'D.C.']
    """
    found = []
    for match in _NAME.finditer(text):
        start, end = match.span()
        # The first word is capitalised whatever it is.
        while start < end:
            head = re.compile(r"\S+\s*").match(text, start, end)
            if head is None or not (_opens_sentence(text, start) and _is_opening(head.group())):
                break
            start = head.end()
        while end > start and text[end - 1] in " -'’":
            end -= 1
        if end > start and not (end - start == 1 and text[start] == "I"):
            found.append(Span(start, end))
    return found


def _is_opening(word: str) -> bool:
    return is_stop_word(word) or word.strip().casefold() in _IMPERATIVES


def _opens_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \"'“‘(¿¡")
    return not before or before[-1] in ".!?:\n"


def names_person(text: str) -> bool:
    """Whether a text speaks of a person by what they are: "the president", "a retired envoy"."""
    return bool(_PERSON_NOUN.search(text))
