"""Asking only documents of some dates or of one language: in the chat and through the API."""

from __future__ import annotations

import httpx
from sites import ANSWERED, Site

from rag.web.service import Service


def asked(site: Site, client: httpx.Client, *narrow: str) -> str:
    messages = site.call(client, "chat", ANSWERED, None, *narrow)[0]
    return str(messages[-1]["content"])


def test_the_chat_narrows_and_says_so(site: Site, client: httpx.Client) -> None:
    shown = asked(site, client, "2024-05", "", "de")
    assert "Only some documents were asked" in shown
    assert "since 2024-05; language de" in shown


def test_bad_dates_are_told_in_the_chat(site: Site, client: httpx.Client) -> None:
    assert "These dates can’t be used" in asked(site, client, "last May", "")
    assert "These dates can’t be used" in asked(site, client, "2025", "2024")


def test_nothing_is_narrowed_by_default(site: Site, client: httpx.Client) -> None:
    assert "Only some documents" not in asked(site, client, "", " ", "")


def test_the_api_narrows(site: Site, client: httpx.Client) -> None:
    kind, answer = site.ask_api(client, ANSWERED, None, None, "2024", None, "en-US", None, "Reuters")
    assert kind == "complete"
    assert answer[0]["filter"] == "since 2024; language en; source Reuters"
    kind, error = site.ask_api(client, ANSWERED, None, None, "2024-13")
    assert kind == "error"
    assert "since is '2024-13'; expected a date such as 2024-05-31" in str(error)
    kind, error = site.ask_api(client, ANSWERED, None, None, 2024)
    assert kind == "error"
    assert "since: expected text" in str(error)


def test_what_is_given_reaches_the_pipeline() -> None:
    from fake import FakePipeline

    pipeline = FakePipeline({"a.txt": "The harbour froze in the winter of 1947."})
    Service(pipeline).answer("When did the harbour freeze?", narrow={"since": "1947"})
    assert pipeline.narrowed == {"since": "1947"}
    Service(pipeline).answer("When did the harbour freeze?")
    assert pipeline.narrowed == {}
