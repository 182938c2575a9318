"""A page of every wrong answer and wrong refusal, for whoever wants to improve corpus or code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rag.evaluation.records import STAGES

__all__ = ["errors_page"]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
article { border-left: 4px solid #c8641e; padding: .2rem 1rem; margin: 1.2rem 0; }
article.refusal { border-color: #2f6f9f; }
h3 { margin: .2rem 0; font-size: 1rem; }
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .15rem .8rem; margin: .4rem 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
mark { padding: 0 .1em; } nav a { margin-right: 1rem; }
"""


def errors_page(runs: Sequence[Mapping[str, Any]]) -> str:
    """HTML, complete in itself: no script, nothing loaded. All text is escaped.

    Args:
        runs: of a report, with their records.
    """
    parts = []
    for number, run in enumerate(run for run in runs if run["kind"] == "questions"):
        wrong = [record for record in run.get("records", ()) if record["stage"]]
        parts.append(f"<h2>{escape(run['name'])}</h2>")
        parts.append(f"<p>{len(wrong)} of {len(run.get('records', ()))} questions went wrong.</p>")
        groups = {stage: [r for r in wrong if r["stage"] == stage] for stage in STAGES}
        links = [
            f'<a href="#{_anchor(number, stage)}">{escape(stage)} ({len(group)})</a>'
            for stage, group in groups.items()
            if group
        ]
        parts.append(f"<nav>{''.join(links)}</nav>")
        for stage, group in groups.items():
            if not group:
                continue
            parts.append(
                f'<h2 id="{_anchor(number, stage)}">{escape(stage)}</h2><p>{escape(STAGES[stage])}</p>'
            )
            # The surest mistakes first: they are the ones that a threshold can't mend.
            parts.extend(_article(r) for r in sorted(group, key=lambda r: -r["confidence"]))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>What went wrong</title><style>{_STYLE}</style></head><body><h1>What went wrong</h1>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _anchor(number: int, stage: str) -> str:
    return f"run{number}-{stage.replace(' ', '-')}"


def _article(record: Mapping[str, Any]) -> str:
    rows = [
        ("gold", " / ".join(dict.fromkeys(record["golds"])) or "(not in sources)"),
        ("said" if record["found"] else "would have said", record["short"] or "(nothing)"),
    ]
    place = f"{record['doc_id']} [{record['start']}, {record['end']})" if record["doc_id"] else "-"
    scores = [f"confidence {record['confidence']:.3f}", f"F1 {record['candidate_f1']:.2f}"]
    if record["score"] is not None:
        scores.append(f"score {record['score']:+.2f}")
    ranks = [
        f"quote that holds the answer: {record['evidence'] or 'none'}",
        f"document: {record['doc_rank'] or 'none'}",
        f"passage: {record['passage_rank'] or 'none'} (read: {record['n_read']})",
    ]
    rest = [("place", place), ("scores", ", ".join(scores)), ("ranks", "; ".join(ranks))]
    if record["reason"]:
        rest.append(("reason", record["reason"]))
    kind = "refusal" if not record["found"] else "answer"
    return (
        f'<article class="{kind}"><h3>{escape(record["question"])}</h3><dl>'
        + "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in rows)
        + f"<dt>quote</dt><dd>{_marked(record)}</dd>"
        + "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in rest)
        + f"<dt>question</dt><dd>{escape(record['query_id'])}, {escape(record['kind'])}, "
        + f"{escape(record['outcome'])}</dd></dl></article>"
    )


def _marked(record: Mapping[str, Any]) -> str:
    """The quote with the short answer marked where it first stands; the record keeps no place for it."""
    quote, short = record["quote"], record["short"]
    at = quote.find(short) if short else -1
    if at < 0:
        return escape(quote) or "-"
    return f"{escape(quote[:at])}<mark>{escape(short)}</mark>{escape(quote[at + len(short) :])}"
