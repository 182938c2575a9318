"""What a document says of itself (title, subtitle, author, date) as one more passage to read.

Such lines stand at the head or the foot of a document, in no sentence, and share no words with a question such
as "Who wrote the article on the truce?". For questions of that kind they are put into words, each value still
mapped to its own characters in the document, and read beside the chunks that were found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from rag.chunking import chunk_id
from rag.cleaning import MappedText, search_copy
from rag.cleaning.language import question_language
from rag.datatypes import Chunk, Document, Span
from rag.retriever import Hit
from rag.stores.tokens import DEFAULT_LANGUAGE, TermMaker

__all__ = ["asked_fields", "imprint", "topic_missing", "value_at", "with_imprint"]

# What such questions say of any document; the other words say which one is meant.
_OF_ANY = frozenset(
    "article piece story report post column blog text page paper essay editorial commentary analysis opinion feature "
    "document news newspaper magazine outlet journal website site publication publisher agency author authored byline "
    "columnist journalist reporter writer wrote write writes written writing penned title titled entitled subtitle "
    "headline subheading standfirst name called call carry carries bear published publish publishes posted post "
    "updated appear appeared dated date released issued filed day month year time covers cover covering discussing "
    "discusses describing describes explaining explains says tells told titles "
    "escribió escrito autor autora artículo noticia texto título subtítulo titular titula publicado publicada publicó "
    "fecha firma écrit auteur auteure autrice titre publié publiée paru parue texte geschrieben schrieb autorin "
    "verfasst verfasser artikel beitrag bericht untertitel überschrift titel veröffentlicht erschien "
    "erschienen datum".split()
)
# So much of a document is looked through for what it is about.
_REACH = 100_000

# How each value is said; the reader learnt from sentences.
_SAID = {
    "title": ("The title (headline) of the article is “", "”. "),
    "subtitle": ("Its subtitle is “", "”. "),
    "author": ("The author who wrote it is ", ". "),
    "date": ("It was published on ", ". "),
    "source": ("It appeared in ", ". "),
}

_NOUN = r"(?:article|piece|story|report|post|column|blog|text|page|essay|editorial|commentary)"
# What is asked for, in English, Spanish, French, German and Chinese.
_ASKS = {
    "author": r"\b(?:authors?|(?:co-?)?authored|by-?lines?|columnists?|penned|written by|"
    r"who(?:\s\w+){0,2} (?:wrote|writes|written)|escribió|escrito|autora?|firma|écrit|auteure?|autrice|"
    r"geschrieben|schrieb|autorin|verfasst|verfasser)\b"
    r"|作者|撰写",
    "title": r"\b(?:titles?|titled|entitled|headlines?|título|titular|titula|titre|überschrift|titel)\b|标题|题目",
    "subtitle": r"\b(?:sub-?titles?|sub-?headlines?|sub-?headings?|standfirst|subtítulo|sous-titre|untertitel)\b",
    "date": r"\b(?:when|date|day|month|year)\b.*\b(?:publish|post|writ|updat|appear|dated|releas|issu|filed)"
    r"|\b(?:publication|publishing|posting) date\b"
    rf"|\bdate\b.*\b{_NOUN}\b|\b{_NOUN}\b.*\bdate[ds]?\b"
    r"|\b(?:publicad|publicó|publié|paru|veröffentlicht|erschien)|发表|刊登",
    "source": r"\b(?:which|what) "
    r"(?:news(?:paper|site)?|paper|magazine|outlet|journal|(?:web)?site|publication|publisher)\b",
}
_ASKED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _ASKS.items()}


def asked_fields(question: str) -> frozenset[str]:
    """What of a document itself a question may ask for; nothing where it is about what the document tells.

    >>> sorted(asked_fields("Who wrote the article on the truce?")), asked_fields("Who broke the truce?")
    (['author'], frozenset())
    """
    return frozenset(name for name, pattern in _ASKED.items() if pattern.search(question))


class Imprint(NamedTuple):
    """What a document says of itself.

    Attributes:
        chunk: in words, each value mapped to its own characters in the document.
        values: name and place of each, in the document's order.
    """

    chunk: Chunk
    values: list[tuple[str, Span]]


def imprint(document: Document) -> Imprint | None:
    """A document's title, subtitle, author, date and source in words; None where its text holds none of them.

    >>> text = "Low tide\\nBy Jane Doe\\n\\nThe harbour fell dry."
    >>> imprint(Document("a.txt", text, "", title="Low tide", author="Jane Doe")).chunk.text
    'The title (headline) of the article is “Low tide”. The author who wrote it is Jane Doe.'
    """
    values = _values(document)
    if not values:
        return None
    text, breakpoints = "", [(0, values[0][1].start)]
    for name, span in values:
        before, after = _SAID[name]
        copy = search_copy(document.text, span)
        # A label is no part of the document: it maps to the empty span where its value begins.
        text += before
        breakpoints += [(len(text), breakpoints[-1][1]), (len(text), span.start)]
        breakpoints += [(len(text) + at, raw) for at, raw in copy.breakpoints]
        text += copy.text
        breakpoints += [(len(text), span.end), (len(text) + len(after), span.end)]
        text += after
    text = text.rstrip()
    offsets = tuple(dict.fromkeys((min(at, len(text)), raw) for at, raw in breakpoints))
    whole = Span(values[0][1].start, values[-1][1].end)
    known_as = chunk_id(document.doc_id, whole, text)
    return Imprint(Chunk(known_as, document.doc_id, 0, 0, whole, text, offsets), values)


def value_at(hit: Hit, start: int, end: int) -> Span | None:
    """The whole value that `[start, end)` of an imprint's text touches, if it is one that was asked for."""
    span = MappedText(hit.chunk.text, hit.chunk.offsets).to_raw(start, end)
    touched = [one for one in hit.imprint if len(span) and one[0].overlaps(span)]
    return touched[0][0] if len(touched) == 1 and touched[0][1] else None


def with_imprint(question: str, hits: Sequence[Hit], documents: Mapping[str, Document]) -> list[Hit]:
    """The hits, and where the question may be about a document itself, the imprint of the best one's document.

    Of that one only: who wrote another article on the same matter is no answer.

    Args:
        question: as asked.
        hits: the chunks to read, best first.
        documents: by doc_id.
    """
    asked = asked_fields(question)
    found = imprint(documents[hits[0].chunk.doc_id]) if asked and hits else None
    if found is None or asked.isdisjoint(name for name, _ in found.values):
        return list(hits)
    values = tuple((span, name in asked) for name, span in found.values)
    return [*hits, replace(hits[0], chunk=found.chunk, imprint=values)]


def topic_missing(question: str, document: Document) -> int:
    """How many of the words that say which document is meant the document lacks.

    >>> document = Document("a.txt", "By Jane Doe. The tides fell.", "", language="en")
    >>> topic_missing("Who wrote the story about tides and smugglers?", document)
    1
    """
    language = document.language or DEFAULT_LANGUAGE
    terms = TermMaker.for_languages({language, question_language(question) or language})
    there = terms.of_passage(f"{document.title or ''} {document.text[:_REACH]}", language)
    wanted = zip(terms.content(question), terms.by_word(question), strict=True)
    return sum(word not in _OF_ANY and there.isdisjoint(stems) for word, stems in wanted)


def _values(document: Document) -> list[tuple[str, Span]]:
    """Name and place of each value that the text holds, in its order, none within another."""
    text, kinds = document.text, document.sentence_kinds
    titles = [s for s, kind in zip(document.sentences, kinds, strict=False) if kind == "title"]
    found = []
    if titles and document.title and search_copy(text, titles[0]).text in document.title:
        found.append(("title", titles[0]))
        after = document.sentences.index(titles[0]) + 1
        if after < len(kinds) and kinds[after] == "heading":
            found.append(("subtitle", document.sentences[after]))
    else:
        found += _place("title", document.title, text)
    for name, kind, value in (
        ("author", "byline", document.author),
        ("date", "date", document.date),
        ("source", "", document.source),
    ):
        lines = [s for s, k in zip(document.sentences, kinds, strict=False) if k == kind]
        found += _place(name, value, text, lines)
    apart: list[tuple[str, Span]] = []
    for name, span in sorted(found, key=lambda f: (f[1].start, -f[1].end)):
        if not apart or span.start >= apart[-1][1].end:
            apart.append((name, span))
    return apart


def _place(name: str, value: str | None, text: str, lines: Sequence[Span] = ()) -> list[tuple[str, Span]]:
    """A value where it stands: in one of the lines that state such a thing, else in the text first."""
    if not value:
        return []
    for within in (*lines, Span(0, len(text))):
        at = text.find(value, within.start, within.end)
        if at >= 0:
            return [(name, Span(at, at + len(value)))]
    return []
