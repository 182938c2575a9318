"""`rag ask` over documents of some dates; `rag index` tells what moved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.cli import main

QUESTION = "Who lobbied the White House?"


def test_ask_keeps_to_the_dates(seed_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(
        ["ask", QUESTION, "--index", str(seed_index), "--since", "2025-10", "--until", "2025-10-23", "--json"]
    )
    answer = json.loads(capsys.readouterr().out)
    shown = [*answer["citations"], *answer["nearest"]]
    assert shown
    assert {c["doc_id"] for c in shown} == {"001_00a0dee1bbca7409.txt"}
    assert {(c["date"], c["date_iso"]) for c in shown} == {("October 23rd 2025", "2025-10-23")}
    assert answer["filter"] == "since 2025-10; until 2025-10-23"


def test_ask_where_nothing_matches(seed_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", QUESTION, "--index", str(seed_index), "--since", "2050"]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("not in sources\n")
    assert "why: no document matches the filter (since 2050): none of 5 was searched" in shown


def test_ask_with_a_bad_date(seed_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", QUESTION, "--index", str(seed_index), "--until", "yesterday"]) == 2
    assert "until is 'yesterday'; expected a date such as 2024-05-31" in capsys.readouterr().err


def test_index_tells_what_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, place = tmp_path / "texts", tmp_path / "index"
    folder.mkdir()
    (folder / "a.txt").write_text("The bridge was opened in 1932 by Mary Adams.\n")
    command = ["index", str(folder), "--index", str(place)]
    assert main(command) == 0
    (folder / "a.txt").rename(folder / "b.txt")
    assert main([*command, "--check"]) == 0
    shown = capsys.readouterr()
    assert "moved: a.txt to b.txt" in shown.err
    assert "0 added, 0 changed, 0 removed, 1 moved, 0 unchanged" in shown.out
