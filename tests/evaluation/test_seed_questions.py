"""The project's own questions: every gold span is exact, none lies in furniture, the halves are fair."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "seeds"
QUESTIONS = ROOT / "rag" / "evaluation" / "questions"
TEXTS = {path.name: path.read_bytes().decode("utf-8") for path in sorted(SEEDS.glob("00?_*.txt"))}

SPLITS = ("dev", "report")
# kind: (dev, report), as promised in the README beside the questions
COUNTS: dict[str, tuple[int, int]] = {
    "fact": (44, 44),
    "who_said": (20, 20),
    "number": (7, 7),
    "date": (9, 9),
    "reason": (13, 13),
    "list": (9, 10),
    "paraphrase": (13, 12),
    "page_break": (7, 7),
    "spanish": (8, 8),
    "several_articles": (9, 8),
    "casual": (16, 16),
    "keywords": (8, 9),
    "metadata": (4, 4),
    "near_miss": (44, 44),
    "furniture": (12, 12),
    "far_off": (12, 12),
}
FOLLOWUP_COUNTS = {True: (15, 15), False: (15, 15)}
UNANSWERABLE = {"near_miss", "furniture", "far_off"}
NEAR_MISS_SUBKINDS = {"missing_fact", "wrong_premise", "missing_figure", "wrong_date", "absent_entity"}

# What a reader sees is not the article: (doc_id, first words of the region, its last words or None for
# the end of the file). Found by reading; the pipeline must find them without this list.
FURNITURE = (
    ("000_d6cf82728227791b.txt", "This article aggregates information", None),
    ("001_00a0dee1bbca7409.txt", "![](../images/026_", ".jpeg)"),
    ("001_00a0dee1bbca7409.txt", "Subscribers can sign up to Drum Tower", None),
    ("002_54e73b8160326602.txt", "Shutterstock", "Shutterstock"),
    ("002_54e73b8160326602.txt", "Leave a Reply", None),
    ("003_8ef5243a76c53072.txt", "You May Also Like", None),
    ("004_bc08c20ec2ed826b.txt", "Do you have questions about the biggest topics", "our award-winning team."),
    ("004_bc08c20ec2ed826b.txt", "More from South China Morning Post:", None),
)
SPANISH = ("003_8ef5243a76c53072.txt", "Para Washington, los objetivos", "restricciones de inversión.")
PAGE_BREAK = re.compile(r"[^\s.!?]\n\n[a-z]")

STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an the of to in on at by for with from and or is are was were be been did do does has have had what "
        "which who whom whose when where why how it its their his her he she they them this that these those as "
        "not no than more can could would will might must any some between after before during about into over "
        "under many much long",
    )
)


def read_lines(name: str) -> list[dict]:
    lines = (QUESTIONS / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


ROWS = read_lines("seeds.jsonl")
FRESH = read_lines("seeds_fresh.jsonl")
FOLLOWUPS = read_lines("followups.jsonl")
ANSWERABLE = [row for row in ROWS if row["answers"]]


def region(doc_id: str, first: str, last: str | None) -> tuple[int, int]:
    """`[start, end)` of the region that begins with `first` and ends with `last`."""
    text = TEXTS[doc_id]
    start = text.index(first)
    return start, len(text) if last is None else text.index(last, start) + len(last)


def overlaps(one: dict, start: int, end: int) -> bool:
    return one["start"] < end and start < one["end"]


def spans_of(row: dict) -> list[dict]:
    return [*row["answers"], *row.get("evidence", []), *row.get("first_answers", [])]


def content_words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower().replace("’", "'"))) - STOP_WORDS - {"s"}


def related(word: str, other: str) -> bool:
    """Same word, or long words with the same beginning ("diplomacy", "diplomatic")."""
    return word == other or (len(word) > 4 and len(other) > 4 and word[:5] == other[:5])


def test_the_five_articles_are_there() -> None:
    assert [name[:3] for name in TEXTS] == ["000", "001", "002", "003", "004"]


@pytest.mark.parametrize("row", ROWS + FRESH + FOLLOWUPS, ids=lambda row: row["id"])
def test_every_span_equals_its_file(row: dict) -> None:
    for answer in chain(row["answers"], row.get("first_answers", [])):
        assert set(answer) == {"doc_id", "start", "end", "text"}
        assert answer["text"] == TEXTS[answer["doc_id"]][answer["start"] : answer["end"]]
        assert answer["text"] == answer["text"].strip() != ""
    for evidence in row["evidence"]:
        assert set(evidence) == {"doc_id", "start", "end"}
        quote = TEXTS[evidence["doc_id"]][evidence["start"] : evidence["end"]]
        assert quote == quote.strip() != ""
    for answer in row["answers"]:
        assert any(
            evidence["doc_id"] == answer["doc_id"]
            and evidence["start"] <= answer["start"]
            and answer["end"] <= evidence["end"]
            for evidence in row["evidence"]
        ), answer


@pytest.mark.parametrize("row", ROWS + FRESH, ids=lambda row: row["id"])
def test_the_form_of_a_question(row: dict) -> None:
    assert set(row) - {"subkind"} == {"id", "question", "split", "kind", "answers", "evidence"}
    assert row["question"] == row["question"].strip() != ""
    assert row["split"] in SPLITS
    assert row["kind"] in COUNTS
    assert (not row["answers"]) == (row["kind"] in UNANSWERABLE)
    assert bool(row["answers"]) == bool(row["evidence"])
    if row["kind"] == "near_miss":
        assert row["subkind"] in NEAR_MISS_SUBKINDS


@pytest.mark.parametrize("row", FOLLOWUPS, ids=lambda row: row["id"])
def test_the_form_of_a_followup(row: dict) -> None:
    assert set(row) == {
        "id", "first", "followup", "needs_context", "resolved", "split", "answers", "evidence", "first_answers",
    }  # fmt: skip
    assert row["first_answers"], "the first question must be answerable"
    assert row["split"] in SPLITS
    if row["needs_context"]:
        assert row["resolved"] != row["followup"]
    else:
        assert row["followup"].lower().endswith(row["resolved"].lower())


def test_ids_and_questions_are_unique() -> None:
    ids = Counter(row["id"] for row in ROWS + FRESH + FOLLOWUPS)
    assert [row_id for row_id, n in ids.items() if n > 1] == []
    questions = Counter(" ".join(re.findall(r"\w+", row["question"].lower())) for row in ROWS + FRESH)
    assert [question for question, n in questions.items() if n > 1] == []
    pairs = Counter((row["first"], row["followup"]) for row in FOLLOWUPS)
    assert max(pairs.values()) == 1


def test_counts_by_kind_and_split() -> None:
    counted = Counter((row["kind"], row["split"]) for row in ROWS)
    assert {kind: tuple(counted[kind, split] for split in SPLITS) for kind, _ in counted} == COUNTS
    followups = Counter((row["needs_context"], row["split"]) for row in FOLLOWUPS)
    assert {
        need: tuple(followups[need, split] for split in SPLITS) for need, _ in followups
    } == FOLLOWUP_COUNTS


def test_the_fresh_set_is_for_the_report_alone() -> None:
    assert {row["split"] for row in FRESH} == {"report"}
    assert Counter(bool(row["answers"]) for row in FRESH) == {True: 150, False: 80}
    readme = (QUESTIONS / "README.md").read_text(encoding="utf-8")
    for kind, n in Counter(row["kind"] for row in FRESH).items():
        assert re.search(rf"`{kind}` {n}\b", readme), kind


def test_there_are_enough_of_each() -> None:
    n = Counter(row["kind"] for row in ROWS)
    assert len(ANSWERABLE) >= 180
    assert len(ROWS) - len(ANSWERABLE) >= 90
    assert n["near_miss"] >= 60
    assert n["furniture"] >= 14
    assert n["far_off"] >= 16
    assert len(FOLLOWUPS) >= 44
    assert Counter(row["needs_context"] for row in FOLLOWUPS)[True] * 2 == len(FOLLOWUPS)


def test_the_halves_are_balanced() -> None:
    for kind, (dev, report) in COUNTS.items():
        assert abs(dev - report) <= max(2, (dev + report) // 10), kind
    articles = Counter((row["answers"][0]["doc_id"], row["split"]) for row in ANSWERABLE)
    for doc_id in TEXTS:
        assert abs(articles[doc_id, "dev"] - articles[doc_id, "report"]) <= 3, doc_id
    halves = Counter((row["split"], bool(row["answers"])) for row in ROWS)
    assert abs(halves["dev", True] - halves["report", True]) <= 2
    assert abs(halves["dev", False] - halves["report", False]) <= 2


def test_no_fact_is_asked_in_both_halves() -> None:
    """A sentence that answers a development question answers no report question, follow-ups included."""
    used: dict[str, list[dict]] = {split: [] for split in SPLITS}
    for row in ROWS + FOLLOWUPS:
        used[row["split"]] += spans_of(row)
    shared = [
        (one, other)
        for one in used["dev"]
        for other in used["report"]
        if one["doc_id"] == other["doc_id"] and overlaps(one, other["start"], other["end"])
    ]
    assert shared == []


@pytest.mark.parametrize(("doc_id", "first", "last"), FURNITURE)
def test_no_gold_lies_in_furniture(doc_id: str, first: str, last: str | None) -> None:
    start, end = region(doc_id, first, last)
    inside = [
        row["id"]
        for row in ROWS + FRESH + FOLLOWUPS
        for span in spans_of(row)
        if span["doc_id"] == doc_id and overlaps(span, start, end)
    ]
    assert inside == []


def test_no_gold_answer_holds_markup() -> None:
    assert [
        row["id"] for row in ANSWERABLE for answer in row["answers"] if re.search(r"[<>]", answer["text"])
    ] == []


def test_every_paragraph_is_asked_about() -> None:
    """Body lines only: long ones, outside furniture and markup."""
    gold = [evidence for row in ROWS for evidence in row["evidence"]]
    for doc_id, text in TEXTS.items():
        regions = [region(*entry) for entry in FURNITURE if entry[0] == doc_id]
        for match in re.finditer(r"[^\n]{90,}", text):
            start, end = match.span()
            if match[0].startswith("<span") or any(a <= start < b for a, b in regions):
                continue
            asked = any(one["doc_id"] == doc_id and overlaps(one, start, end) for one in gold)
            assert asked, f"{doc_id} [{start}, {end})"


def test_page_break_questions_rest_on_a_broken_sentence() -> None:
    rows = [row for row in ROWS if row["kind"] == "page_break"]
    for row in rows:
        best = row["evidence"][0]
        assert PAGE_BREAK.search(TEXTS[best["doc_id"]][best["start"] : best["end"]]), row["id"]
    assert any("\n\n" in answer["text"] for row in rows for answer in row["answers"])


def test_spanish_questions_are_answered_in_the_spanish_paragraph() -> None:
    start, end = region(*SPANISH)
    for row in ROWS:
        if row["kind"] == "spanish":
            for answer in row["answers"]:
                assert answer["doc_id"] == SPANISH[0]
                assert start <= answer["start"] < answer["end"] <= end


def test_several_articles_means_several_places() -> None:
    for row in ROWS:
        if row["kind"] == "several_articles":
            assert len({answer["doc_id"] for answer in row["answers"]}) > 1, row["id"]


def test_paraphrases_share_no_content_word_with_their_evidence() -> None:
    for row in ROWS:
        if row["kind"] != "paraphrase":
            continue
        for evidence in row["evidence"]:
            quote = content_words(TEXTS[evidence["doc_id"]][evidence["start"] : evidence["end"]])
            shared = {
                word
                for word in content_words(row["question"])
                if any(related(word, other) for other in quote)
            }
            assert not shared, (row["id"], shared)


def test_the_readme_states_the_counts() -> None:
    readme = (QUESTIONS / "README.md").read_text(encoding="utf-8")
    for kind, (dev, report) in COUNTS.items():
        assert re.search(rf"\| `{kind}` \|[^|\n]*\| {dev} \| {report} \| {dev + report} \|", readme), kind
    for split in SPLITS:
        assert f"{sum(row['split'] == split for row in ROWS)} {split}" in readme
