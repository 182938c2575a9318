"""How careful to be: for one question through the API, for all of a server by its options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sites import ANSWERED, REFUSED, Site, free_port

from rag.web.command import main


def asked(site: Site, client: httpx.Client, **careful: object) -> dict[str, object]:
    sent = [
        careful.get("question", ANSWERED),
        *[None] * 7,
        careful.get("min_confidence"),
        careful.get("max_risk"),
    ]
    kind, told = site.ask_api(client, *sent)
    return told[0] if kind == "complete" else {"error": str(told)}


def test_a_program_says_it_with_a_question(site: Site, client: httpx.Client) -> None:
    refused = asked(site, client, min_confidence=1)
    assert refused["found"] is False
    assert "threshold 1.00" in str(refused["reason"])
    assert asked(site, client)["found"] is True
    assert asked(site, client, question=REFUSED, min_confidence=0.0)["found"] is True


@pytest.mark.parametrize(
    ("careful", "said"),
    [
        ({"min_confidence": 7}, "min_confidence is 7; expected a probability from 0 to 1"),
        ({"max_risk": "low"}, "max_risk: expected a number from 0 to 1"),
        ({"min_confidence": True}, "min_confidence: expected a number from 0 to 1"),
        ({"min_confidence": 0.5, "max_risk": 0.1}, "both set"),
    ],
)
def test_what_is_no_probability(
    site: Site, client: httpx.Client, careful: dict[str, object], said: str
) -> None:
    assert said in str(asked(site, client, **careful)["error"])


def test_a_server_is_as_careful_as_it_was_started(start_site: Callable[..., Site]) -> None:
    site = start_site(uploads=False, min_confidence=1.0)
    with site.client() as client:
        client.get("/").raise_for_status()
        assert "threshold 1.00" in str(site.call(client, "chat", ANSWERED, None)[0][-1]["content"])
        assert asked(site, client)["found"] is False
        assert asked(site, client, min_confidence=0.5)["found"] is True  # one question's own care comes first


def test_care_that_can_not_be_taken_is_told_at_the_start(
    careless_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--index", str(careless_index), "--data", str(tmp_path / "data"), "--port", str(free_port())]
    assert main([*where, "--min-confidence", "7"]) == 2
    assert "expected a probability from 0 to 1" in capsys.readouterr().err
    assert main([*where, "--max-risk", "0"]) == 2
    assert "the least risk on the tuning questions is" in capsys.readouterr().err
