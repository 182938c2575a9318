"""Tables and JSON lines: each record is a text of its own."""

from __future__ import annotations

import json
from itertools import pairwise

from rag.assembly import make_document
from rag.formats import ParseOptions
from rag.formats.json_lines import parse as read_lines
from rag.formats.table import parse as read_table

PLAIN = ParseOptions()


def test_each_row_is_read_by_itself() -> None:
    data = (
        b"id,title,text\n1,Lamp,The lamp shines for ninety hours on one charge.\n"
        b'2,Site,"Bought it twice.\nYou may also like\nThe red one"\n'
        b"3,Kettle,The kettle of Wolfram boils in four minutes.\n4,Chair,carries 140 kilos\n"
    )
    parsed = read_table(data, PLAIN)
    assert [parsed.text[start:].split("\n")[0] for start in parsed.records] == [
        "## Lamp [1]", "## Site [2]", "## Kettle [3]", "## Chair [4]"
    ]  # fmt: skip
    document = make_document("a.csv", parsed, "")
    quotable = [sentence.of(parsed.text) for sentence in document.sentences]
    assert "Bought it twice." in quotable
    assert quotable[-4:] == [
        "Kettle [3]", "The kettle of Wolfram boils in four minutes.", "Chair [4]", "carries 140 kilos"
    ]  # fmt: skip
    assert "You may also like" not in quotable
    assert "The red one" not in quotable


def test_rows_of_the_same_name_do_not_run_into_one_another() -> None:
    row = "Review,The buckle of the belt broke when I put it on and I sent the whole thing\n"
    rest = "Review,back came another one of the same kind that has held to this day.\n"
    parsed = read_table(("title,text\n" + 3 * row + rest).encode(), PLAIN)
    document = make_document("a.csv", parsed, "")
    records = [*parsed.records, len(parsed.text)]
    assert document.sentences
    assert all(any(a <= s.start and s.end <= b for a, b in pairwise(records)) for s in document.sentences)


def test_short_news_after_long_ones_are_no_list_of_headlines() -> None:
    long = (
        "The council of the town decided on Tuesday after a long debate that the northern pier shall be rebuilt "
        "by the winter of 2031 with money of the state and of the port, and by {} men."
    )
    short = {
        "Lund wins the regatta after eleven years of trying": "Captain Aldous sails the last mile in nine minutes",
        "New bridge over the Sound opens to all traffic": "Toll for each car is set at forty crowns by Borman",
        "Bakers of the harbour quarter go on strike again": "Union led by Quillon demands eleven crowns more",
    }
    rows = [(f"Council number {n} decides to rebuild pier", long.format(90 + n)) for n in range(3)]
    lines = [json.dumps({"title": title, "text": text}) for title, text in (*rows, *short.items())]
    parsed = read_lines("\n".join(lines).encode(), PLAIN)
    assert len(parsed.records) == 6
    document = make_document("a.jsonl", parsed, "")
    quotable = {sentence.of(parsed.text) for sentence in document.sentences}
    assert quotable >= {*short, *short.values()}


def test_columns_that_no_filter_sees_are_named() -> None:
    plain = read_table(b"id,price,text\n1,9,The lamp shines.\n", PLAIN)
    assert plain.notes == ()
    table = read_table(b"id,Author,date,text\n1,A. Moor,2024-01-02,The lamp shines.\n", PLAIN)
    lines = read_lines(b'{"Author": "A. Moor", "date": "2024-01-02", "text": "The lamp shines."}', PLAIN)
    for parsed in (table, lines):
        assert parsed.notes == (
            "'Author', 'date' can be read and quoted with each record, but are no title, author or date to filter by; "
            "for that, make each record a file",
        )
        assert "author: A. Moor; date: 2024-01-02" in parsed.text
