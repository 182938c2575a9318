"""What the documents say about the chat is so."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from rag.web.command import add_arguments

ROOT = Path(__file__).resolve().parents[2]


def test_every_promise_names_a_test_that_exists() -> None:
    promises = [
        line for line in (ROOT / "SECURITY.md").read_text().splitlines() if re.match(r"\| \d+ \|", line)
    ]
    tests = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests" / "web").glob("test_*.py"))
    assert len(promises) >= 10
    for promise in promises:
        named = re.findall(r"`(?:tests/web/)?(test_\w+)(\.py)?`", promise)
        assert named, promise
        for name, is_file in named:
            if is_file:
                assert (ROOT / "tests" / "web" / f"{name}.py").exists(), name
            else:
                assert f"def {name}(" in tests, name


def test_every_option_is_documented() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    text = (ROOT / "docs" / "web.md").read_text()
    options = {name for action in parser._actions for name in action.option_strings if name.startswith("--")}
    assert {name for name in options - {"--help"} if f"`{name}" not in text} == set()


def test_pictures_exist_and_are_small() -> None:
    for page in ("web.md", "api.md"):
        text = (ROOT / "docs" / page).read_text()
        for name in re.findall(r"images/([\w-]+\.png)", text):
            assert (ROOT / "docs" / "images" / name).stat().st_size < 150_000, name


def test_importing_the_package_loads_no_gradio() -> None:
    code = "import rag.web, rag.web.command, rag.web.options, sys; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
