"""Questions that leave something out: "why?", "and the second one?", "what about Germany?", "which is the largest?"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rag.question_words import AUXILIARIES, RELATIONAL, content_words, names, tokens
from rag.referring import pointers

__all__ = ["Ellipsis", "ellipsis_of", "may_lean"]


@dataclass(frozen=True, slots=True)
class Ellipsis:
    """A question that leaves out what the previous one said.

    Attributes:
        form: "wh" asks the previous question another way ("why?"); "swap" puts something else in its
            place ("what about Germany?"); "item" picks from a list ("the second one"); "more" asks on.
        rest: the words that are there.
        place: for "item", which one, from 0; -1 is the last.
    """

    form: Literal["wh", "swap", "item", "more"]
    rest: str
    place: int = 0


_WH_ALONE = re.compile(
    r"(?:why(?: not| so| is that| was that| is this| did (?:that|this|it) happen)?|how(?: so| come| exactly)?|"
    r"(?:(?:since|until|till|from|by) )?when(?: exactly)?|(?:from |to )?where(?: exactly| to| from)?|"
    r"(?:when|where|how|why) (?:was|is|did|does|will) (?:that|this|it)(?: happen(?:ed)?| be)?|"
    r"(?:in|on|at|by|for|with|from|to|since|until|after|before|under) (?:which|what|whose)(?: \w+){1,2}|"
    r"(?:which|what|whose) (?!is\b|are\b|was\b|were\b|do\b|does\b|did\b|happened\b)\w+|"
    r"(?:with|by|for|from|to|against|about) (?:whom|who|what|which)|what for|for how (?:long|much|many(?: \w+)?)|"
    r"(?:for |since |by |at )?how (?:long|often|much|many|far|big|old|large|soon|fast|high)(?: (?:times|\w+))?|"
    r"who(?:m|se)?|which(?: one| ones)?|"
    r"por qué|cuándo|dónde|cómo|quién|cuánto|warum|wieso|wann|wo|wer|wie|pourquoi|quand|où|comment|qui|combien)",
    re.IGNORECASE,
)
_SWAP = re.compile(
    r"(?:and |but |so |ok,? |then )*(?:what|how) about (?P<a>.+)|(?:and|but|or)\b,? (?P<b>[^,]{1,60})|"
    r"(?:¿?y|und|et) (?P<c>.{1,60})|(?P<d>(?:in|on|at|for|with|from|by|during|since|before|after) .{1,40})",
    re.IGNORECASE,
)
_ITEM = re.compile(
    r"(?:and |but |ok,? )*(?:(?:what|how|who|where) (?:about|is|was|are|were) )?the "
    r"(?P<n>first|second|third|fourth|fifth|last|other|former|latter)(?: one| ones| two)?(?: of (?:them|these|those))?",
    re.IGNORECASE,
)
_PLACES = {
    "first": 0,
    "former": 0,
    "second": 1,
    "latter": 1,
    "other": 1,
    "third": 2,
    "fourth": 3,
    "fifth": 4,
    "last": -1,
}
_MORE = re.compile(
    r"(?:and |but |so )*(?:"
    r"(?:please )?(?:(?:can you )?tell me |say |give me |know |anything )?more(?: details?| about (?:it|that|this))?|"
    r"(?:what|who|where|anything|anyone|anybody|any|which) (?:else|others?|more)|go on|continue|elaborate|"
    r"explain(?: that| it| this)?|really|are you sure|is (?:that|it) (?:true|so|right)|"
    r"(?:like|such as|for example|for instance)(?: what| who)?|examples?|and then(?: what)?|then what|what then|"
    r"says who|who says(?: so| that)?|what happened(?: then| next| after(?: that)?)?|"
    r"¿?y (?:qué|quién) más|was noch|quoi d'autre)",
    re.IGNORECASE,
)


def ellipsis_of(question: str) -> Ellipsis | None:
    """What is left out of a question that is no whole sentence; None for one that is.

    >>> ellipsis_of("why?"), ellipsis_of("And Beijing's?").rest, ellipsis_of("and the second one?").place
    (Ellipsis(form='wh', rest='why', place=0), "Beijing's", 1)
    """
    text = question.strip().strip("¿?!. ").strip()
    bare = re.sub(r"^(?:and|but|so|ok|okay|well|then|y|e|und|et)\b[\s,]+", "", text, flags=re.IGNORECASE)
    item = _ITEM.fullmatch(text)
    if item:
        return Ellipsis("item", bare, _PLACES[item["n"].casefold()])
    if _MORE.fullmatch(text) or _MORE.fullmatch(bare):
        return Ellipsis("more", bare)
    if _WH_ALONE.fullmatch(bare) and not names(f"x {bare[:1].lower()}{bare[1:]}"):
        return Ellipsis("wh", bare)
    swap = _SWAP.fullmatch(text)
    if swap:
        rest = next(group for group in swap.groups() if group).strip()
        if not _has_verb(rest):
            return Ellipsis("swap", rest)
    if (
        not content_words(text)
        and not pointers(question)
        and not re.match(r"(?:hi|hello|thanks|thank|bye)\b", text, re.IGNORECASE)
    ):
        return Ellipsis("more", bare)
    return None


def _has_verb(text: str) -> bool:
    """Whether words that follow "and" are a question of their own."""
    low = [token.casefold() for token, _ in tokens(text)]
    wh = {
        "who",
        "whom",
        "whose",
        "what",
        "which",
        "when",
        "where",
        "why",
        "how",
        "tell",
        "describe",
        "is",
        "give",
    }
    return any(word in AUXILIARIES for word in low) or bool(wh & set(low[:3]))


_BARE_BEST = re.compile(
    r"\b(?:the|which is|what is|what are) (?:most \w+|least \w+|\w{2,}est|best|worst|only|main)"
    r"(?: (?:ever|in|to|for|among|known|selling|rated|ranked)\b|$)",
    re.IGNORECASE,
)
# Some of these words stand well alone: "how many people live in ...".
_PARTS = RELATIONAL - {"life", "people", "population", "works", "year", "years"}
# A new topic seldom comes in fewer words.
_FEW_WORDS = 3


def may_lean(question: str, spoken_of: str) -> bool:
    """Whether a whole question without pronouns may still lean on what was spoken of.

    "What are the main causes?" asks for a part or side of something that it does not say, "how does
    the drawing work?" for something that it takes as known.
    """
    found = content_words(question)
    if names(question) or not found or set(found) & set(content_words(spoken_of)):
        return False
    body = question.strip().rstrip("?.! ")
    if re.match(r"\W*(?:i|we|you|that|no|yes|it)\b|.*\b(?:my|our)\b", body, re.IGNORECASE):
        return False
    if _BARE_BEST.search(body) and len(found) <= _FEW_WORDS:
        return True
    low = [token.casefold() for token, _ in tokens(body)]
    part = max((i for i, word in enumerate(low) if word in _PARTS), default=None)
    if (
        part is not None
        and len(found) <= _FEW_WORDS + 1
        and not {"of", "for", "about", "behind"} & set(low[part:])
    ):
        return True
    known = re.search(r"\bthe (?:(?!of\b)[\w-]+ )?(?!of\b)[\w-]+\b(?! (?:\w+ )?of\b)", body, re.IGNORECASE)
    return (
        bool(known)
        and len(found) <= _FEW_WORDS
        and not re.match(r"(?:what|who) (?:is|are|was|were) the \S+$", body, re.I)
    )
