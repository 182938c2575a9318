"""Everything new that an index is to hold, made by a cluster's workers, shard by shard.

This process finds out what changed, hands out the shards, keeps each that is finished (`rag.ingest_manifest`)
and writes them all at the end, so that readers see the old state or the new one. Killed at any moment, the
next run goes on from the shards that were finished.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.assembly import Part, Progress, encode_parts
from rag.cluster import check_cluster, connected
from rag.cluster_worker import describe_work, pack_task
from rag.config import Config, EncoderConfig
from rag.corpus import SourceFile
from rag.encoder import Encoder, load_encoder
from rag.index import Changes, Index, IndexReport, conclude, find_changes, note_texts
from rag.ingest import make_shard
from rag.ingest_manifest import Manifest
from rag.ingest_plan import ShardPlan, plan_shards
from rag.ingest_records import pack_shard
from rag.locations import folder_of, is_shared
from rag.prepared import Prepared, in_a_folder
from rag.seen import Seen
from rag.stores.base import Floats
from rag.stores.exact import ExactStore

__all__ = ["ClusterPreparing", "preparing_on", "staging_of"]

# Chunks that are written at a time: each writing makes a version of the tables.
_WRITTEN = 8192

# Shards that are done in this process instead: a cluster's workers take longer to start.
MOST_HERE = 1

_FOLDER = "insources.shards"


@dataclass(frozen=True, slots=True)
class ClusterPreparing:
    """How a cluster prepares what is new; called as `rag.prepared.Prepare`.

    Progress is told in documents: how many chunks there are is known at the end.

    Attributes:
        address: of the cluster, as for `rag.cluster.connected`.
        roots: the indexed paths, absolute; every machine must see them under the same names.
        staging: where finished shards are kept until the index holds them.
        n_workers: most workers at once; None for one a processor of the cluster.
        open_encoder: opens the encoder on each worker.
    """

    address: str
    roots: tuple[str, ...]
    staging: Path
    n_workers: int | None = None
    open_encoder: Callable[[EncoderConfig], Encoder] = load_encoder

    @contextmanager
    def __call__(
        self,
        files: list[SourceFile],
        old: Index | None,
        config: Config,
        encoder: Encoder,
        report: IndexReport,
        progress: Progress | None,
        seen: Seen,
    ) -> Iterator[Prepared]:
        """Have everything new done.

        Raises:
            SourceError: no file could be read, or a machine does not see them.
            ClusterUnavailable: the cluster can't be reached, or was lost; what is finished is kept.
            IndexBusy: another process uses the same staging folder.
            IndexWriteError: the staging folder can't be written.
        """
        changes = find_changes(files, old, report, seen)
        plans = plan_shards(changes.files, config, encoder.encoder_id)
        with Manifest(self.staging, (plan.key for plan in plans)) as manifest:
            report.n_resumed = sum(one.n_chunks for one in manifest.finished.values())
            resumed = frozenset(manifest.finished)
            self._finish(plans, manifest, old, config, encoder, progress)
            held = old.documents.digests() if old is not None else {}
            doc_ids = {part.doc_id for part in changes.moved}
            for plan in plans:
                shard = manifest.read(plan.key)
                note_texts(report, shard.texts, old, held)
                report.n_encoded += 0 if plan.key in resumed else shard.n_encoded
                doc_ids.update(part.doc_id for part in shard.texts.parts)
            conclude(report, doc_ids, old)
            yield _OfCluster(doc_ids, changes, plans, manifest, old, encoder)

    def _finish(
        self,
        plans: Sequence[ShardPlan],
        manifest: Manifest,
        old: Index | None,
        config: Config,
        encoder: Encoder,
        progress: Progress | None,
    ) -> None:
        """Have every shard done that is not finished yet."""
        sizes = {plan.key: len(plan.files) for plan in plans}
        n_total = sum(sizes.values())
        n_done = sum(sizes[key] for key in manifest.finished)
        left = [plan for plan in plans if plan.key not in manifest.finished]
        if not left:
            return
        if progress is not None:
            progress(n_done, n_total)
        held = old.documents.digests() if old is not None else {}
        if len(left) <= MOST_HERE:
            for plan in left:
                known, vectors = _known(plan, old, held, encoder.dim)
                shard = make_shard(plan.files, config, encoder, known=known, before=ExactStore(vectors))
                manifest.add(plan.key, pack_shard(shard))
                n_done += sizes[plan.key]
                if progress is not None:
                    progress(n_done, n_total)
            return
        tasks = ((plan.key, pack_task(plan, *_known(plan, old, held, encoder.dim))) for plan in left)
        with connected(self.address, self.n_workers) as cluster:
            for done in cluster.run(
                tasks, describe_work(config, encoder.encoder_id, self.roots), self.open_encoder
            ):
                if done.key in manifest.finished:
                    continue
                manifest.add(done.key, done.data)
                n_done += sizes[done.key]
                if progress is not None:
                    progress(n_done, n_total)


def preparing_on(
    address: str,
    paths: Iterable[str | os.PathLike[str]],
    index: str,
    *,
    staging: str | os.PathLike[str] | None = None,
    n_workers: int | None = None,
) -> ClusterPreparing:
    """How a cluster prepares what an index will hold, once it is certain that it may.

    Args:
        address: of the cluster, as for `rag.cluster.connected`.
        paths: files and folders; every machine must see them under the same names.
        index: name of the index.
        staging: where finished shards are kept until the index holds them; `staging_of` by default.
        n_workers: most workers at once; None for one a processor of the cluster.

    Raises:
        OptionalDependencyError: Ray is not installed.
        ConfigError: no address, or an index that only one process makes.
        ClusterUnavailable: nobody listens at the address.
    """
    check_cluster(address)
    if not is_shared(index):
        raise in_a_folder(index)
    roots = tuple(os.path.abspath(path) for path in paths)
    return ClusterPreparing(
        address, roots, Path(staging) if staging is not None else staging_of(index), n_workers
    )


def staging_of(index: str) -> Path:
    """Where finished shards are kept unless told otherwise: beside the index where that is in a folder, or
    else in this user's cache.

    >>> staging_of("lance:///srv/corpus")
    PosixPath('/srv/corpus/insources.shards')
    """
    folder = folder_of(index)
    if folder is not None:
        return folder / _FOLDER
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / _FOLDER / hashlib.sha256(index.encode()).hexdigest()[:32]


def _known(
    plan: ShardPlan, old: Index | None, held: dict[str, str], dim: int
) -> tuple[dict[str, int], Floats]:
    """The texts of a shard's own documents whose vectors are known, with their rows in the vectors.

    Text that came here from another document is encoded again; in one process it is not.
    """
    known: dict[str, int] = {}
    rows: list[int] = []
    if old is not None:
        for doc_id in (source.doc_id for source in plan.files if source.doc_id in held):
            for row in old.documents.rows(doc_id):
                if known.setdefault(old.chunks[row].text, len(rows)) == len(rows):
                    rows.append(row)
    vectors = np.empty((0, dim), np.float32)
    if old is not None and rows:
        vectors = old.vectors.vectors(np.asarray(rows, np.int64))
    return known, vectors


class _OfCluster:
    """What the workers made, read from the staging folder a few shards at a time."""

    def __init__(
        self,
        doc_ids: set[str],
        changes: Changes,
        plans: Sequence[ShardPlan],
        manifest: Manifest,
        old: Index | None,
        encoder: Encoder,
    ) -> None:
        self._doc_ids = doc_ids
        self._changes = changes
        self._plans = plans
        self._manifest = manifest
        self._old = old
        self._encoder = encoder

    @property
    def doc_ids(self) -> set[str]:
        return self._doc_ids

    def batches(self) -> Iterator[tuple[Sequence[Part], Floats]]:
        parts: list[Part] = []
        vectors: list[Floats] = []
        for plan in self._plans:
            shard = self._manifest.read(plan.key)
            parts += shard.texts.parts
            vectors.append(shard.vectors)
            if sum(map(len, vectors)) >= _WRITTEN:
                yield parts, np.concatenate(vectors)
                parts, vectors = [], []
        if parts:
            yield parts, np.concatenate(vectors)
        if self._old is not None and self._changes.moved:
            yield self._changes.moved, encode_parts(self._changes.moved, self._encoder, self._old.vectors)

    def done(self) -> None:
        self._manifest.remove()
