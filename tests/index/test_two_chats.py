"""Two chats over one LanceDB corpus, as docs/scale-out.md starts them: real processes, asked over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from keepers import needs_lance

pytestmark = [needs_lance, pytest.mark.slow]

# A busy machine may take long to start a chat.
LIMIT_S = 300.0


def rag(*given: object) -> None:
    subprocess.run([sys.executable, "-m", "rag", *map(str, given)], check=True, capture_output=True)


class Chat:
    """One `rag serve`."""

    def __init__(self, uri: str, own: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "rag", "serve", "--index", uri, "--port", str(self.port)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.log = own.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--data", str(own)], stdout=log, stderr=subprocess.STDOUT, env=environment
            )

    def ask(self, question: str) -> dict[str, Any]:
        """The answer's fields, asked as any program may; waits until the chat has started."""
        end = time.monotonic() + LIMIT_S
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return self._asked(question)
            except OSError:
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.5)

    def _asked(self, question: str) -> dict[str, Any]:
        place = f"http://127.0.0.1:{self.port}/gradio_api/call/ask"
        data = json.dumps({"data": [question]}).encode()
        request = urllib.request.Request(place, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            event = json.load(answer)["event_id"]
        with urllib.request.urlopen(f"{place}/{event}", timeout=60) as lines:
            told = lines.read().decode()
        assert "event: complete" in told, told
        (found,) = json.loads(told.split("data: ", 1)[1])
        assert isinstance(found, dict)
        return found

    def until(self, question: str, quote: str) -> None:
        """Ask until the answer is another one."""
        end = time.monotonic() + LIMIT_S
        while self.ask(question)["text"] != quote:
            assert time.monotonic() < end
            time.sleep(0.5)


@pytest.fixture
def chats(tmp_path: Path) -> Iterator[list[Chat]]:
    uri, folder = f"lance://{tmp_path / 'corpus'}", tmp_path / "files"
    folder.mkdir()
    (folder / "bridge.txt").write_text("The bridge was opened in 1932 by Mayor Adams.\n")
    rag("index", folder, "--index", uri)
    started = [Chat(uri, tmp_path / f"chat {n}") for n in range(2)]
    try:
        yield started
    finally:
        for chat in started:
            with suppress(OSError):
                chat.process.kill()
            chat.process.wait()


def test_both_answer_both_notice_a_change_and_one_outlives_the_other(
    chats: list[Chat], tmp_path: Path
) -> None:
    question = "When was the bridge opened?"
    for chat in chats:
        answer = chat.ask(question)
        assert (answer["text"], answer["short"]) == ("The bridge was opened in 1932 by Mayor Adams.", "1932")
    (tmp_path / "files" / "bridge.txt").write_text("The bridge was opened in 1947 by Mayor Brown.\n")
    rag("index", tmp_path / "files", "--index", f"lance://{tmp_path / 'corpus'}")
    for chat in chats:
        chat.until(question, "The bridge was opened in 1947 by Mayor Brown.")
    os.kill(chats[0].process.pid, signal.SIGKILL)
    assert chats[1].ask(question)["short"] == "1947"
