"""The command as a person types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rag.cli import main
from rag.reader import BUNDLED_READER

ROOT = Path(__file__).resolve().parents[2]


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as from a shell."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "rag", *args], capture_output=True, text=True, cwd=cwd, env=env, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "bridge.txt").write_text(
        "The old bridge was opened in 1932 by Mayor Adams. It is 300 metres long.\n"
    )
    (docs / "tower.txt").write_text("The tower was designed by Lena Ortiz. It burned down in 1951.\n")
    return docs


def test_index_then_ask(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = str(tmp_path / "i")
    assert main(["index", str(folder), "--index", index]) == 0
    assert "2 documents" in capsys.readouterr().out

    assert main(["ask", "Who designed the tower?", "--index", index]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The tower was designed by Lena Ortiz.")
    assert "tower.txt [0:" in out

    assert main(["ask", "Who designed the tower?", "--index", index, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["found"] is True
    citation = answer["citations"][0]
    text = (folder / citation["doc_id"]).read_text(encoding="utf-8")
    assert text[citation["start"] : citation["end"]] == citation["quote"] == answer["text"]
    assert answer["short"] == "Lena Ortiz"


def test_not_in_sources_is_exit_status_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = str(tmp_path / "i")
    main(["index", str(folder), "--index", index])
    capsys.readouterr()
    assert main(["ask", "What is the capital of Mongolia?", "--index", index]) == 1
    out = capsys.readouterr().out
    assert out.startswith("not in sources\n")
    assert "nearest:" in out
    assert "why:" in out


def test_documents_narrow_the_search(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = str(tmp_path / "i")
    main(["index", str(folder), "--index", index])
    capsys.readouterr()
    assert main(["ask", "What did Lena Ortiz design?", "--index", index]) == 0
    capsys.readouterr()
    for question in ("Who designed the tower?", "What did Lena Ortiz design?"):
        assert main(["ask", question, "--index", index, "--documents", "bridge*"]) == 1
    assert "tower.txt" not in capsys.readouterr().out
    assert main(["ask", "Who designed the tower?", "--index", index, "--documents", "nothing*"]) == 2
    assert "nothing*" in capsys.readouterr().err


def test_the_index_mirrors_the_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = str(tmp_path / "i")
    main(["index", str(folder), "--index", index])
    (folder / "tower.txt").unlink()
    (folder / "ship.txt").write_text("The ship sank in 1899 off Cape Horn.\n")
    capsys.readouterr()
    assert main(["index", str(folder), "--index", index]) == 0
    out = capsys.readouterr().out
    assert "1 added, 0 changed, 1 removed, 1 unchanged" in out
    for question in ("Who designed the tower?", "What did Lena Ortiz design?"):
        assert main(["ask", question, "--index", index]) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["ask", ""], "empty"),
        (["ask", "   "], "empty"),
        (["ask", "x" * 2001], "2,001 characters"),
        (["ask", "who?", "--index", "nowhere"], "rag index"),
        (["index", "no-such-folder"], "no-such-folder"),
        (["ask", "who?", "--min-confidence", "7"], "probability"),
    ],
)
def test_a_mistake_is_one_clear_line(
    args: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(args) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("rag: ")
    assert err.count("\n") == 1


def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["index", str(tmp_path / "empty"), "--index", str(tmp_path / "i")]) == 2
    assert "empty" in capsys.readouterr().err


def test_the_last_file_leaves(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = str(tmp_path / "i")
    main(["index", str(folder), "--index", index])
    for path in list(folder.iterdir()):
        path.unlink()
    capsys.readouterr()
    assert main(["index", str(folder), "--index", index]) == 0
    assert "holds no document now" in capsys.readouterr().out
    assert main(["ask", "Who designed the tower?", "--index", index]) == 1
    said = capsys.readouterr().out
    assert said.startswith("not in sources")
    assert "the index holds no document" in said
    (folder / "bad.txt").write_bytes(b"\0")
    assert main(["index", str(folder), "--index", index]) == 0
    assert "not read: bad.txt: NUL byte" in capsys.readouterr().err
    main(["doctor", "--index", index])
    told = capsys.readouterr().out
    assert "0 documents" in told
    assert "not read: bad.txt: NUL byte" in told


def test_first_use_builds_the_index_and_says_so(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "project"
    place.mkdir()
    shutil.copytree(folder, place / "seeds")
    done = run("ask", "Who designed the tower?", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "first use: building" in done.stderr
    assert done.stdout.startswith("The tower was designed by Lena Ortiz.")
    again = run("ask", "Who designed the tower?", cwd=place)
    assert "first use" not in again.stderr


def test_doctor(seed_index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--index", str(seed_index)]) == 0
    out = capsys.readouterr().out
    assert "sha256 as expected" in out
    assert "5 documents" in out
    assert "all is well" in out


def test_doctor_looks_at_the_calibration_of_an_index(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "i"
    main(["index", str(folder), "--index", str(index)])
    fitted = json.loads((BUNDLED_READER / "calibration.json").read_text())
    own = index / "calibration.json"

    own.write_text(json.dumps({**fitted, "threshold": 0.87, "fitted_on": "40 questions of ours.csv"}))
    capsys.readouterr()
    assert main(["doctor", "--index", str(index)]) == 0
    assert (
        "fitted on 40 questions of ours.csv: answers at confidence 0.87 or above" in capsys.readouterr().out
    )

    for text, said in (
        (json.dumps({**fitted, "reader_id": "b" * 64}), "was fitted to reader bbbbbbbbbbbb"),
        ('{"format": 1', "is damaged"),
        (json.dumps({**fitted, "features": ["moon", *fitted["features"][1:]]}), "needs moon"),
    ):
        own.write_text(text)
        assert main(["doctor", "--index", str(index)]) == 2
        out = capsys.readouterr().out
        assert said in out.split("index: WRONG:")[1]
        assert "rag calibrate QUESTIONS" in out


def test_doctor_looks_at_both_calibrations_of_the_reader(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = str(tmp_path / "i")
    main(["index", str(folder), "--index", index])
    reader = tmp_path / "reader"
    shutil.copytree(BUNDLED_READER, reader)
    monkeypatch.setattr("rag.reader.BUNDLED_READER", reader)
    assert main(["doctor", "--index", index]) == 0
    (reader / "calibration_reading.json").write_text("{}")
    assert main(["doctor", "--index", index]) == 2
    assert "calibration_reading.json is damaged" in capsys.readouterr().out.split("reader: WRONG:")[1]


def test_doctor_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--index", str(tmp_path / "none")]) == 2
    assert "index: WRONG" in capsys.readouterr().out
