"""What a question is about: who acts in it, the thing it asks of. Patterns and word lists, no model."""

from __future__ import annotations

import re

from rag.datatypes import Span
from rag.question_words import (
    ASKS_PERSON,
    AUXILIARIES,
    BE,
    BREAKS,
    EXTRA_STOPS,
    PREPOSITIONS,
    RELATIONAL,
    THIN,
    WH,
    content_words,
    is_stop_word,
    names,
    tokens,
)
from rag.stores.tokens import words

__all__ = [
    "asks_for_person",
    "introduces",
    "is_plural",
    "question_parts",
    "strip_opener",
    "subject",
    "topic",
    "without_opener",
]

_OPENERS = re.compile(
    r"^(?:(?:and|but|so|ok|okay|well|then|also|now|thanks|thank you|please|by the way|btw|y|e|und|et|pero|aber|mais)"
    r"(?![\w'’-])[\s,.:;!-]*)+",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^(?:(?:can|could|would|will) you (?:please )?)?(?:(?:please )?(?:tell|teach|show) (?:me|us) (?:some |any )?"
    r"(?:more |everything |something |a bit |a little )*(?:about|of|on)|describe|explain|define|summari[sz]e|"
    r"compare(?: and contrast)?|(?:i (?:want|would like|need) to|let's) (?:know|learn|hear|talk)(?: more)? about|"
    r"what (?:do you know )?about|what (?:do|does) you mean by|how about|what does(?=.* (?:mean|stand for)$))\s+"
    r"(?P<x>.+)",
    re.IGNORECASE,
)


def asks_for_person(question: str) -> bool:
    """Whether the answer is a person: "who", "whom", "which retired ambassador"."""
    opening = question_parts(question)[0]
    return bool(opening and ASKS_PERSON.search(opening))


def question_parts(question: str) -> tuple[str, str, str]:
    """Opening, auxiliary and the rest of a question; opening or auxiliary may be empty.

    >>> question_parts("In which month did Trump reprimand Zelenskyy?")
    ('In which month', 'did', 'Trump reprimand Zelenskyy')
    >>> question_parts("Who helped to negotiate the TikTok deal?")
    ('Who', '', 'helped to negotiate the TikTok deal')
    """
    question = _OPENERS.sub("", question).strip().rstrip("?.! ")
    found = tokens(question)
    lowered = [token.casefold() for token, _ in found]
    wh = next((i for i, token in enumerate(lowered[:3]) if token in WH), None)
    if wh is None:
        if lowered and lowered[0] in AUXILIARIES:
            return "", found[0][0], question[found[0][1].end :].strip()
        return "", "", question
    for i in range(wh + 1, min(len(found), wh + 6)):
        if lowered[i] in AUXILIARIES:
            opening = question[: found[i - 1][1].end]
            return opening, found[i][0], question[found[i][1].end :].strip()
    until = found[wh][1].end
    # "Which company bought ...": the noun belongs to the opening.
    if lowered[wh] in {"which", "whose"} and wh + 2 < len(found):
        until = found[wh + 1][1].end
    return question[:until], "", question[until:].strip()


def strip_opener(question: str) -> str:
    """Without "and", "ok," and the like at its beginning."""
    rest = _OPENERS.sub("", question.strip())
    return rest[:1].upper() + rest[1:] if rest and rest != question.strip() else question


def without_opener(question: str) -> str:
    """A whole question without what ties it to the talk before it.

    >>> without_opener("And what are Washington's main objectives?"), without_opener("E-mail was invented when?")
    ("What are Washington's main objectives?", 'E-mail was invented when?')
    """
    rest = strip_opener(question)
    first = next((token.casefold() for token, _ in tokens(rest)), "")
    return rest if first in WH | AUXILIARIES | PREPOSITIONS else question


def subject(question: str) -> str | None:
    """Who or what acts in a question whose verb is turned round: "did Trump reprimand ..." -> "Trump"."""
    opening, auxiliary, rest = question_parts(question)
    return _subject_of(rest, auxiliary.casefold(), opening) if auxiliary else None


def _subject_of(rest: str, auxiliary: str, opening: str = "") -> str | None:
    run: list[tuple[str, Span]] = []
    found = tokens(rest)
    for at, (token, span) in enumerate(found):
        low = token.casefold()
        if low in {"the", "a", "an", "some", "all", "most"} and (not run or run[0][0].endswith("ing")):
            if run:
                run.append((token, span))
            continue
        gap = rest[run[-1][1].end : span.start].strip() if run else ""
        if gap or (is_stop_word(token) and not (token[0].isupper() and run)):
            joins = low in {"of", "and"} and run and at + 1 < len(found) and not gap
            if joins and (low == "of" or found[at + 1][0][0].isupper() == run[-1][0][0].isupper()):
                run.append((token, span))
                continue
            break
        if run and run[-1][0][0].isupper() and not token[0].isupper() and not _goes_on(run, low):
            break
        run.append((token, span))
    consumed = bool(run) and run[-1][0] == found[-1][0]
    while run and run[-1][0].casefold() in {"of", "and"}:
        run.pop()
    if len(run) > 1 and not run[-1][0][0].isupper():
        low = run[-1][0].casefold()
        if auxiliary in BE:
            drop = opening.split()[0].casefold() not in {"what", "who", "which", "where"} if opening else True
        elif auxiliary in {"have", "has", "had"}:
            drop = low.endswith(("ed", "en")) or consumed
        else:
            after = [token.casefold() for token, span in found if span.start >= run[-1][1].end]
            # "do stocks and bonds have ...": the verb is another word.
            drop = not after or after[0] not in AUXILIARIES | {"be"}
        if drop:
            run.pop()
    if not run:
        return None
    phrase = rest[run[0][1].start : run[-1][1].end]
    return _with_article(rest, run[0][1].start, phrase)


def _goes_on(run: list[tuple[str, Span]], word: str) -> bool:
    """Whether a name is followed by more of it: "Galileo system", "Spanish people"."""
    demonym = len(run) == 1 and run[0][0].endswith(("ish", "ese", "ian", "ean", "can", "ench", "man"))
    return demonym or word.endswith(
        (
            "tion",
            "ment",
            "ity",
            "ism",
            "ology",
            "deal",
            "system",
            "theory",
            "scale",
            "party",
            "war",
            "vinegar",
            "cheese",
        )
    )


def _with_article(text: str, start: int, phrase: str) -> str:
    before = re.search(r"\b(the|an?)\s+$", text[:start], re.IGNORECASE)
    return f"{before.group(1).casefold()} {phrase}" if before else phrase


def topic(question: str) -> str | None:
    """The thing that a question is about, as written; None where it names none.

    >>> topic("Tell me about the Bronze Age collapse.")
    'the Bronze Age collapse'
    >>> topic("What are the pros and cons of electric cars?")
    'electric cars'
    >>> topic("What kind of app is TikTok?")
    'TikTok'
    """
    asked = re.sub(
        r"\s*\([^()]*\)|\b(?:there )?(?:any|some)(?: of)?(?: other| more)?\s",
        "",
        _OPENERS.sub("", question.strip()),
    )
    found = _topic(asked.split("? ")[0].strip().rstrip("?.! "))
    if found is None or not set(content_words(found)) - THIN - RELATIONAL:
        return None
    return found


def introduces(question: str) -> bool:
    """Whether a question asks what something is: a topic of its own, whatever was spoken of."""
    asked = _OPENERS.sub("", question.strip()).rstrip("?.! ")
    return bool(
        _ABOUT.match(asked)
        or re.match(r"(?:what|who)(?: is| are|['’]s) (?:an? )?(?:[\w’'-]+ ?){1,4}$", asked, re.I)
    )


def _topic(text: str) -> str | None:
    about = _ABOUT.match(text)
    if about:
        return _complement(about["x"])
    opening, auxiliary, rest = question_parts(text)
    if auxiliary.casefold() in BE and opening.casefold() in {"what", "who", "which"}:
        return _complement(rest)
    if auxiliary:
        found = _subject_of(rest, auxiliary.casefold(), opening)
        if found and content_words(found):
            return _possessor(found)
        return _longest_run(rest)
    if opening and rest:
        first, _, others = rest.partition(" ")
        if first.islower() and others:
            # "helped to negotiate the deal"
            others = re.sub(r"^to \w+\s+(?=\S)", "", others)
            return _complement(others) or _longest_run(others)
    return _longest_run(rest)


def _complement(phrase: str) -> str | None:
    """The X in "X", "X's parts", "the parts of X"."""
    phrase = re.split(
        r"[,;:(]|\s(?:and|but|or)\s(?=(?:how|why|what|when|where|who|is|are|was|were|do|does|did)\b)", phrase
    )[0].strip()
    owned = _possessor(phrase)
    if owned != phrase:
        return owned
    found = tokens(phrase)
    lowered = [token.casefold() for token, _ in found]
    if "of" in lowered[1:-1]:
        # "the history of X", the last "of" before a clause of its own
        at = lowered.index("of", 1)
        if found[at - 1][0][0].isupper() and found[at + 1][0][0].isupper():
            # "the Treaty of Tordesillas" is one name.
            start = found[at - 1][1].start
            return _with_article(phrase, start, _until_break(phrase[start:]) or phrase[start:])
        return _until_break(phrase[found[at][1].end :].strip()) or _longest_run(phrase)
    for i, low in enumerate(lowered[1:-1], start=1):
        if low in {"for", "in", "behind", "between", "about", "to", "with"}:
            after = _until_break(phrase[found[i][1].end :].strip())
            before = phrase[: found[i - 1][1].end]
            if after and not names(before) and (names(after) or lowered[i - 1] in RELATIONAL):
                return after
            break
    return _until_break(phrase) or _longest_run(phrase)


def _possessor(phrase: str) -> str:
    """The X of "X's causes", but all of "Darwin's theory"."""
    owned = re.match(r"(.+?)(?:['’]s|(?<=s)['’])\s+(?P<part>\S.*)", phrase)
    if owned and content_words(owned.group(1)) and RELATIONAL & set(words(owned["part"])):
        return owned.group(1)
    return phrase


def _until_break(phrase: str) -> str | None:
    """The noun phrase that a text begins with."""
    run: list[Span] = []
    for token, span in tokens(phrase):
        low = token.casefold()
        if run and (
            phrase[run[-1].end : span.start].strip()
            or low in AUXILIARIES
            or low in BREAKS - {"and", "or"}
            or (low in PREPOSITIONS and low != "of")
        ):
            break
        if not run and (low in PREPOSITIONS or low in AUXILIARIES):
            continue
        run.append(span)
    while run and is_stop_word(run[-1].of(phrase)):
        run.pop()
    if not run:
        return None
    found = phrase[run[0].start : run[-1].end]
    return found if content_words(found) else None


def _longest_run(phrase: str) -> str | None:
    """The longest run of words that are no function words; a run with names wins."""
    runs: list[list[Span]] = [[]]
    for token, span in tokens(phrase):
        empty = is_stop_word(token) and token.casefold() not in EXTRA_STOPS
        if empty or (runs[-1] and phrase[runs[-1][-1].end : span.start].strip()):
            runs.append([])
        if not empty:
            runs[-1].append(span)
    texts = [phrase[run[0].start : run[-1].end] for run in runs if run]
    if not texts:
        return None
    best = max(texts, key=lambda text: (bool(names(f"x {text}")), len(text.split())))
    named = names(f"x {best}")
    # "begin learning Norwegian": what comes before a name are verbs more often than not.
    return best[named[0].start - 2 :] if named else best


def is_plural(phrase: str) -> bool:
    """Whether "they" may stand for a phrase."""
    if re.search(r"\w,? (?:and|und|y|et) \w", phrase):
        return True
    head = re.split(r"\s(?:of|in|for|from)\s", phrase)[0].casefold()
    return bool(re.search(r"(?:[^siu'’]s|people|children|men|women|police|media)$", head))
