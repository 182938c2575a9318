"""`rag index --ray` with one worker and with two, each of one core: how many times as fast?

python -m benchmarks.ingest [--documents 1000] [--rounds 2] [--into DIR] [--json FILE] [--readme FILE]

Two raylets of one processor each, the first on the first core and the second on the second, as two machines
would be; the head and the process that indexes share these cores. The texts are sentences of `seeds/` put
together anew, no two documents alike, so that everything is encoded. It starts itself again in network and process
namespaces of its own (`unshare`), where Ray uses 127.0.0.1 alone, and everything that was started ends with it.
Needs insources[lance,cluster], two cores that nothing else uses, and about 2 GB of memory.

Exit status 1 below 1.6 times.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.beside import insert, machine
from benchmarks.encoding import table

BAR = 1.6
LEAST = 300
PORT = 6390
ADDRESS = f"127.0.0.1:{PORT}"

_INSIDE = "INSOURCES_BENCHMARK_APART"
_SENTENCES = 60


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--documents", type=int, default=1000, help="of about 25 chunks, 300 or more (default: 1000)"
    )
    parser.add_argument("--rounds", type=int, default=2, help="turns of each (default: 2)")
    parser.add_argument(
        "--into", type=Path, default=None, help="folder to work in (default: a temporary one)"
    )
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--readme", type=Path, default=None, help="file with the markers for the table")
    args = parser.parse_args(argv)
    if args.documents < LEAST:
        parser.error(f"--documents is {args.documents}; expected {LEAST} or more: fewer make too few shards")
    if _INSIDE not in os.environ:
        return _apart(sys.argv[1:] if argv is None else list(argv))
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(args.into or Path(temporary), args.documents, args.rounds)
    text = told(found)
    print(text)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if args.readme:
        insert(args.readme, "ingest", text)
    return 0 if found["ratio_all"] >= BAR else 1


def _apart(arguments: list[str]) -> int:
    """Run again where there is only loopback and nobody else's process."""
    apart = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    inside = 'ip link set lo up && exec "$0" -m benchmarks.ingest "$@"'
    command = [*apart, "sh", "-c", inside, sys.executable, *arguments]
    return subprocess.run(command, env={**os.environ, _INSIDE: "1"}, check=False).returncode


def measure(folder: Path, n_documents: int, rounds: int) -> dict[str, Any]:
    """Seconds of `rag index --ray` with one worker and with two, in turns."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("ingest: one core here; expected two")
    texts = folder / "texts"
    write_texts(texts, n_documents)
    runs: list[dict[str, float]] = []
    n_chunks = 0
    for turn in range(rounds):
        for n_workers in (1, 2) if turn % 2 == 0 else (2, 1):
            load = os.getloadavg()[0]
            with cluster(folder / "ray.log", cores[:n_workers]):
                report, seconds = _index(texts, folder / f"lance-{turn}-{n_workers}", n_workers)
            n_chunks = report["n_chunks"]
            runs.append({"workers": n_workers, "seconds": seconds, "all_s": report["seconds"], "load": load})
            print(
                f"{n_workers} of one core: {seconds:.1f} s, {n_chunks / seconds:.1f} chunks/s",
                file=sys.stderr,
            )
    taken = {n: statistics.median(run["seconds"] for run in runs if run["workers"] == n) for n in (1, 2)}
    whole = {n: statistics.median(run["all_s"] for run in runs if run["workers"] == n) for n in (1, 2)}
    return {
        "n_documents": n_documents,
        "n_chunks": n_chunks,
        "runs": runs,
        "seconds": [taken[1], taken[2]],
        "all_s": [whole[1], whole[2]],
        "ratio": taken[1] / taken[2],
        "ratio_all": whole[1] / whole[2],
    }


def _index(texts: Path, place: Path, n_workers: int) -> tuple[dict[str, Any], float]:
    """Index as `rag index --ray` does.

    Returns:
        (the whole run's chunks and seconds, seconds from the first finished shard to the last, scaled to all).
    """
    code = (
        "import json, sys, time\n"
        "from rag.cluster_ingest import preparing_on\n"
        "from rag.config import Config\n"
        "from rag.encoder import load_encoder\n"
        "from rag.opening import mirror\n"
        "texts, uri, address, n = sys.argv[1:]\n"
        "marks = []\n"
        "report = mirror([texts], uri, config=Config(), encoder=load_encoder(),\n"
        "    progress=lambda *told: marks.append((time.perf_counter(), *told)),\n"
        "    prepare=preparing_on(address, [texts], uri, n_workers=int(n)))\n"
        "print(json.dumps([report.n_chunks, report.seconds, marks]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(texts), f"lance://{place}", ADDRESS, str(n_workers)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    n_chunks, seconds, marks = json.loads(done.stdout)
    shutil.rmtree(place)
    # The pool's start is the same for a minute's work and a day's: until every worker has given one shard.
    (begun, n_begun, n_total), (ended, n_ended, _) = marks[n_workers], marks[-1]
    return {"n_chunks": n_chunks, "seconds": seconds}, (ended - begun) * n_total / (n_ended - n_begun)


def write_texts(folder: Path, n_documents: int) -> None:
    """Documents of sentences of `seeds/`, the numbers in each its own."""
    folder.mkdir(parents=True)
    held = " ".join(path.read_text("utf-8") for path in sorted(Path("seeds").glob("*.txt")))
    sentences = [part.strip() for part in " ".join(held.split()).split(". ") if 40 < len(part) < 240]
    chance = random.Random(8)
    for n in range(n_documents):
        chosen = chance.choices(sentences, k=_SENTENCES)
        lines = [f"On day {n * _SENTENCES + k}, {sentence}." for k, sentence in enumerate(chosen)]
        (folder / f"{n:06}.txt").write_text(" ".join(lines) + "\n", encoding="utf-8")


@contextmanager
def cluster(log: Path, cores: Sequence[int]) -> Iterator[None]:
    """A head without workers, and a node of one processor on each of some cores."""
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ |= {"RAY_raylet_start_wait_time_s": "300"}
    common = ["--node-ip-address=127.0.0.1", "--disable-usage-stats", "--object-store-memory=200000000"]
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as place:
        head = ["start", "--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false"]
        _ray(log, [*head, f"--temp-dir={place}", *common])
        try:
            for core in cores:
                _ray(log, ["start", f"--address={ADDRESS}", "--num-cpus=1", *common], core)
            yield
        finally:
            _ray(log, ["stop", "--force"])


def _ray(log: Path, arguments: Sequence[str], core: int | None = None) -> None:
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    with log.open("ab") as out:
        subprocess.run(
            [*pinned, sys.executable, "-m", "ray.scripts.scripts", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            check=True,
        )


def told(found: dict[str, Any]) -> str:
    """The table and the line under it."""
    n, rows = found["n_chunks"], []
    for name, key, ratio in (
        ("reading, cutting and encoding", "seconds", "ratio"),
        ("the whole run, with the pool's start and the writing", "all_s", "ratio_all"),
    ):
        one, two = found[key]
        rows.append(
            (name, f"{one:.1f}", f"{n / one:.1f}", f"{two:.1f}", f"{n / two:.1f}", f"{found[ratio]:.2f}")
        )
    heads = ("", "one worker, s", "chunks/s", "two workers, s", "chunks/s", "times as fast")
    title = f"`rag index --ray`: {found['n_documents']:,} documents, {n:,} chunks"
    load = max(run["load"] for run in found["runs"])
    return (
        f"{table(title, heads, rows).strip()}\n\nWorkers of one core each; load average before a run at most "
        f"{load:.1f}. Bar: {BAR} times for the whole run. {machine()}"
    )


if __name__ == "__main__":
    sys.exit(main())
