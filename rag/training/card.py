"""The model card, from what the run and the scores say."""

from __future__ import annotations

from typing import Any

__all__ = ["SOURCES", "model_card"]

SOURCES: dict[str, dict[str, str]] = {
    "squad2": {
        "name": "SQuAD 2.0 train (Rajpurkar et al. 2018, arXiv:1806.03822), without guessed offsets",
        "licence": "CC BY-SA 4.0",
    },
    "qed": {
        "name": "QED (Lamm et al. 2021, arXiv:2009.06354): Natural Questions users' questions",
        "licence": "CC BY-SA 3.0",
    },
    "qamr": {
        "name": "QAMR (Michael et al. 2018, arXiv:1711.05885), its Wikinews sentences only",
        "licence": "MIT",
    },
    "written": {
        "name": "articles and questions written for this project by a language model (`rag/training/written/`), "
        "each shown several times an epoch",
        "licence": "Apache-2.0",
    },
}
"""What a source's name stands for."""

_LABELS = (
    ("best_f1", "best F1 (threshold chosen on the same questions)"),
    ("HasAns_exact", "exact match, answerable questions"),
    ("HasAns_f1", "F1, answerable questions"),
    ("auroc_margin", "answerable AUROC, span minus no answer"),
    ("auroc_head", "answerable AUROC, head `answerable`"),
    ("auroc_both", "answerable AUROC, both together"),
)


def model_card(about: dict[str, Any]) -> str:
    """Markdown for people, from what `reader.json` says for programs."""
    run = about.get("run", {})
    scores = about.get("scores", {})
    columns = [c for c in ("fp32", "int8") if c in scores]
    lines = [
        "# insources reader",
        "",
        "Reads a question and a passage together and gives the span that answers, a score for "
        '"no answer here" and a second opinion on whether there is an answer at all. '
        "BERT, 6 layers, 384 wide; int8 ONNX; English.",
        "",
        "## Files",
        "| file | bytes | sha256 |",
        "|---|---|---|",
        *(f"| `{n}` | {f['bytes']:,} | `{f['sha256']}` |" for n, f in about["files"].items()),
        "",
        "## Inputs and outputs",
        "`[CLS] question [SEP] passage [SEP]`, with token types 0 and 1, lowercase WordPiece; "
        f"at most {about['max_tokens']} tokens (trained on windows of up to 256).",
        "",
        "- `start_logits`, `end_logits` (windows, tokens): unnormalised, comparable across passages; "
        'position 0 is "no answer".',
        "- `answerable` (windows): logit that the passage answers.",
        "",
        "## Data",
        "| source | licence | questions | answerable |",
        "|---|---|---|---|",
    ]
    for name, counts in run.get("data", {}).items():
        known = SOURCES.get(name, {"name": name, "licence": "-"})
        lines.append(
            f"| {known['name']} | {known['licence']} | {counts['questions']:,} | {counts['answerable']:,} |"
        )
    lines += [
        "",
        "Easy negatives are questions of these sources with paragraphs of theirs that BM25 ranks high "
        "and that lack the answer. Articles with near copies of SQuAD dev paragraphs are left out, and "
        "every paragraph that shares many 8-word sequences with a tuning one. No news site's text was used.",
        "",
        "## Recipe",
    ]
    lines += [f"- {k}: {v}" for k, v in run.get("recipe", {}).items()]
    if scores:
        lines += [
            "",
            "## Scores",
            f"SQuAD 2.0 dev, the 16 articles kept for tuning; n = {scores.get('n', '?'):,}. They chose the "
            "threshold and nothing else was trained on them.",
            "",
            f"| | {' | '.join(columns)} |",
            f"|---|{'---|' * len(columns)}",
        ]
        for key, label in _LABELS:
            lines.append(f"| {label} | {' | '.join(f'{scores[c][key]:.4g}' for c in columns)} |")
    lines += [
        "",
        "## Limits",
        "- English; other scripts are read letter by letter and give nothing of use.",
        "- Trained on encyclopedia paragraphs, a little news and invented articles; headings, captions and "
        "menus should be cleaned away before.",
        "- Where the thing asked for is missing, a span of the right kind can still score well: decide "
        "on calibrated scores, never on the best span alone.",
        "- Activations are quantised a run at a time: read windows one by one, as this package does, and "
        "each window's scores are its own.",
        "- Weights are derived from data under CC BY-SA; see the licences above.",
    ]
    return "\n".join(lines) + "\n"
