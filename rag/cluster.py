"""A Ray cluster: reached, or refused with one clear error, and its workers given shards to do.

Everything that is asked of Ray comes through here; what a worker does is `rag.cluster_worker`. Ray is loaded
when a cluster is asked for and not before.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import secrets
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rag.cluster_worker import Worker, raise_told
from rag.config import EncoderConfig
from rag.encoder import Encoder, load_encoder
from rag.errors import ClusterUnavailable, ConfigError, OptionalDependencyError, RagError
from rag.waiting import asked_within

__all__ = ["Cluster", "Done", "check_cluster", "connected"]

# Seconds for a port to open, and for a cluster to answer.
PORT_S = 10.0
ANSWER_S = 120.0

# Shards that are on their way at a time: with what is known of their texts they lie in Ray's memory.
_WAVE = 1024

# Bytes of Ray's object store where this process starts it; shards are small and don't stay.
_OBJECT_STORE = 256 * 2**20

_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Done:
    """A shard that a worker has done.

    Attributes:
        key: the shard's.
        data: as `pack_shard` makes it.
    """

    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that answers.

    Attributes:
        address: as it was given.
        n_workers: most workers at once, of one processor each.
    """

    address: str
    n_workers: int

    def run(
        self,
        tasks: Iterable[tuple[str, bytes]],
        work: str,
        open_encoder: Callable[[EncoderConfig], Encoder] = load_encoder,
    ) -> Iterator[Done]:
        """Have shards done, each at least once, in whatever order.

        A shard that was with a worker or machine that is lost is done by another one.

        Args:
            tasks: (key, `pack_task`) of each.
            work: of `describe_work`.
            open_encoder: opens the encoder on each worker; must be importable there.

        Raises:
            RagError: what a worker said was wrong.
            ClusterUnavailable: the cluster was lost, or can't do the work at all.
        """
        left = iter(tasks)
        while wave := list(islice(left, _WAVE)):
            with _in_our_words(self.address):
                yield from self._run_wave(wave, work, open_encoder)

    def _run_wave(
        self, wave: list[tuple[str, bytes]], work: str, open_encoder: Callable[[EncoderConfig], Encoder]
    ) -> Iterator[Done]:
        import pyarrow as pa
        import ray.data

        # The progress is told by whoever asked.
        ray.data.DataContext.get_current().enable_progress_bars = False
        for name in list(logging.root.manager.loggerDict):
            if name.partition(".")[0] == "ray":
                logging.getLogger(name).setLevel(logging.ERROR)
        tables = [pa.table({"key": [key], "task": pa.array([task], pa.large_binary())}) for key, task in wave]
        n = min(self.n_workers, len(wave))
        done = ray.data.from_arrow(tables).map_batches(
            RayWorker,
            batch_size=1,
            batch_format="pyarrow",
            # One that is left is enough to go on with: a machine may be lost.
            compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=n, max_size=n),
            num_cpus=1,
            fn_constructor_args=(work, open_encoder),
        )
        for batch in done.iter_batches(batch_size=1, batch_format="pyarrow"):
            for key, data, wrong in zip(
                *(batch[name].to_pylist() for name in batch.column_names), strict=True
            ):
                if wrong:
                    raise_told(wrong)
                yield Done(key, data)


class RayWorker:
    """A worker in the form that Ray Data gives a table to."""

    def __init__(self, work: str, open_encoder: Callable[[EncoderConfig], Encoder]) -> None:
        self._worker = Worker(work, open_encoder)

    def __call__(self, tasks: Any) -> Any:
        import pyarrow as pa

        done = [self._worker.do(task) for task in tasks["task"].to_pylist()]
        return pa.table(
            {
                "key": tasks["key"],
                "data": pa.array([data for data, _ in done], pa.large_binary()),
                "wrong": [wrong for _, wrong in done],
            }
        )


def check_cluster(address: str) -> None:
    """Whether Ray is installed, and somebody listens at an address; nothing is asked yet.

    Raises:
        OptionalDependencyError: Ray is not installed.
        ConfigError: no address.
        ClusterUnavailable: nobody listens.
    """
    match = _ADDRESS.fullmatch(address)
    if not match and address not in ("auto", "local"):
        # Ray Data has no way through Ray's client: it needs a part of Ray in its own process.
        client = "; ray:// is the port of a client that Ray Data can't use" if "ray://" in address else ""
        raise ConfigError(
            f"the Ray cluster's address is {address!r}; expected auto (the one that runs here), local (one for "
            "this run, on this machine) or, on one of the cluster's machines, the HOST:PORT of its head"
            f"{client}"
        )
    for package in ("ray", "pyarrow"):
        if importlib.util.find_spec(package) is None:
            raise OptionalDependencyError(package, "cluster", f"for the Ray cluster {address!r}")
    if match:
        _knock(address, match["host"].strip("[]"), int(match["port"]))


@contextmanager
def connected(address: str, n_workers: int | None = None) -> Iterator[Cluster]:
    """Be connected to a cluster.

    Args:
        address: `auto` for the one that runs on this machine (or that `RAY_ADDRESS` names), `local` for one
            that is started on this machine and ends with the run, or the `HOST:PORT` of its head, on one of its
            machines.
        n_workers: most workers at once; as many as the cluster has processors by default.

    Raises:
        OptionalDependencyError: Ray is not installed.
        ConfigError: no address.
        ClusterUnavailable: no cluster answers there.
    """
    check_cluster(address)
    # Ray tells its makers about each cluster unless the environment says something else.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Not what Ray says of each try to connect; but Ray ends this process where its own part of it is lost, and
    # nothing else than this tells why.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "error")
    if address == "local" and "ray" not in sys.modules:
        # Nobody else on this machine is to use it either. Ray reads this when it is loaded, and leaves no file of it.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        os.environ |= {"RAY_raylet_start_wait_time_s": f"{ANSWER_S:g}"}  # 30 are too few on a busy machine
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    joined = ray.is_initialized()  # by the program that called us, which keeps it
    if not joined:
        if address == "local":
            # In this thread: what Ray starts here ends with the thread that started it.
            with _in_our_words(address):
                _init(address)
        else:
            _within(address, lambda: _init(address))
    try:
        n_cpus = int(_within(address, ray.cluster_resources).get("CPU", 0))
        if not n_cpus:
            raise ClusterUnavailable(
                f"the Ray cluster {address!r} has no processor for workers; start a node with: "
                "ray start --address=HEAD:PORT --num-cpus=N"
            )
        yield Cluster(address, min(n_workers or n_cpus, n_cpus))
    finally:
        if not joined:
            ray.shutdown()


def _init(address: str) -> None:
    import ray

    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        # For this run alone: nobody else on the network is to find it.
        settings |= {
            "num_cpus": len(os.sched_getaffinity(0)),
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE,
            "_node_ip_address": "127.0.0.1",
        }
    ray.init(address=address, **settings)


def _knock(address: str, host: str, port: int) -> None:
    """See whether somebody listens, since Ray itself waits for minutes."""
    try:
        socket.create_connection((host, port), timeout=PORT_S).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "no answer"
        raise ClusterUnavailable(
            f"no Ray cluster at {address!r}: {reason} (within {PORT_S:g} s); start one with: "
            f"ray start --head --port={port}, or look at it there with: ray status"
        ) from error


def _within(address: str, ask: Callable[[], Any]) -> Any:
    """What Ray answers, or an error after a while; the thread that waits is left behind then."""
    answer = asked_within(ANSWER_S, ask, "ray")
    if not answer.done():
        raise ClusterUnavailable(
            f"the Ray cluster {address!r} gave no answer within {ANSWER_S:g} s; is it Ray's own port, and of the "
            "same version of Ray? Look at it with: ray status"
        )
    failure = answer.exception()
    if failure is not None:
        raise ClusterUnavailable(
            f"the Ray cluster {address!r} can't be used: {_first_line(failure)}; look at it with: ray status"
        ) from failure
    return answer.result()


@contextmanager
def _in_our_words(address: str) -> Iterator[None]:
    """Ray's errors while shards are done, in our words."""
    try:
        yield
    except RagError:
        raise
    except Exception as error:  # nothing but Ray runs here; a worker's own mistakes come as Ray's too
        told = str(error)
        if re.search(r"No module named '(rag|insources)", told):
            raise ClusterUnavailable(
                f"a machine of the Ray cluster {address!r} can't import insources; install the same version on "
                "every one of them, into the Python that ray start runs with"
            ) from error
        raise ClusterUnavailable(
            f"the Ray cluster {address!r} failed: {_first_line(error)}; finished shards are kept: index again "
            "to go on"
        ) from error


def _first_line(error: BaseException) -> str:
    """The line of an error that says most: Ray puts a worker's whole traceback before it."""
    cause: BaseException | None = error
    while cause is not None:
        if "AuthToken" in str(cause):
            return "it wants a token that is not here; set RAY_AUTH_MODE=token, with its head's ~/.ray/auth_token"
        cause = cause.__cause__ or cause.__context__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if re.match(r"[\w.]*(Error|Exception)\b", line)), None)
    return (said or (lines or [""])[0])[:300] or type(error).__name__
