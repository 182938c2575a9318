"""Conversations over HTTP: what is held, what is shown, what goes wrong politely."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from sites import ANSWERED, REFUSED, SEEDS, Site


def html_of(chat: list[dict[str, object]]) -> list[str]:
    return [message["content"][0]["value"] for message in chat]  # type: ignore[index]


def ask(site: Site, client: httpx.Client, question: object, chosen: object = None) -> list[str]:
    chosen = chosen if chosen is not None else sorted(p.name for p in SEEDS.glob("0*.txt"))
    return html_of(site.call(client, "chat", question, chosen)[0])


def test_answer_and_refusal_look_different(site: Site, client: httpx.Client) -> None:
    first = ask(site, client, ANSWERED)
    assert len(first) == 2
    assert 'class="ans found"' in first[1]
    assert "Ryan Hass, former" in first[1]
    second = ask(site, client, REFUSED)
    assert len(second) == 4
    assert 'class="ans refused"' in second[3]
    assert "Not in the sources" in second[3]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("", "type a question first"),
        ("  \n\t ", "type a question first"),
        ("\x00\x01", "type a question first"),
        ("x" * 2_001, "2,001 characters; at most 2,000"),
        ("x" * 60_000, "60,000 characters"),
        (None, "isn’t text"),
        (17, "isn’t text"),
        (["a"], "isn’t text"),
        ({"a": 1}, "isn’t text"),
    ],
)
def test_odd_questions_are_told_so(site: Site, client: httpx.Client, question: object, expected: str) -> None:
    ask(site, client, ANSWERED)
    page = ask(site, client, question)
    assert "ans found" in page[1]
    assert expected in page[3].replace("&#x27;", "’")


def test_surrogates_nul_and_bidi_are_answered(site: Site, client: httpx.Client) -> None:
    raw = b'"What did Ryan\\u0000 Hass state about \\ud800 the lack of backchannel communication \\u202e?"'
    page = ask(site, client, json.loads(raw))
    assert 'class="ans ' in page[1]
    assert 'data-c="U+202E"' in page[0]


def test_trouble_inside_keeps_the_conversation_and_gives_a_number(site: Site, client: httpx.Client) -> None:
    ask(site, client, ANSWERED)
    page = ask(site, client, "please crash")
    assert "ans found" in page[1]
    assert "Something went wrong" in page[3]
    assert "/etc/passwd" not in page[3]
    number = page[3].split("give this number to whoever runs the server: ")[1][:8]
    assert f"error {number}" in site.log()
    assert "secret /etc/passwd in the message" in site.log()
    assert "ans found" in ask(site, client, ANSWERED)[5]


def test_no_document_chosen_is_said(site: Site, client: httpx.Client) -> None:
    site.call(client, "load")
    assert "No document is chosen" in ask(site, client, ANSWERED, [])[1]


def test_chosen_documents_are_searched_alone(site: Site, client: httpx.Client) -> None:
    site.call(client, "load")
    page = ask(site, client, ANSWERED, ["000_d6cf82728227791b.txt"])
    assert "Ryan Hass, former" not in page[1]
    assert site.asked()[-1][1] == ["000_d6cf82728227791b.txt"]
    ask(site, client, ANSWERED)
    assert site.asked()[-1][1] is None


def test_history_comes_from_the_server(site: Site, client: httpx.Client) -> None:
    ask(site, client, ANSWERED)
    ask(site, client, "What did Brian Hughes state about contacts?")
    question, _, history = site.asked()[-1]
    assert question == "What did Brian Hughes state about contacts?"
    assert [pair[0] for pair in history] == [ANSWERED]
    assert "Ryan Hass, former" in history[0][1]["text"]


def test_history_belongs_to_the_cookie_and_survives_a_reload(site: Site, client: httpx.Client) -> None:
    ask(site, client, ANSWERED)
    client.get("/")
    assert "Ryan Hass" in "".join(html_of(site.call(client, "load")[0]))
    with site.client() as stranger:
        stranger.get("/")
        assert "Ryan Hass, former" not in "".join(html_of(site.call(stranger, "load")[0]))


def test_forged_history_is_ignored(site: Site, client: httpx.Client) -> None:
    """Whatever a client claims to have been said, only the server's own history is shown."""
    ask(site, client, ANSWERED)
    function = next(d for d in site.config["dependencies"] if d["api_name"] == "chat")
    assert len(function["inputs"]) == 5, "the question and what narrows it; no history"
    forged = [[{"role": "assistant", "content": "<b>forged</b>"}]]
    body = {
        "data": [ANSWERED, [], "", "", "", *forged],
        "fn_index": function["id"],
        "session_hash": "testsession2",
    }
    client.post("/gradio_api/queue/join", json=body)
    assert "forged" not in "".join(html_of(site.call(client, "load")[0]))


def test_new_conversation_forgets(site: Site, client: httpx.Client) -> None:
    ask(site, client, ANSWERED)
    page = html_of(site.call(client, "new")[0])
    assert len(page) == 1
    assert 'class="welcome"' in page[0]
    assert "example" in page[0]


def test_language_of_the_browser_and_by_hand(site: Site) -> None:
    with site.client(headers={"accept-language": "de-CH,de;q=0.9"}) as client:
        client.get("/")
        assert "Was möchten Sie wissen?" in html_of(site.call(client, "load")[0])[0]
        assert "¿Qué quiere saber?" in html_of(site.call(client, "speak", "es")[0])[0]
        assert "¿Qué quiere saber?" in html_of(site.call(client, "load")[0])[0]


def test_link_fills_in_and_does_not_ask(site: Site) -> None:
    before = len(site.asked())
    with site.client(params={"q": "Who <b>is</b> it\u202e?" + "x" * 600}) as client:
        client.get("/")
        filled = site.call(client, "load")[1]
    assert filled.startswith("Who <b>is</b> it⟨U+202E⟩?")
    assert len(filled) < 520
    assert len(site.asked()) == before


# The viewer


def window(site: Site, client: httpx.Client, **sent: object) -> dict[str, object]:
    answer = site.serve_function(client, "get_source", sent)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_source_window_is_cut_by_code_points(start_site: Callable[..., Site], tmp_path) -> None:
    text = "😀 straße İ é\r\nA line.\n" * 2_000 + "The needle 😀 is here.\n" + "Tail. " * 3_000
    (tmp_path / "a.txt").write_bytes(text.encode())
    site = start_site(tmp_path, uploads=False)
    at = text.index("The needle")
    with site.client() as client:
        got = window(site, client, doc="a.txt", s=at, e=at + 21, hs=at + 4, he=at + 10)
    assert got["hit"] == ["The ", "needle", " 😀 is here."]
    whole = str(got["pre"]) + "".join(got["hit"]) + str(got["post"])  # type: ignore[arg-type]
    assert whole == text[got["first"] : got["last"]]  # type: ignore[misc]
    assert got["length"] == len(text)
    assert len(whole) < 13_000
    assert got["note"] is None


@pytest.mark.parametrize(
    "sent",
    [
        {"doc": "../../etc/passwd", "s": 0, "e": 1},
        {"doc": "/etc/passwd", "s": 0, "e": 1},
        {"doc": None, "s": 0, "e": 1},
        {"doc": ["000_d6cf82728227791b.txt"], "s": 0, "e": 1},
        {"doc": "x" * 100_000, "s": 0, "e": 1},
        {},
        [],
        "text",
        None,
        {"doc": "000_d6cf82728227791b.txt"},
        {"doc": "000_d6cf82728227791b.txt", "s": -1, "e": 1},
        {"doc": "000_d6cf82728227791b.txt", "s": 5, "e": 1},
        {"doc": "000_d6cf82728227791b.txt", "s": 0, "e": 10**9},
        {"doc": "000_d6cf82728227791b.txt", "s": 10**30, "e": 10**30},
        {"doc": "000_d6cf82728227791b.txt", "s": 0.5, "e": 1.5},
        {"doc": "000_d6cf82728227791b.txt", "s": True, "e": True},
        {"doc": "000_d6cf82728227791b.txt", "s": "0", "e": "1"},
        {"doc": "000_d6cf82728227791b.txt", "s": {}, "e": []},
    ],
)
def test_bad_requests_of_the_viewer_get_a_message(site: Site, client: httpx.Client, sent: object) -> None:
    answer = site.serve_function(client, "get_source", sent)
    assert answer.status_code == 200
    assert answer.json()["error"].startswith("There is no such")


def test_other_functions_can_not_be_called(site: Site, client: httpx.Client) -> None:
    for name in ("__init__", "postprocess", "get_config", "render", "nothing", "add_files"):
        assert site.serve_function(client, name, {}).status_code == 404


def test_changed_and_missing_files_are_said(start_site: Callable[..., Site], tmp_path) -> None:
    old = "Ann Lee said the bridge opened in 1932.\n"
    (tmp_path / "a.txt").write_text(old)
    (tmp_path / "b.txt").write_text("Another file that is here for company.\n")
    site = start_site(tmp_path, uploads=False)
    with site.client() as client:
        client.get("/")
        assert window(site, client, doc="a.txt", s=0, e=7)["note"] is None
        (tmp_path / "a.txt").write_text("Something else altogether, longer than before.\n")
        got = window(site, client, doc="a.txt", s=0, e=7)
        assert "changed since it was indexed" in str(got["note"])
        assert got["hit"] == ["", "", "Ann Lee"]
        (tmp_path / "a.txt").unlink()
        assert "gone since it was indexed" in str(window(site, client, doc="a.txt", s=0, e=7)["note"])


def test_old_citations_open_after_the_index_is_swapped(start_site: Callable[..., Site], tmp_path) -> None:
    import hashlib

    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir(), new.mkdir()
    text = "Ann Lee said the bridge opened in 1932.\n"
    (old / "a.txt").write_text(text)
    (old / "b.txt").write_text("Bob Roe said the tunnel opened in 1950.\n")
    (new / "a.txt").write_text("New words: Ann Lee said the bridge opened in 1933.\n")
    site = start_site(old, uploads=False)
    sha = hashlib.sha256(text.encode()).hexdigest()
    with site.client() as client:
        client.get("/")
        assert (
            "ans found" in ask(site, client, "When did Ann Lee say the bridge opened?", ["a.txt", "b.txt"])[1]
        )
        site.host.tell(do="swap", port=site.port, folder=str(new))
        got = window(site, client, doc="a.txt", sha=sha, s=0, e=7)
        assert got["hit"] == ["", "", "Ann Lee"]
        assert "indexed anew" in str(got["note"])
        assert window(site, client, doc="a.txt", s=0, e=3)["hit"] == ["", "", "New"]
        assert "no longer held" in str(window(site, client, doc="a.txt", sha="0" * 64, s=0, e=7)["error"])


# Taking away


@pytest.mark.parametrize("kind", ["markdown", "json", "bibtex", "csl"])
def test_conversation_can_be_saved(site: Site, client: httpx.Client, kind: str) -> None:
    assert (
        "nothing to save"
        in site.serve_function(client, "export_conversation", {"kind": kind}).json()["error"]
    )
    ask(site, client, ANSWERED)
    file = site.serve_function(client, "export_conversation", {"kind": kind}).json()
    assert "Ryan Hass" in file["text"]
    for bad in ({"kind": "exe"}, {}, None, {"kind": ["json"]}):
        assert "error" in site.serve_function(client, "export_conversation", bad).json()


def test_feedback_is_off_unless_switched_on(
    site: Site, client: httpx.Client, start_site: Callable[..., Site]
) -> None:
    assert "data-kind" not in ask(site, client, ANSWERED)[1]
    assert "error" in site.serve_function(client, "give_feedback", {"turn": 1, "kind": "right"}).json()
    assert not list(site.data.glob("feedback*"))
    on = start_site(feedback=True, uploads=False)
    with on.client() as judge:
        judge.get("/")
        assert 'data-kind="wrong"' in ask(on, judge, ANSWERED)[1]
        assert on.serve_function(judge, "give_feedback", {"turn": 1, "kind": "right"}).json() == {"ok": True}
        for bad in (
            {"turn": 2, "kind": "right"},
            {"turn": "1", "kind": "right"},
            {"turn": 1, "kind": "x"},
            None,
        ):
            assert "error" in on.serve_function(judge, "give_feedback", bad).json()
    line = json.loads((on.data / "feedback.jsonl").read_text())
    assert line["question"] == ANSWERED
    assert line["doc_id"] == "002_54e73b8160326602.txt"


def test_history_survives_a_restart_where_switched_on(start_site: Callable[..., Site]) -> None:
    kept = start_site(save_history=True, uploads=False)
    with kept.client() as client:
        assert "Max-Age" in client.get("/").headers["set-cookie"]
        ask(kept, client, ANSWERED)
        kept.stop()
        kept.start()
        assert "Ryan Hass, former" in "".join(html_of(kept.call(client, "load")[0]))
        kept.call(client, "new")
    assert not list((kept.data / "conversations").iterdir())


def test_nothing_is_recorded_otherwise(site: Site, client: httpx.Client) -> None:
    ask(site, client, ANSWERED)
    files = [p for p in site.data.rglob("*") if p.is_file() and p.suffix != ".css"]
    assert files == []


# Programs


def test_gradio_client_gets_the_answer_object(site: Site) -> None:
    client = Client(site.url, verbose=False)
    answer = client.predict(ANSWERED, api_name="/ask")
    fields = ["question", "found", "text", "short", "confidence", "citations", "nearest", "reason", "timings"]
    assert set(fields) <= set(answer)
    assert answer["found"] is True
    cited = answer["citations"][0]
    text = (SEEDS / cited["doc_id"]).read_bytes().decode()
    assert text[cited["start"] : cited["end"]] == cited["quote"] == answer["text"]
    refused = client.predict(
        question=REFUSED, history=[[ANSWERED, answer["text"]], [ANSWERED, answer]], api_name="/ask"
    )
    assert (refused["found"], refused["text"]) == (False, "not in sources")
    assert site.asked()[-1] == [REFUSED, None, [[ANSWERED, answer["text"]], [ANSWERED, answer]]]
    with pytest.raises(AppError, match="empty"):
        client.predict("  ", api_name="/ask")


@pytest.mark.parametrize(
    "data", [[ANSWERED], [ANSWERED, None], [ANSWERED, [], None], [ANSWERED, None, ["002*"]]]
)
def test_plain_http_gets_it_too(site: Site, client: httpx.Client, data: list[object]) -> None:
    event, answer = site.ask_api(client, *data)
    assert event == "complete"
    assert answer[0]["found"] is True


def test_plain_http_with_names(site: Site, client: httpx.Client) -> None:
    joined = client.post("/gradio_api/call/v2/ask", json={"question": ANSWERED})
    assert joined.status_code == 200
    assert '"found": true' in client.get(f"/gradio_api/call/ask/{joined.json()['event_id']}").text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([""], "the question is empty"),
        (["x" * 2_001], "2001 characters"),
        ([None], "expected text"),
        ([ANSWERED, "history"], "history: expected"),
        ([ANSWERED, [["only one"]]], "history: expected"),
        ([ANSWERED, [[1, 2]]], "history: expected"),
        ([ANSWERED, None, []], "documents: expected"),
        ([ANSWERED, None, [1]], "documents: expected"),
        ([ANSWERED, None, "002*"], "documents: expected"),
    ],
)
def test_programs_are_told_what_is_wrong(
    site: Site, client: httpx.Client, data: list[object], message: str
) -> None:
    event, answer = site.ask_api(client, *data)
    assert event == "error"
    assert message in answer["error"]


def test_trouble_inside_is_a_number_for_programs(site: Site, client: httpx.Client) -> None:
    event, answer = site.ask_api(client, "please crash")
    assert event == "error"
    assert "internal error" in answer["error"]
    assert "passwd" not in answer["error"]
