"""Everything new that an index is to hold, ready to be written, wherever it was made.

An index that many processes may write takes it in batches; what keeps the index need not know whether
this process made them (`prepare_here`) or a cluster's workers (`rag.cluster_ingest`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rag.assembly import Part, Progress, encode_parts
from rag.config import Config
from rag.corpus import SourceFile
from rag.encoder import Encoder
from rag.errors import ConfigError
from rag.index import Index, IndexReport, conclude, find_changes, known_texts, note_texts
from rag.ingest import make_shard
from rag.seen import Seen
from rag.stores.base import Floats

__all__ = ["Prepare", "Prepared", "in_a_folder", "prepare_here"]


class Prepared(Protocol):
    """What an update writes."""

    @property
    def doc_ids(self) -> set[str]:
        """Of the documents in the batches."""

    def batches(self) -> Iterator[tuple[Sequence[Part], Floats]]:
        """Documents with float32 vectors, (n_chunks, dim), in the order of their chunks."""

    def done(self) -> None:
        """The index holds it: what was kept for the case of a crash may go."""


# Of the files, the index before, the settings, the encoder, the report that is filled, the progress, and what is
# known of the files without reading them.
Prepare = Callable[
    [list[SourceFile], Index | None, Config, Encoder, IndexReport, Progress | None, Seen],
    AbstractContextManager[Prepared],
]


def prepare_here(
    files: list[SourceFile],
    old: Index | None,
    config: Config,
    encoder: Encoder,
    report: IndexReport,
    progress: Progress | None,
    seen: Seen,
) -> AbstractContextManager[Prepared]:
    """Read and encode in this process, all of it as one shard.

    Raises:
        SourceError: no file could be read.
    """
    changes = find_changes(files, old, report, seen)
    shard = make_shard(
        changes.files,
        config,
        encoder,
        known=known_texts(old, changes, report),
        before=old.vectors if old is not None else None,
        progress=progress,
    )
    note_texts(report, shard.texts, old, old.documents.digests() if old is not None else {})
    report.n_encoded = shard.n_encoded
    batches = [(shard.texts.parts, shard.vectors)]
    if old is not None and changes.moved:
        batches.append((changes.moved, encode_parts(changes.moved, encoder, old.vectors)))
    here = _Here([batch for batch in batches if batch[0]])
    conclude(report, here.doc_ids, old)
    return nullcontext(here)


def in_a_folder(index: str) -> ConfigError:
    """The error where others are to make what an index in a folder will hold."""
    return ConfigError(
        f"the index {index!r} is in a folder, which one process reads, encodes and writes; a cluster can fill one "
        "in a database: --index lance://FOLDER, lance://s3://BUCKET/PATH or milvus://HOST/COLLECTION"
    )


class _Here:
    def __init__(self, batches: list[tuple[list[Part], Floats]]) -> None:
        self._batches = batches

    @property
    def doc_ids(self) -> set[str]:
        return {part.doc_id for parts, _ in self._batches for part in parts}

    def batches(self) -> Iterator[tuple[Sequence[Part], Floats]]:
        yield from self._batches

    def done(self) -> None:
        """Nothing was kept."""
