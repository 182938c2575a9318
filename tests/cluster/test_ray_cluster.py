"""A Ray cluster of real processes on loopback: its driver and one of its nodes are killed in the middle."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# Namespaces of its own, and with the first process in them everything that it started ends.
APART = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]


def why_not() -> str | None:
    """Why this can't be tested here; None where it can."""
    for package, extra in (("ray", "cluster"), ("lancedb", "lance")):
        if importlib.util.find_spec(package) is None:
            return f'{package} is not installed: pip install "insources[{extra}]"; see docs/scale-out.md'
    if not shutil.which("unshare") or not shutil.which("ip"):
        return "no unshare or no ip here; install util-linux and iproute2"
    done = subprocess.run(
        [*APART, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"network and process namespaces are denied here: {done.stderr.strip()}"
    return None


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `ray_scene.py` saw."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("ray")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *(path for path in sys.path if path)]),
        "OMP_NUM_THREADS": "1",
    }
    inside = 'ip link set lo up && exec "$0" "$@"'
    done = subprocess.run(
        [*APART, "sh", "-c", inside, sys.executable, str(HERE / "ray_scene.py"), str(folder)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    log = folder / "ray.log"
    assert done.returncode == 0, done.stderr[-4000:] + (log.read_text()[-4000:] if log.exists() else "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


pytestmark = pytest.mark.slow

N_DOCUMENTS = 400


def test_another_one_that_indexes_is_told_so(told: dict[str, Any]) -> None:
    other = told["while another one indexes"]
    assert other["status"] == 75
    assert "another process is writing the index" in other["errors"]


def test_after_the_driver_was_killed_finished_shards_are_gone_on_from(told: dict[str, Any]) -> None:
    assert told["finished by the driver that was killed"] >= 2
    assert "chunks were encoded by a run that was stopped" in told["with a node killed"]["errors"]


def test_with_a_node_killed_every_id_is_there_once(told: dict[str, Any]) -> None:
    done = told["with a node killed"]
    assert done["status"] == 0, done["errors"]
    assert f"{N_DOCUMENTS} added, 0 changed, 0 removed, 0 unchanged, 1 not read" in done["out"]
    assert "not read: bad.txt: byte 0xE9 at offset 3 is not UTF-8" in done["errors"]
    places = [(doc_id, place) for doc_id, place, _ in told["rows"]]
    assert len(places) == len(set(places))
    assert {doc_id for doc_id, _ in places} == {f"{n:04}.txt" for n in range(N_DOCUMENTS)}
    assert not told["left in between"], "no text of a document stays in the staging folder"


def test_twice_adds_nothing(told: dict[str, Any]) -> None:
    again = told["again"]
    assert again["status"] == 0
    assert told["the same rows again"]


def test_what_changed_is_mirrored_as_in_one_process(told: dict[str, Any]) -> None:
    done = told["mirrored"]
    assert done["status"] == 0, done["errors"]
    assert "(1 added, 80 changed, 1 removed, 1 moved, 318 unchanged, 1 not read)" in done["out"]
    assert "moved: 0013.txt to moved.txt" in done["errors"]
    assert told["rows in one process"] == told["mirrored rows"]


def test_a_cluster_that_is_not_there_or_lets_nobody_in(told: dict[str, Any]) -> None:
    assert told["nowhere"]["status"] == told["without the token"]["status"] == 2
    assert "no Ray cluster at '127.0.0.1:6392'" in told["nowhere"]["errors"]
    assert "it wants a token that is not here" in told["without the token"]["errors"]


def test_nothing_runs_on(told: dict[str, Any]) -> None:
    assert told["raylets left"] == 0
