"""A Ray cluster of real processes and what is done to it; prints what happened as JSON.

python ray_scene.py FOLDER

Run in network and process namespaces of its own, as `test_ray_cluster.py` does: Ray keeps the address
127.0.0.1 only where there is no other, `ray stop` ends every Ray on a machine by name, and with the
namespace everything that was started ends.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PORT = 6390
ADDRESS = f"127.0.0.1:{PORT}"
COMMON = ["--node-ip-address=127.0.0.1", "--disable-usage-stats", "--object-store-memory=200000000"]
LIMIT_S = 900.0
TRIES = 5

N_DOCUMENTS = 400

# One on each node, as Ray spreads them.
WORKERS = ("--workers", "2")

ADDED = "A sentence that was not there before goes on about ships, storms and the long winter of that year. "


def write_texts(folder: Path) -> None:
    """Documents of a chunk each, no two sentences alike."""
    folder.mkdir()
    for n in range(N_DOCUMENTS):
        (folder / f"{n:04}.txt").write_text(
            " ".join(
                f"Report {n} says in point {k} that the harbour of district {n * 31 + k} took {n + k * 7} ships in "
                f"the year {1500 + (n * 13 + k) % 500}, most of them from the town of number {n * k}."
                for k in range(2)
            )
            + "\n"
        )


@contextmanager
def cluster(log: Path, n_nodes: int = 2, n_cpus: int = 2) -> Iterator[list[int]]:
    """A head without workers and nodes with processors; gives the process ids of the nodes' raylets."""
    # As a cluster should be: who has no token is not let in. It is in no file.
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ |= {"RAY_raylet_start_wait_time_s": "60"}  # for machines that are busy
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as own:
        _ray(
            log,
            *("start", "--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false"),
            f"--temp-dir={own}",
        )
        nodes: list[int] = []
        known = _raylets()
        for _ in range(n_nodes):
            _ray(log, "start", f"--address={ADDRESS}", f"--num-cpus={n_cpus}")
            (fresh,) = _raylets() - known
            nodes.append(fresh)
            known.add(fresh)
        try:
            yield nodes
        finally:
            _ray(log, "stop", "--force", common=[])


def _ray(log: Path, *arguments: str, common: list[str] = COMMON) -> None:
    """Run a command of Ray's, again where a busy machine was too slow for its limits."""
    for left in reversed(range(TRIES)):
        with log.open("ab") as out:
            done = subprocess.run(
                [sys.executable, "-m", "ray.scripts.scripts", *arguments, *common],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                check=not left,
                timeout=LIMIT_S,
            )
        if not done.returncode:
            return


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and command of each process here."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")[0].decode()
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        found[int(path.name)] = (parent, command)
    return found


def _raylets() -> set[int]:
    return {pid for pid, (_, command) in _processes().items() if command.endswith("/raylet")}


def kill_node(raylet: int) -> None:
    """What a machine's end is: the raylet and its workers are gone at once."""
    children = [pid for pid, (parent, _) in _processes().items() if parent == raylet]
    for pid in (raylet, *children):
        os.kill(pid, signal.SIGKILL)


def rag(*arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rag", *map(str, arguments)],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, errors = process.communicate(timeout=LIMIT_S)
    return {"status": process.returncode, "out": out, "errors": errors}


def n_finished(place: Path) -> int:
    """Shards that are finished and not yet in the index."""
    try:
        return (place / "insources.shards" / "manifest.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def wait_for(n: int, place: Path, process: subprocess.Popen[str]) -> int:
    """Wait until so many shards are finished."""
    begun = time.monotonic()
    while (found := n_finished(place)) < n:
        if process.poll() is not None or time.monotonic() - begun > LIMIT_S:
            raise RuntimeError(f"{found} shards instead of {n}: {ended(process)}")
        time.sleep(0.01)
    return found


def rows(uri: str) -> list[list[str]]:
    """Everything that an index holds, a row a chunk."""
    import hashlib

    from rag.opening import open_index

    index: Any = open_index(uri)
    told = index.tables["chunks"].search().select(["doc_id", "place", "record", "terms", "vector"]).to_arrow()
    found = []
    for row in told.to_pylist():
        packed = json.dumps([row["record"].decode(), row["terms"], row["vector"]]).encode()
        found.append([row["doc_id"], str(row["place"]), hashlib.sha256(packed).hexdigest()])
    documents = index.documents.digests()
    for doc_id, sha256 in documents.items():
        found.append([doc_id, "", hashlib.sha256(index.documents.records(doc_id)[0]).hexdigest() + sha256])
    return sorted(found)


def main(folder: Path) -> dict[str, Any]:
    texts, place = folder / "texts", folder / "lance"
    write_texts(texts)
    (texts / "bad.txt").write_bytes(b"caf\xe9 au lait")
    client = f"lance://{folder / 'client'}"
    told: dict[str, Any] = {}
    command = ("index", texts, "--index", f"lance://{place}", "--ray", ADDRESS, *WORKERS)
    begun = time.monotonic()

    def step(name: str, what: Callable[[], Any]) -> None:
        told[name] = what()
        print(f"{time.monotonic() - begun:6.1f} s  {name}: {told[name]}", file=sys.stderr, flush=True)

    with cluster(folder / "ray.log") as nodes:
        # The one that indexes is killed in the middle; a second one is told that it is there.
        driver = rag(*command)
        step("finished before the driver was killed", lambda: wait_for(2, place, driver))
        step("while another one indexes", lambda: ended(rag(*command)))
        driver.kill()
        driver.communicate()
        step("finished by the driver that was killed", lambda: n_finished(place))
        # It goes on from there, and loses a machine.
        driver = rag(*command)
        wanted = told["finished by the driver that was killed"] + 2
        step("finished before the node was killed", lambda: wait_for(wanted, place, driver))
        kill_node(nodes[-1])
        step("with a node killed", lambda: ended(driver))
        told["rows"] = rows(f"lance://{place}")
        step("left in between", lambda: (place / "insources.shards").exists())
        step("again", lambda: ended(rag(*command)))
        step("the same rows again", lambda: rows(f"lance://{place}") == told["rows"])
        # Files come, change, move and go.
        (texts / "new.txt").write_text(
            "The tower of the new district was built in 1801 by the guild of masons.\n"
        )
        for changed in sorted(texts.glob("*7.txt")) + sorted(texts.glob("*8.txt")):
            # What was there before keeps its vector, where it stays a chunk.
            changed.write_text(changed.read_text() + "\n" + ADDED * 3)
        (texts / "0011.txt").unlink()
        (texts / "0013.txt").rename(texts / "moved.txt")
        step("mirrored", lambda: ended(rag(*command)))
        told["mirrored rows"] = rows(f"lance://{place}")
        # Who may not or can't.
        elsewhere = (*command[:2], "--index", client)
        without = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_TOKEN"}
        without["RAY_AUTH_MODE"] = "disabled"
        step("without the token", lambda: ended(rag(*elsewhere, *command[4:], env=without)))
        step("nowhere", lambda: ended(rag(*elsewhere, "--ray", f"127.0.0.1:{PORT + 2}")))
    step("raylets left", lambda: len(_raylets()))
    step("in one process", lambda: ended(rag("index", texts, "--index", f"lance://{folder / 'one'}")))
    told["rows in one process"] = rows(f"lance://{folder / 'one'}")
    return told


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
