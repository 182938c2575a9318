"""A conversation to take away: Markdown, JSON; its citations: BibTeX, CSL-JSON."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rag.datatypes import Citation
from rag.web.markup import plain
from rag.web.render import citation_line
from rag.web.session import Turn
from rag.web.strings import Strings

__all__ = ["FORMATS", "export"]


def export(kind: str, turns: Sequence[Turn], s: Strings) -> dict[str, str]:
    """A file to download.

    Args:
        kind: one of `FORMATS`.
        turns: the conversation.
        s: the words of the interface.

    Returns:
        `name`, `mime` and `text`.
    """
    suffix, mime, write = FORMATS[kind]
    stamp = datetime.now(UTC).strftime("%Y-%m-%d-%H%M")
    return {"name": f"insources-{stamp}.{suffix}", "mime": mime, "text": write(turns, s)}


def markdown(turns: Sequence[Turn], s: Strings) -> str:
    """The conversation to read; nothing in it is taken for markup."""
    blocks = [f"# insources: {s('conversation')}"]
    for turn in turns:
        blocks.append(f"## {_escaped(turn.question)}")
        if turn.understood and turn.understood != turn.question:
            blocks.append(f"*{s('understood')}: {_escaped(turn.understood)}*")
        if turn.answer is None:
            blocks.append(s("problem"))
            continue
        if not turn.answer.found:
            blocks.append(f"**{s('not_found')}.** {s('not_found_text')}")
        for citation in turn.answer.citations or turn.answer.nearest:
            line = turn.lines.get((citation.doc_id, citation.start))
            if not turn.answer.found:
                blocks.append(f"- {s('nearest')}: {_escaped(citation_line(citation, line, s))}")
                continue
            quoted = "\n".join(f"> {_escaped(part)}".rstrip() for part in citation.quote.splitlines())
            blocks.append(f"{quoted}\n>\n> {_escaped(citation_line(citation, line, s))}")
        if turn.answer.found:
            blocks.append(f"{s('confidence_help')}: {s.percent(turn.answer.confidence)}")
    return "\n\n".join(blocks) + "\n"


def as_json(turns: Sequence[Turn], s: Strings) -> str:
    """The conversation with every field of its answers."""
    data = [
        {
            "question": turn.question,
            "understood": turn.understood,
            "asked_at": datetime.fromtimestamp(turn.asked_at, UTC).isoformat(timespec="seconds"),
            "seconds": round(turn.seconds, 4),
            "answer": turn.answer.to_dict() if turn.answer else None,
            "problem": turn.problem.key if turn.problem else None,
        }
        for turn in turns
    ]
    return json.dumps({"conversation": data}, ensure_ascii=False, indent=2) + "\n"


def bibtex(turns: Sequence[Turn], s: Strings) -> str:
    """One `@misc` for each document cited, with the quotes as notes."""
    entries = []
    for citations in _by_document(turns):
        first = citations[0]
        quotes = "; ".join(f"[{_place(c)}] {' '.join(c.quote.split())}" for c in citations)
        fields = {
            "title": "{" + _tex(plain(first.title or first.doc_id)) + "}",
            "howpublished": "{" + _tex(plain(first.doc_id)) + "}",
            **_said(first),
            "note": "{sha256 " + first.sha256 + "}",
            "annote": "{" + _tex(plain(quotes)) + "}",
        }
        body = ",\n".join(f"  {name} = {value}" for name, value in fields.items())
        entries.append(f"@misc{{{_key(first)},\n{body}\n}}\n")
    return "\n".join(entries)


def csl(turns: Sequence[Turn], s: Strings) -> str:
    """One item for each document cited, as CSL-JSON."""
    items = [
        {
            "id": _key(citations[0]),
            "type": "document",
            "title": citations[0].title or citations[0].doc_id,
            **_said_in_csl(citations[0]),
            "archive_location": citations[0].doc_id,
            "note": "sha256 " + citations[0].sha256,
            "annote": "; ".join(f"[{_place(c)}] {c.quote}" for c in citations),
        }
        for citations in _by_document(turns)
    ]
    return json.dumps(items, ensure_ascii=False, indent=2) + "\n"


FORMATS: dict[str, tuple[str, str, Callable[[Sequence[Turn], Strings], str]]] = {
    "markdown": ("md", "text/markdown", markdown),
    "json": ("json", "application/json", as_json),
    "bibtex": ("bib", "application/x-bibtex", bibtex),
    "csl": ("csl.json", "application/vnd.citationstyles.csl+json", csl),
}


def _by_document(turns: Sequence[Turn]) -> list[list[Citation]]:
    """The citations of all answers, by document, each place once."""
    grouped: dict[tuple[str, str], dict[tuple[int, int], Citation]] = {}
    for turn in turns:
        for citation in turn.answer.citations if turn.answer else ():
            place = grouped.setdefault((citation.doc_id, citation.sha256), {})
            place.setdefault((citation.start, citation.end), citation)
    return [[places[key] for key in sorted(places)] for places in grouped.values()]


def _said(citation: Citation) -> dict[str, str]:
    """What the document says of itself, as BibTeX fields; braces keep names as they are written."""
    fields = {"author": citation.author, "organization": citation.source, "date": citation.date_iso}
    if citation.date_iso:
        fields["year"] = citation.date_iso[:4]
    elif citation.date:
        fields["year"] = citation.date
    return {
        name: ("{{" if name == "author" else "{") + _tex(plain(value)) + ("}}" if name == "author" else "}")
        for name, value in fields.items()
        if value
    }


def _said_in_csl(citation: Citation) -> dict[str, object]:
    """The same in CSL-JSON."""
    item: dict[str, object] = {}
    if citation.author:
        item["author"] = [{"literal": citation.author}]
    if citation.source:
        item["publisher"] = citation.source
    if citation.date_iso:
        item["issued"] = {"date-parts": [[int(part) for part in citation.date_iso.split("-")]]}
    elif citation.date:
        item["issued"] = {"literal": citation.date}
    return item


def _place(citation: Citation) -> str:
    page = f"page {citation.page}, " if citation.page is not None else ""
    return f"{page}{citation.start}:{citation.end}"


def _key(citation: Citation) -> str:
    """A citation key: the first words of the title, and a hash that keeps keys apart."""
    name = unicodedata.normalize("NFKD", citation.title or citation.doc_id).encode("ascii", "ignore").decode()
    slug = "-".join(re.findall(r"[a-z0-9]+", name.lower())[:4]) or "document"
    return f"{slug}-{hashlib.sha256((citation.doc_id + citation.sha256).encode()).hexdigest()[:8]}"


_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in " ".join(text.split()))


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+\-.!|~$&])", r"\\\1", plain(text)).replace("\n", " ")
