"""From measured sizes to ones that were not: fitted growth, nodes and money. Every assumption has a name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from rag.errors import RagError

__all__ = ["PUBLISHED", "Assumed", "Growth", "Need", "Nodes", "fit", "nodes"]

HOURS = 730  # of a month
GB = 1e9


@dataclass(frozen=True, slots=True)
class Growth:
    """`scale` times size to the power of `exponent`.

    Attributes:
        scale: what a size of 1 would take.
        exponent: 1 where twice the chunks take twice as much, 0 where size does not matter.
        last: the largest size that was measured, and what it took.
    """

    scale: float
    exponent: float
    last: tuple[int, float]

    def at(self, size: int) -> float:
        """What some size takes, by the fit."""
        return float(self.scale * size**self.exponent)

    def linear(self, size: int) -> float:
        """What some size takes if each chunk takes what it did at the largest measured size."""
        return self.last[1] / self.last[0] * size


def fit(sizes: Sequence[int], values: Sequence[float]) -> Growth:
    """The power of size that comes nearest, by least squares of the logarithms.

    >>> round(fit([10, 100, 1000], [3.0, 30.0, 300.0]).exponent, 3)
    1.0

    Raises:
        RagError: fewer than two sizes.
    """
    if len(sizes) < 2:
        raise RagError(f"{len(sizes)} sizes; expected at least 2 to fit growth to: measure more of them")
    logs = np.log(np.array([sizes, [max(value, 1e-9) for value in values]], np.float64))
    exponent, constant = np.polyfit(logs[0], logs[1], 1)
    return Growth(float(np.exp(constant)), float(exponent), (sizes[-1], values[-1]))


def _assumed(default: float, said: str) -> Any:
    return field(default=default, metadata={"said": said})


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the plan takes for granted; each is an option of `benchmarks.scale_plan`, with these words."""

    vcpu_hour: float = _assumed(0.04, "dollars for a processor and hour")
    ram_gb_hour: float = _assumed(0.005, "dollars for a GB of memory and hour")
    nvme_gb_month: float = _assumed(0.10, "dollars for a GB of local disk and month")
    s3_gb_month: float = _assumed(0.023, "dollars for a GB of object store and month")
    questions_s: float = _assumed(10.0, "questions a second, at the peak")
    busy: float = _assumed(0.5, "share of the processors that may be busy then")
    replicas: int = _assumed(2, "nodes that hold the same, so that one may fail")
    ram_share: float = _assumed(0.8, "share of a node's memory that may be in use")
    node_ram_gb: float = _assumed(512.0, "memory of the largest node, GB")
    encoded_s: float = _assumed(160.0, "chunks that one processor encodes in a second (benchmarks/README.md)")

    @classmethod
    def named(cls) -> list[tuple[str, str, Any]]:
        """Name, what it is, and default of each."""
        return [(one.name, one.metadata["said"], one.default) for one in fields(cls)]


@dataclass(frozen=True, slots=True)
class Need:
    """What one index of some size takes.

    Attributes:
        disk: bytes.
        at_hand: bytes that every question may touch, which memory should hold.
        own: bytes of the process besides.
        cpu_ms: of the processors for a question.
        build_s: of the processors, once, without encoding.
    """

    disk: float
    at_hand: float
    own: float
    cpu_ms: float
    build_s: float


@dataclass(frozen=True, slots=True)
class Nodes:
    """What serves it.

    Attributes:
        parts: into how many it must be split because no node holds it.
        n: nodes in all.
        vcpus, ram_gb, disk_gb: of each.
        month: dollars a month.
        once: dollars for encoding and building.
        core_hours: for encoding and for building.
    """

    parts: int
    n: int
    vcpus: int
    ram_gb: int
    disk_gb: float
    month: float
    once: float
    core_hours: tuple[float, float]


def nodes(size: int, need: Need, assumed: Assumed, *, shared: bool) -> Nodes:
    """Nodes and money for an index.

    Args:
        size: chunks.
        need: of the whole of it.
        assumed: prices and habits.
        shared: whether an object store holds it too, as the place that all nodes read.

    >>> small = nodes(10**6, Need(5e9, 4e8, 6e8, 40, 300), Assumed(), shared=True)
    >>> small.parts, small.n, small.vcpus, small.ram_gb
    (1, 2, 2, 2)
    """
    ram_gb = (need.at_hand + need.own) / GB / assumed.ram_share
    parts = math.ceil(ram_gb / assumed.node_ram_gb)
    each_gb = _power_of_two(ram_gb / parts)
    # Each replica may have to serve alone.
    vcpus = max(2, _power_of_two(assumed.questions_s * need.cpu_ms / 1000 / assumed.busy / parts))
    n = parts * assumed.replicas
    disk_gb = need.disk / GB / parts
    month = n * HOURS * (vcpus * assumed.vcpu_hour + each_gb * assumed.ram_gb_hour)
    month += n * disk_gb * assumed.nvme_gb_month
    month += need.disk / GB * assumed.s3_gb_month if shared else 0.0
    hours = size / assumed.encoded_s / 3600, need.build_s / 3600
    return Nodes(parts, n, vcpus, each_gb, disk_gb, month, sum(hours) * assumed.vcpu_hour, hours)


def _power_of_two(least: float) -> int:
    return int(2 ** math.ceil(math.log2(max(1.0, least))))


# Engine, what its makers publish, and where.
PUBLISHED = (
    (
        "LanceDB, RaBitQ",
        "1 bit a dimension and two numbers: 56 bytes for 384",
        "docs.lancedb.com/indexing/quantization",
    ),
    (
        "LanceDB in the process, files on an object store",
        "500 to 1,000 ms; 10 to 50 questions a second",
        "docs.lancedb.com/enterprise/features",
    ),
    (
        "LanceDB Enterprise, a million vectors, warm",
        "vectors p50 25, p99 35 ms; full text p50 26 ms",
        "docs.lancedb.com/enterprise/benchmarks",
    ),
    (
        "Milvus, HNSW in memory, 10^9 of 768 float32",
        "over 3 TB of memory; half of it for 384",
        "milvus.io/blog: bring-vector-compression-to-the-extreme (2025-05-13)",
    ),
    (
        "Milvus, IVF_RABITQ",
        "1:32 of float32: 48 bytes for 384, and what it is refined with",
        "milvus.io/docs/ivf-rabitq.md",
    ),
    (
        "Qdrant, all in memory",
        "vectors x dimension x 4 bytes x 1.5: 230 GB for 10^8 of 384, 2.3 TB for 10^9",
        "qdrant.tech/documentation/capacity-planning",
    ),
)  # fmt: skip
