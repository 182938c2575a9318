"""What the conversation looks like: turns to HTML, through `tag` and nothing else."""

from __future__ import annotations

from rag.citation import same_words, says
from rag.datatypes import Answer, Citation
from rag.web.markup import Html, plain, tag
from rag.web.session import Problem, Turn
from rag.web.strings import Strings

__all__ = ["answer_html", "citation_line", "place", "question_html", "short_of", "welcome_html"]

_STRONG, _FAIR = 0.85, 0.6


def place(citation: Citation, line: int | None, s: Strings) -> str:
    """Where a citation is, for people: its page or line, else its characters."""
    if citation.page is not None:
        return s("page", n=citation.page)
    if line is not None:
        return s("line", n=s.number(line))
    return characters(citation, s)


def characters(citation: Citation, s: Strings) -> str:
    """The exact place, `[start, end)` in characters."""
    return s("characters", start=s.number(citation.start), end=s.number(citation.end))


def name_of(citation: Citation) -> str:
    """The document's title, or its path where it has none."""
    return plain(citation.title or citation.doc_id)


def short_of(citation: Citation) -> str | None:
    """The short answer in a citation's own words."""
    if citation.highlight is None:
        return None
    start, end = (offset - citation.start for offset in citation.highlight)
    return citation.quote[start:end] if 0 <= start < end <= len(citation.quote) else None


def citation_line(citation: Citation, line: int | None, s: Strings) -> str:
    """The source as it follows a copied quote."""
    said = [plain(part) for part in (citation.author, citation.source, citation.date) if part]
    parts = [name_of(citation), *said, *([plain(citation.doc_id)] if citation.title else [])]
    parts += [place(citation, line, s)] if citation.page is not None or line is not None else []
    return "— " + ", ".join([*parts, characters(citation, s), f"sha256 {citation.sha256[:12]}"])


def question_html(turn: Turn, s: Strings) -> str:
    """The question as asked."""
    return tag(
        "div",
        tag("span", s("you_asked") + ": ", class_="sr"),
        tag("span", turn.question, class_="q", dir="auto"),
        class_="turn-q",
        data_turn=turn.number,
    )


def answer_html(turn: Turn, s: Strings, feedback: bool = False) -> str:
    """An answer, a refusal or a problem."""
    if turn.answer is None:
        return _problem(turn.problem or Problem("error_internal"), s)
    return (
        _found(turn, turn.answer, s, feedback)
        if turn.answer.found
        else _refused(turn, turn.answer, s, feedback)
    )


def _found(turn: Turn, answer: Answer, s: Strings, feedback: bool) -> str:
    first, *others = answer.citations
    same = [c for c in others if _squeezed(c.quote) == _squeezed(first.quote)]
    further = [c for c in others if c not in same]
    number = {id(c): i for i, c in enumerate([first, *same, *further], start=1)}
    chips = [_chip(turn, c, number[id(c)], s) for c in [first, *same]]
    folded = None
    if further:
        title = s("more_one") if len(further) == 1 else s("more_many", n=len(further))
        rows = [_further(turn, c, number[id(c)], answer, s) for c in further]
        folded = tag("details", tag("summary", title), tag("ul", *rows), class_="more")
    return tag(
        "article",
        _understood(turn, s),
        tag(
            "figure",
            tag("blockquote", *_quote(first), class_="quote", dir="auto"),
            tag(
                "figcaption",
                *chips,
                tag("span", s("same_words"), class_="agree") if same else None,
                class_="cites",
            ),
        ),
        folded,
        _filtered(answer, s),
        _caption(turn, answer, s),
        tag("div", _copy(turn, first, s), _link(turn, s), _feedback(turn, s, feedback), class_="acts"),
        class_="ans found",
        aria_label=s("answer"),
        data_turn=turn.number,
    )


def _refused(turn: Turn, answer: Answer, s: Strings, feedback: bool) -> str:
    rows = [
        tag(
            "li",
            _chip(turn, c, i, s),
            tag("span", _shortened(c.quote), class_="glimpse", dir="auto"),
        )
        for i, c in enumerate(answer.nearest[:3], start=1)
    ]
    nearest = (
        tag("div", tag("p", s("nearest"), class_="label"), tag("ul", *rows), class_="near") if rows else None
    )
    score = s("not_found_score", percent=s.percent(answer.confidence))
    why = None
    if answer.reason:
        why = tag("details", tag("summary", s("why")), tag("p", answer.reason, lang="en"), class_="more")
    return tag(
        "article",
        _understood(turn, s),
        tag("p", tag("span", "∅", class_="sign", aria_hidden="true"), s("not_found"), class_="headline"),
        tag("p", s("not_found_text") + " ", tag("span", score, class_="dim")),
        nearest,
        _filtered(answer, s),
        tag("p", s("advice"), class_="dim"),
        why,
        tag("p", _took(turn, s), class_="meta"),
        tag("div", _link(turn, s), _feedback(turn, s, feedback), class_="acts"),
        class_="ans refused",
        aria_label=s("not_found"),
        data_turn=turn.number,
    )


def _problem(problem: Problem, s: Strings) -> str:
    values = {k: s.number(v) if isinstance(v, int) else v for k, v in problem.values.items()}
    return tag(
        "article",
        tag("p", tag("span", "!", class_="sign", aria_hidden="true"), s("problem"), class_="headline"),
        tag("p", s(problem.key, **values)),
        tag("p", s("error_id", id=problem.error_id), class_="dim") if problem.error_id else None,
        class_="ans problem",
        aria_label=s("problem"),
    )


def welcome_html(examples: list[str], s: Strings) -> str:
    """What stands in an empty conversation."""
    rows = [
        tag("li", tag("button", example, type="button", class_="example", dir="auto")) for example in examples
    ]
    offered = (
        tag("div", tag("p", s("try"), class_="label"), tag("ul", *rows), class_="examples") if rows else None
    )
    return tag(
        "section",
        tag("h2", s("welcome_title")),
        tag("p", s("welcome_text")),
        offered,
        class_="welcome",
        aria_label=s("welcome_title"),
    )


def _quote(citation: Citation) -> list[str]:
    """The quote's pieces with the short answer marked; together they are exactly the quote."""
    short = short_of(citation)
    if citation.highlight is None or short is None:
        return [citation.quote]
    start, end = (offset - citation.start for offset in citation.highlight)
    return [citation.quote[:start], tag("strong", short), citation.quote[end:]]


def _chip(turn: Turn, citation: Citation, number: int, s: Strings) -> Html:
    line = turn.lines.get((citation.doc_id, citation.start))
    where = place(citation, line, s)
    return tag(
        "button",
        tag("span", str(number), class_="n"),
        tag("span", tag("bdi", name_of(citation)), class_="t"),
        tag("span", where, class_="w"),
        type="button",
        class_="cite",
        aria_label=s("open_source", n=number, title=name_of(citation), place=where),
        title=plain(_shortened(citation.quote)),
        data_turn=turn.number,
        data_doc=citation.doc_id,
        data_sha=citation.sha256,
        data_s=citation.start,
        data_e=citation.end,
        data_hs=citation.highlight[0] if citation.highlight else None,
        data_he=citation.highlight[1] if citation.highlight else None,
        data_cite=citation_line(citation, line, s),
    )


def _further(turn: Turn, citation: Citation, number: int, answer: Answer, s: Strings) -> Html:
    agrees = says(same_words(citation.quote), same_words(answer.short or ""))
    label = s("same_answer", short=answer.short) if agrees else s("other_answer")
    return tag(
        "li",
        _chip(turn, citation, number, s),
        tag("span", label, class_="agree" if agrees else "differ"),
        tag("blockquote", *_quote(citation), class_="quote small", dir="auto"),
    )


def _caption(turn: Turn, answer: Answer, s: Strings) -> Html:
    band = "strong" if answer.confidence >= _STRONG else "fair" if answer.confidence >= _FAIR else "weak"
    return tag(
        "p",
        tag("span", class_=f"bar {band}", aria_hidden="true"),
        tag("span", f"{s(band)} · {s.percent(answer.confidence)}", class_="band", title=s("confidence_help")),
        tag("span", " · ", class_="sep"),
        _took(turn, s),
        class_="meta",
    )


def _took(turn: Turn, s: Strings) -> Html:
    if turn.seconds < 1:
        shown = s("took", ms=max(1, round(turn.seconds * 1000)))
    else:
        shown = s("took_s", s=f"{turn.seconds:.1f}")
    return tag("span", shown, class_="took")


def _understood(turn: Turn, s: Strings) -> Html | None:
    if not turn.understood or turn.understood == turn.question:
        return None
    return tag("p", s("understood") + ": ", tag("q", turn.understood, dir="auto"), class_="understood")


def _filtered(answer: Answer, s: Strings) -> Html | None:
    """That not all documents were asked."""
    return tag("p", s("filtered") + ": ", tag("bdi", answer.filter), class_="dim") if answer.filter else None


def _copy(turn: Turn, citation: Citation, s: Strings) -> Html:
    line = turn.lines.get((citation.doc_id, citation.start))
    return tag(
        "button", s("copy"), type="button", class_="act copy", data_cite=citation_line(citation, line, s)
    )


def _link(turn: Turn, s: Strings) -> Html:
    return tag("button", s("link"), type="button", class_="act link", data_q=turn.question[:500])


def _feedback(turn: Turn, s: Strings, on: bool) -> Html | None:
    if not on or turn.answer is None:
        return None
    kinds = ("right", "wrong", "missed") if turn.answer.found else ("right", "missed")
    buttons = [
        tag("button", s(f"feedback_{k}"), type="button", class_="act fb", data_kind=k, data_turn=turn.number)
        for k in kinds
    ]
    return tag("span", tag("span", s("feedback"), class_="dim"), *buttons, class_="fbs", role="group")


def _squeezed(text: str) -> str:
    return " ".join(text.split()).casefold()


def _shortened(text: str, limit: int = 220) -> str:
    """The beginning of a passage, cut at a word."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[:limit].rsplit(" ", 1)[0] + " …"
