"""The process that parses: what it may not do, and what its end costs."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_files import PAGE, mail, pdf

from rag.errors import FileError
from rag.formats import ParseOptions
from rag.formats.confined import ConfinedParser
from rag.formats.limits import Limits

PLAIN = ParseOptions()
ROW = b"text\nSome words.\n"

# A child that reads one request and then does what a test wants of it.
_START = """
import os, sys
from rag.formats.limits import allow_cpu, limit_process
from rag.formats.wire import read_message, write_message
source, target = os.fdopen(0, "rb"), os.fdopen(1, "wb")
limit_process(600 * 2**20)
header, data = read_message(source)
allow_cpu(header["cpu_s"])
def answer(text):
    facts = dict.fromkeys(("title", "author", "date", "language", "source"))
    lists = {"pages": [], "furniture": [], "records": [], "notes": []}
    write_message(target, {"outcome": "parsed", **lists, **facts}, text.encode())
"""


def acting(script: str, **limits: float) -> ConfinedParser:
    command = [sys.executable, "-c", _START + textwrap.dedent(script)]
    return ConfinedParser(Limits(**{"per_mb_s": 0.0, **limits}), command)  # type: ignore[arg-type]


@pytest.fixture
def parser() -> Iterator[ConfinedParser]:
    made = ConfinedParser()
    yield made
    made.close()


def outcome(parser: ConfinedParser, data: bytes = ROW, suffix: str = ".csv") -> tuple[str, str]:
    """What happened, and the text or the message."""
    try:
        found, parsed = parser.outcome(data, suffix, PLAIN)
        return found[0], parsed.text if parsed else found[1]
    finally:
        parser.close()


class TestReuse:
    def test_one_child_parses_many_files(self, parser: ConfinedParser) -> None:
        pids = set()
        for i in range(200):
            _, parsed = parser.outcome(f"text\nRow {i}.\n".encode(), ".csv", PLAIN)
            assert parsed is not None
            assert parsed.text == f"## row 1\n\nRow {i}.\n"
            assert parser._child is not None
            pids.add(parser._child.pid)
        assert len(pids) == 1

    def test_a_child_that_died_meanwhile_is_replaced(self, parser: ConfinedParser) -> None:
        parser.outcome(ROW, ".csv", PLAIN)
        assert parser._child is not None
        os.kill(parser._child.pid, signal.SIGKILL)
        assert parser.outcome(ROW, ".csv", PLAIN)[0] == ("parsed", "")

    def test_what_was_parsed_a_moment_ago_is_known(self, parser: ConfinedParser) -> None:
        sha256 = hashlib.sha256(ROW).hexdigest()
        first = parser.parse(ROW, sha256, ".csv", PLAIN)
        parser.close()
        assert parser.parse(ROW, sha256, ".csv", PLAIN) is first
        assert parser._child is None
        with pytest.raises(FileError, match="no column 'x'"):
            parser.parse(ROW, sha256, ".csv", ParseOptions(text_column="x"))

    def test_many_threads_share_it(self, parser: ConfinedParser) -> None:
        found: list[str] = []

        def work(number: int) -> None:
            for i in range(10):
                data = f"text\nThread {number} row {i}.\n".encode()
                found.append(parser.parse(data, hashlib.sha256(data).hexdigest(), ".csv", PLAIN).text)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == sorted(
            f"## row 1\n\nThread {n} row {i}.\n" for n in range(4) for i in range(10)
        )

    def test_a_missing_extra_names_the_install_line(
        self, parser: ConfinedParser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        for data, suffix, extra in (
            (PAGE.encode(), ".html", "web"),
            (pdf(), ".pdf", "pdf"),
            (b"PK", ".epub", "office"),
        ):
            with pytest.raises(FileError, match=rf'read .* files .*pip install "insources\[{extra}\]"'):
                parser.parse(data, "0", suffix, PLAIN)
        assert parser.parse(mail(), "1", ".eml", PLAIN).title == "Meeting moved"


class TestLimits:
    def test_a_hang_is_ended(self) -> None:
        assert outcome(acting("import time; time.sleep(600)", wall_s=0.5)) == (
            "time", "took over 0 s to parse; it may be built to do so: split or convert it"
        )  # fmt: skip

    def test_a_stopped_child_is_ended(self, parser: ConfinedParser) -> None:
        parser.outcome(ROW, ".csv", PLAIN)
        parser._limits = Limits(wall_s=0.5, per_mb_s=0.0)
        assert parser._child is not None
        os.kill(parser._child.pid, signal.SIGSTOP)
        assert outcome(parser, b"text\n" + b"word " * 100_000)[0] == "time"

    def test_processor_time_is_bounded(self) -> None:
        kind, message = outcome(acting("while True: pass", cpu_s=0.2, wall_s=60))
        assert (kind, "processor time" in message) == ("time", True)

    @pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS binds on Linux")
    def test_memory_is_bounded(self) -> None:
        script = """
        try:
            held = bytearray(700 * 2**20)
        except MemoryError:
            answer("refused by the system")
        """
        assert outcome(acting(script)) == ("parsed", "refused by the system")

    def test_memory_is_watched_where_the_system_does_not(self) -> None:
        script = """
        import threading, time
        from rag.formats.limits import watch_memory
        threading.Thread(target=watch_memory, args=(100 * 2**20, 0.01), daemon=True).start()
        held = b"x" * (200 * 2**20)
        time.sleep(600)
        """
        kind, message = outcome(acting(script))
        assert (kind, "needs over 1,024 MB" in message) == ("memory", True)

    def test_no_file_can_be_written(self, tmp_path: Path) -> None:
        script = f"""
        try:
            with open({str(tmp_path / "out")!r}, "wb") as file:
                file.write(b"x" * 1000)
            answer("written")
        except OSError as error:
            answer("refused")
        """
        assert outcome(acting(script)) == ("parsed", "refused")

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
    def test_nothing_is_inherited(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_TOKEN", "hush")
        with (tmp_path / "open.txt").open("w") as held:
            os.set_inheritable(held.fileno(), True)
            script = """
            places = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if n not in "012"
                      and os.path.lexists(f"/proc/self/fd/{n}")]
            answer(str([p for p in places if "open.txt" in p]) + str("SECRET_TOKEN" in os.environ))
            """
            assert outcome(acting(script)) == ("parsed", "[]False")


class TestEnds:
    @pytest.mark.parametrize(
        ("script", "how"),
        [
            ("os.abort()", "signal SIGABRT"),
            ("os.kill(os.getpid(), 11)", "signal SIGSEGV"),
            ("sys.exit(3)", "status 3"),
            (
                "target.write(b'not a message at all, but long enough'); target.flush(); os._exit(4)",
                "status 4",
            ),
        ],
    )
    def test_a_crash_costs_the_file_alone(self, script: str, how: str) -> None:
        kind, message = outcome(acting(script))
        assert kind == "crashed"
        assert message.startswith(f"its parser crashed ({how})")

    @pytest.mark.parametrize(
        "reply",
        [
            "{'outcome': 'parsed'}, b'x'",
            "{**right, 'pages': [5]}, b'x'",
            "{**right, 'pages': [1, 0]}, b'x'",
            "{**right, 'furniture': [[0, 9]]}, b'x'",
            "{**right, 'furniture': [[1, 0]]}, b'xyz'",
            "{**right, 'furniture': [[0]]}, b'xyz'",
            "{**right, 'records': [2]}, b'x'",
            "{**right, 'records': [1, 0]}, b'xyz'",
            "{**right, 'title': 3}, b'x'",
            "right, b'\\xff'",
        ],
    )
    def test_a_false_answer_is_noticed(self, reply: str) -> None:
        right = "right = dict.fromkeys(('title', 'author', 'date', 'language', 'source'))\n"
        right += "right |= {'outcome': 'parsed', 'pages': [], 'furniture': [], 'records': [], 'notes': []}\n"
        kind, message = outcome(acting(f"{right}write_message(target, {reply})"))
        assert (kind, message[:28]) == ("crashed", "its parser answered nonsense")

    def test_memory_spent_by_earlier_files_is_no_reason(self, tmp_path: Path) -> None:
        """The first child gives up on its second file; a fresh one reads it."""
        mark = tmp_path / "second"
        script = f"""
        answer("first")
        header, data = read_message(source)
        if os.path.exists({str(mark)!r}):
            answer("read by a fresh one")
        else:
            os.mkdir({str(mark)!r})
            write_message(target, {{"outcome": "memory"}}, b"")
        """
        parser = acting(script)
        parser.outcome(ROW, ".csv", PLAIN)
        found, parsed = parser.outcome(ROW, ".csv", PLAIN)
        parser.close()
        assert found[0] == "parsed"
        assert parsed is not None
        assert mark.exists()
