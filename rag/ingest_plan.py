"""Files to shards: the same files make the same shards, so that what an earlier run finished is known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.config import Config
from rag.corpus import SourceFile, read_bytes
from rag.errors import FileError
from rag.ingest_records import SHARD_FORMAT
from rag.seen import stamp_of
from rag.snapshot import code_digest

__all__ = ["ShardPlan", "plan_shards"]

# A shard is the work that is lost with a worker, and must be worth the sending: seconds of one core.
MOST_FILES = 64
MOST_BYTES = 512 * 2**10
# One file in so many ends its shard, told by its name: a file that comes or goes moves no shard but its own.
_ENDS = 32


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Files that are done together.

    Attributes:
        key: sha256 of everything that what becomes of them depends on; also its name in the manifest.
        files: sorted by doc_id.
    """

    key: str
    files: tuple[SourceFile, ...]


def plan_shards(files: Sequence[SourceFile], config: Config, encoder_id: str) -> list[ShardPlan]:
    """Cut files into shards.

    A key names each file with its size, times and inode, and those written within the last two seconds
    with the sha256 of their bytes, the settings, the encoder and the code: where any of them differs, the
    shard is done anew.

    Args:
        files: sorted by doc_id.
        config: how the texts will be cut.
        encoder_id: of what will make the vectors.
    """
    common = [SHARD_FORMAT, code_digest(), encoder_id, config.index_settings()]
    plans = []
    for some in _cut(files):
        told = json.dumps([common, [_state_of(source) for source in some]], sort_keys=True)
        plans.append(ShardPlan(hashlib.sha256(told.encode()).hexdigest(), tuple(some)))
    return plans


def _cut(files: Sequence[SourceFile]) -> Iterator[list[SourceFile]]:
    shard: list[SourceFile] = []
    size = 0
    for source in files:
        n = _size(source.path)
        if shard and size + n > MOST_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(source)
        size += n
        if len(shard) >= MOST_FILES or _ends(source.doc_id):
            yield shard
            shard, size = [], 0
    if shard:
        yield shard


def _ends(doc_id: str) -> bool:
    return hashlib.sha256(doc_id.encode()).digest()[0] % _ENDS == 0


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _state_of(source: SourceFile) -> list[object]:
    """What tells that a file is as it was."""
    where = [source.doc_id, str(source.path).encode("utf-8", "surrogateescape").hex()]
    stamp = stamp_of(source.path)
    if stamp is not None:
        return [*where, stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode]
    try:
        return [*where, read_bytes(source)[1]]
    except FileError as error:
        return [*where, "unreadable", str(error)]
