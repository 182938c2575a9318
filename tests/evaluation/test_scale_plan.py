"""The plan in numbers: growth that is known is found, every table and the picture come from the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale_growth import Assumed, Need, fit, nodes
from benchmarks.scale_plan import main
from rag.errors import RagError

PROJECT = Path(__file__).resolve().parents[2]


def lance_row(size: int) -> dict[str, Any]:
    """A size of which every chunk takes the same, and a question the fourth root."""
    times = {"p50": 10 * size**0.25, "p95": 50.0, "p99": 60.0, "cpu": 10 * size**0.25}
    disk = {"vector index": 60 * size, "word index": 140 * size, "all": 3000 * size}
    return {
        "size": size,
        "load": 0.5,
        "retrieve": times,
        "recall": {"vectors": 0.98, "words": 1.0, "hybrid": 0.99},
        "disk": disk,
        "disk_most": 6000 * size,
        "open": {"grown_own": 100 * 2**20},
        "write_s": size / 1e4,
        "index_s": size / 1e4,
        "write_cpu_s": size / 1e4,
        "index_cpu_s": size / 1e4,
        "change": {"add_s": 1.0},
    }


def test_growth_that_is_known_is_found() -> None:
    growth = fit([10**4, 10**5, 10**6], [3 * size**0.5 for size in (10**4, 10**5, 10**6)])
    assert growth.exponent == pytest.approx(0.5)
    assert growth.at(10**8) == pytest.approx(3 * 10**4)
    # As much for each chunk as at the largest size: 3,000 for a million.
    assert growth.linear(10**8) == pytest.approx(3 * 10**5)
    with pytest.raises(RagError, match="expected at least 2"):
        fit([10**4], [1.0])


def test_nodes_and_money_are_the_sum_of_what_is_assumed() -> None:
    assumed = Assumed(
        vcpu_hour=0.1, ram_gb_hour=0.01, nvme_gb_month=0.5, s3_gb_month=0.2, questions_s=10, busy=0.5,
        replicas=3, ram_share=0.5, node_ram_gb=64, encoded_s=100,
    )  # fmt: skip
    # 30 GB of lists and 2 of its own at half of a node's memory: 64 GB. 10 questions of 200 ms at half: 4.
    made = nodes(10**7, Need(100e9, 30e9, 2e9, 200, 3600), assumed, shared=True)
    assert (made.parts, made.n, made.vcpus, made.ram_gb, made.disk_gb) == (1, 3, 4, 64, 100)
    assert made.month == pytest.approx(3 * 730 * (4 * 0.1 + 64 * 0.01) + 3 * 100 * 0.5 + 100 * 0.2)
    assert made.once == pytest.approx((10**7 / 100 / 3600 + 1) * 0.1)
    # Ten times as much fits no node.
    assert nodes(10**8, Need(1e12, 300e9, 2e9, 200, 36000), assumed, shared=False).parts == 10


def test_everything_is_written_from_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    rows = tmp_path / "lance.json"
    told = {"versions": {"lancedb": "0.40.0"}, "rows": [lance_row(10**n) for n in (4, 5, 6)]}
    rows.write_text(json.dumps(told))
    out = tmp_path / "scale.md"
    folder = str(PROJECT / "benchmarks" / "scale.json")
    options = ["--folder", folder, "--lance", str(rows), "--out", str(out), "--images", str(tmp_path)]
    assert main([*options, "--vcpu-hour", "0.07"]) == 0
    said = out.read_text(encoding="utf-8")
    assert said in capsys.readouterr().out
    assert "`python -m benchmarks.scale_plan --vcpu-hour 0.07`" in said
    assert "| a question, p50, ms | 100.0 | 177.8 | 316.2 | 0.25 |" in said
    assert "| disk, MiB | 29 | 286 | 2,861 | 1.00 |" in said
    # 3,000 bytes a chunk; 200 in lists; 10 * (10 ** 8) ** 0.25 ms.
    assert "| 100,000,000 | LanceDB | 300 | 20 | 1,000 | 2 of " in said
    assert "docs.lancedb.com/indexing/quantization" in said
    assert (tmp_path / "scale_out.png").stat().st_size > 10_000
