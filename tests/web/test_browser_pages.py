"""Pages of paged documents in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chrome import ask, hit, in_chromium
from sites import Site

pytestmark = in_chromium


def test_a_citation_and_the_viewer_name_the_page(
    start_site: Callable[..., Site], visit: Callable[..., Any], tmp_path: Path
) -> None:
    said = "Adam Quill said the lighthouse closes at nine."
    (tmp_path / "paged.txt").write_text(
        f"The first page is about ferries only.\n\f\n{said}\n\fThe end of it.\n"
    )
    page = visit(start_site(tmp_path, uploads=False))
    answer = ask(page, "Who said the lighthouse closes at nine?")
    hit(page, said)
    assert "page 2" in answer.locator("button.cite").first.inner_text()
    assert page.inner_text(".sv-place").startswith("page 2 · characters")
