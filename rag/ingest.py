"""A shard of documents: read, cleaned, cut and encoded, by whatever process and on whatever machine.

What does a shard knows nothing of who asked for it: `rag index` does all new files as one shard in its own
process, and a cluster's workers do one shard after another (`rag.cluster_worker`). The same files give the
same shard everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rag.assembly import Part, Progress, encode_parts, read_part
from rag.config import Config
from rag.corpus import SourceFile, parse_file, read_bytes
from rag.encoder import Encoder
from rag.errors import FileError
from rag.formats import ParseOptions
from rag.stores import VectorStore
from rag.stores.base import Floats

__all__ = ["Shard", "ShardTexts", "make_shard", "read_shard", "told"]


@dataclass(frozen=True, slots=True)
class ShardTexts:
    """The documents of some files, cut.

    Attributes:
        parts: of the files that could be read, in the files' order.
        failed: (doc_id, what was wrong) of the others.
        notes: (doc_id, what of the file is not in its text).
    """

    parts: list[Part] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shard:
    """The documents of some files, with the vectors of their chunks.

    Attributes:
        texts: the documents.
        vectors: float32, (n_chunks, dim), in the order of the parts' chunks; L2-normalised.
        n_encoded: chunks whose vectors were not known before.
    """

    texts: ShardTexts
    vectors: Floats
    n_encoded: int


def read_shard(
    files: Iterable[SourceFile],
    config: Config,
    encoder: Encoder,
    known: Mapping[str, int] | None = None,
) -> ShardTexts:
    """Read, parse, clean and cut some files. A file that can't be read never stops the others.

    Args:
        files: in the order that the parts shall have.
        config: how to parse, clean and cut.
        encoder: whose limit no chunk may exceed.
        known: chunk texts whose vectors exist, with their rows.
    """
    options = ParseOptions(config.formats.text_column, keep_furniture=not config.chunk.remove_furniture)
    found = ShardTexts()
    for source in files:
        try:
            data, sha256 = read_bytes(source)
            parsed = parse_file(source, data, sha256, options)
            part = read_part(source.doc_id, parsed, sha256, config, encoder, known)
        except FileError as error:
            found.failed.append(told(source.doc_id, error))
            continue
        found.parts.append(part)
        found.notes.extend((source.doc_id, note) for note in parsed.notes)
    return found


def make_shard(
    files: Sequence[SourceFile],
    config: Config,
    encoder: Encoder,
    *,
    known: Mapping[str, int] | None = None,
    before: VectorStore | None = None,
    progress: Progress | None = None,
) -> Shard:
    """Everything that becomes of some files, but for being written.

    Args:
        files: in the order that the parts shall have.
        config: how to parse, clean and cut.
        encoder: makes the vectors that are not known.
        known: chunk texts whose vectors exist, with their rows in `before`.
        before: vectors that exist.
        progress: told (n_done, n_total) chunks after each encoded batch.

    Raises:
        ModelError: the encoder gave vectors of another shape.
    """
    texts = read_shard(files, config, encoder, known)
    vectors = encode_parts(texts.parts, encoder, before, progress)
    return Shard(texts, vectors, sum(row < 0 for part in texts.parts for row in part.rows))


def told(doc_id: str, error: FileError) -> tuple[str, str]:
    """A file that could not be read, for the report: its name and what was wrong."""
    return doc_id, str(error).removeprefix(f"{doc_id}: ")
