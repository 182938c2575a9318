"""Parts of an index that never change once written: documents, chunks, vectors and postings together.

An index that is built at once is one segment. What is added later goes into a new one; what leaves is
only marked, until `settle` finds it worth writing segments anew. Merging copies records, vectors and
postings; no text is cut into words and none is encoded again. Small indexes are merged at every change
and are then, file by file, what a build from nothing gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rag.blobs import Blob, Buffer
from rag.datatypes import Chunk, Document
from rag.errors import IndexDamaged
from rag.facts import Facts, decode_facts
from rag.records import Lines, decode_chunk, decode_document
from rag.sketches import SKETCH_SIZE
from rag.stores import IvfStore, VectorStore, kind_for, vector_store
from rag.stores.arrays import Column, pack_array, unpack_array
from rag.stores.base import Floats, Ints
from rag.stores.live import Live
from rag.stores.names import Names
from rag.stores.postings import TERMS, Postings, merge_postings
from rag.stores.tokens import TermMaker, language_of

__all__ = ["Segment", "SegmentPart", "build_segment", "count_words", "read_segment", "settle", "without"]

# Below this number of chunks everything is merged at each change: it takes less than a second.
ONE_SEGMENT_BELOW = 20_000

# A segment is merged with the one after it unless it is this many times as large.
_RATIO = 4

# Smaller neighbours are merged whatever their sizes: each segment costs every question something.
_SMALL = 5_000

# A segment that has lost this share of its chunks is written anew.
_MOST_DEAD = 0.25


class SegmentPart(Protocol):
    """What a segment needs of one document."""

    @property
    def doc_id(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def document(self) -> bytes: ...
    @property
    def facts(self) -> bytes: ...
    @property
    def sketch(self) -> npt.NDArray[np.uint32]: ...
    @property
    def chunks(self) -> list[bytes]: ...
    @property
    def texts(self) -> list[str]: ...
    @property
    def language(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Segment:
    """Some documents with all that is kept of them.

    Attributes:
        name: such as `s000001`; its files begin with it.
        doc_ids: sorted.
        digests: uint8, (n_documents, 32), the sha256 of each file.
        facts: what filters ask of each document.
        sketches: uint32, (n_documents, 64), what near-duplicates are found by.
        documents: in the order of `doc_ids`.
        chunks: of the first document, of the second ...
        firsts: int64, (n_documents + 1,), where the chunks of each document begin.
        vectors: a unit vector a chunk.
        postings: the terms of the chunks.
        left: int64, ascending, the places of documents that have left since.
        gone: for numbers of terms how many of their postings are of chunks that have left.
        kept: what a new generation takes over of the files that the segment was read from; by file name.
    """

    name: str
    doc_ids: Names
    digests: Column
    facts: Lines[Facts]
    sketches: Column
    documents: Lines[Document]
    chunks: Lines[Chunk]
    firsts: Column
    vectors: VectorStore
    postings: Postings
    left: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    gone: Mapping[int, int] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)

    def live_documents(self, offset: int = 0) -> Live:
        """Which documents are left."""
        return Live(len(self.doc_ids), self.left, offset)

    def live_chunks(self, offset: int = 0) -> Live:
        """Which chunks are left."""
        return Live(len(self.chunks), self.rows_of(self.left), offset)

    def n_live(self) -> int:
        """How many chunks are left."""
        return len(self.chunks) - len(self.rows_of(self.left))

    def rows_of(self, documents: Ints) -> Ints:
        """The chunks of some documents, in their order."""
        if not len(documents):
            return np.zeros(0, np.int64)
        starts, ends = self.firsts.take(documents), self.firsts.take(documents + 1)
        sizes = ends - starts
        steps = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        found: Ints = np.repeat(starts, sizes) + steps
        return found

    def to_files(self) -> dict[str, list[Buffer]]:
        """The files of the segment that never change, by name."""
        files: dict[str, list[Buffer]] = {
            "documents.sha256.npy": pack_array(self.digests.all()),
            "documents.sketches.npy": pack_array(self.sketches.all()),
            "chunks.firsts.npy": pack_array(self.firsts.all()),
            **self.vectors.to_files(),
            **self.postings.to_files(),
        }
        return {f"{self.name}.{name}": data for name, data in files.items()} | self.record_files()

    @property
    def is_whole(self) -> bool:
        """Whether a new generation can take over every file that the segment was read from."""
        return f"{self.name}.{_RECORDS[0]}.jsonl" in self.kept

    def record_files(self) -> dict[str, list[Buffer]]:
        """Those of them that hold texts, words, names and what is said of documents, by name."""
        names = {**self.doc_ids.to_files("doc_ids"), **self.postings.terms.to_files(TERMS)}
        files = {f"{self.name}.{name}": data for name, data in names.items()}
        held: tuple[Lines[Any], ...] = (self.documents, self.chunks, self.facts)
        for name, lines in zip(_RECORDS, held, strict=True):
            files[f"{self.name}.{name}.jsonl"] = [lines.data]
            files[f"{self.name}.{name}.ends.npy"] = pack_array(lines.ends.all())
        return files

    def left_files(self) -> dict[str, list[Buffer]]:
        """What says which documents have left; none where all are there."""
        if not len(self.left):
            return {}
        about = {"left": self.left.tolist(), "gone": [list(self.gone), list(self.gone.values())]}
        return {f"{self.name}.{_LEFT}": [json.dumps(about).encode()]}

    def describe(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "name": self.name,
            "n_documents": len(self.doc_ids),
            "n_chunks": len(self.chunks),
            "vectors": self.vectors.describe(),
        }


_LEFT = "left.json"
_RECORDS = ("documents", "chunks", "facts")


def count_words(parts: Sequence[SegmentPart]) -> Postings:
    """The search words of the parts' chunks, in their order; no vectors are needed for it."""
    languages = [part.language for part in parts for _ in part.texts]
    return Postings.build([text for part in parts for text in part.texts], languages)


def build_segment(
    name: str,
    parts: Sequence[SegmentPart],
    vectors: Floats,
    kind: str = "auto",
    postings: Postings | None = None,
) -> Segment:
    """A segment of documents.

    Args:
        name: its own.
        parts: at least one, by doc_id.
        vectors: float32, (n_chunks, dim), rows L2-normalised.
        kind: of vector store, as `stores.kind_for`.
        postings: what `count_words` gave for the parts, where that was done before.

    Raises:
        ModelError: vectors of another shape or length, or not finite ones.
    """
    sizes = [len(part.chunks) for part in parts]
    return Segment(
        name=name,
        doc_ids=Names.build([part.doc_id for part in parts]),
        digests=Column(_digests([part.sha256 for part in parts])),
        facts=Lines.join((part.facts for part in parts), decode_facts),
        sketches=Column(np.stack([part.sketch for part in parts])),
        documents=Lines.join((part.document for part in parts), decode_document),
        chunks=Lines.join((line for part in parts for line in part.chunks), decode_chunk),
        firsts=Column(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)),
        vectors=kind_for(len(vectors), kind).build(vectors),
        postings=postings if postings is not None else count_words(parts),
    )


def read_segment(
    about: Mapping[str, Any], files: Mapping[str, Blob | Buffer], kept: Mapping[str, Any]
) -> Segment:
    """The segment that `describe` speaks of.

    Args:
        about: its entry in the manifest.
        files: of the whole generation.
        kept: for each of these what a new generation takes it over by.

    Raises:
        IndexDamaged: files that don't fit together.
        KeyError, TypeError, ValueError: an entry or a file that is none.
    """
    name = str(about["name"])
    own = {
        file.removeprefix(f"{name}."): Blob.of(files[file]) for file in files if file.startswith(f"{name}.")
    }
    documents = _lines(own, "documents", decode_document)
    chunks = _lines(own, "chunks", decode_chunk)
    left, gone = np.zeros(0, np.int64), {}
    if _LEFT in own:
        told = json.loads(bytes(own[_LEFT].checked()))
        left = np.array(told["left"], np.int64)
        gone = dict(zip(*told["gone"], strict=True))
    found = Segment(
        name=name,
        doc_ids=Names.from_files(own, "doc_ids"),
        digests=unpack_array(own["documents.sha256.npy"], "the files' checksums", np.uint8, 2),
        facts=_lines(own, "facts", decode_facts),
        sketches=unpack_array(own["documents.sketches.npy"], "the documents' sketches", np.uint32, 2),
        documents=documents,
        chunks=chunks,
        firsts=unpack_array(own["chunks.firsts.npy"], "the documents' first chunks", np.int64, 1),
        vectors=vector_store(about["vectors"]["kind"]).from_files(own),
        postings=Postings.from_files(own),
        left=left,
        gone=gone,
        kept={
            file: kept[file] for file in files if file.startswith(f"{name}.") and file != f"{name}.{_LEFT}"
        },
    )
    _refuse_misfit(found)
    return found


def without(segment: Segment, documents: Ints) -> Segment:
    """A segment that more documents have left, and their texts with them; nothing else is cut into words.

    Args:
        segment: it stays as it is.
        documents: int64, places of documents that are in it still.
    """
    if not len(documents):
        return segment
    maker = TermMaker(dict(segment.postings.stop_words))
    gone = dict(segment.gone)
    for place in documents.tolist():
        language = language_of(segment.documents[place].language)
        for row in range(int(segment.firsts.at(place)), int(segment.firsts.at(place + 1))):
            for term in set(maker.of_chunk(segment.chunks[row].text, language)):
                number = segment.postings.terms.find(term)
                gone[number] = gone.get(number, 0) + 1
    rows = segment.rows_of(documents)
    # A word that only they had says that they had it; its postings alone, and vectors, are numbers.
    starts = segment.postings.starts
    only_there = [n for n, count in gone.items() if count == int(starts.at(n + 1)) - int(starts.at(n))]
    erased = segment.record_files().keys()
    return replace(
        segment,
        doc_ids=segment.doc_ids.without(np.union1d(segment.left, documents).tolist()),
        postings=replace(segment.postings, terms=segment.postings.terms.without(only_there)),
        documents=segment.documents.without(documents, decode_document),
        facts=segment.facts.without(documents, decode_facts),
        chunks=segment.chunks.without(rows, decode_chunk),
        left=np.union1d(segment.left, documents),
        gone=dict(sorted(gone.items())),
        kept={name: kept for name, kept in segment.kept.items() if name not in erased},
    )


def settle(segments: Sequence[Segment], kind: str = "auto") -> list[Segment]:
    """Merge what is worth merging; segments that are all gone are dropped."""
    held = [segment for segment in segments if segment.n_live()]
    number = max((_number(segment) for segment in segments), default=0) + 1
    if sum(segment.n_live() for segment in held) < ONE_SEGMENT_BELOW:
        changed = len(held) > 1 or any(len(segment.left) for segment in held)
        return [_merge(f"s{number:06d}", held, kind)] if changed else held
    for at, segment in enumerate(held):
        if len(segment.chunks) - segment.n_live() > _MOST_DEAD * len(segment.chunks):
            held[at] = _merge(f"s{number:06d}", [segment], kind)
            number += 1
    while len(held) > 1 and held[-2].n_live() <= max(_RATIO * held[-1].n_live(), _SMALL):
        held[-2:] = [_merge(f"s{number:06d}", held[-2:], kind)]
        number += 1
    return held


def next_name(segments: Sequence[Segment]) -> str:
    """A name that none of them has."""
    return f"s{max((_number(segment) for segment in segments), default=0) + 1:06d}"


def _number(segment: Segment) -> int:
    return int(segment.name[1:])


def _merge(name: str, segments: Sequence[Segment], kind: str) -> Segment:
    """One segment of what is left of several, its documents sorted again."""
    order = sorted(
        (doc_id, which, place)
        for which, segment in enumerate(segments)
        for place, doc_id in enumerate(segment.doc_ids)
        if not _is_in(segment.left, place)
    )
    places = [np.full(len(segment.chunks), -1, np.int64) for segment in segments]
    firsts = [segment.firsts.all() for segment in segments]
    sizes = np.array([firsts[which][place + 1] - firsts[which][place] for _, which, place in order], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    for (_, which, place), start, size in zip(order, starts.tolist(), sizes.tolist(), strict=False):
        first = int(firsts[which][place])
        places[which][first : first + size] = np.arange(start, start + size)
    n_chunks = int(starts[-1])
    vectors = np.empty((n_chunks, segments[0].vectors.dim), np.float32)
    for segment, to in zip(segments, places, strict=True):
        rows = np.flatnonzero(to >= 0)
        vectors[to[rows]] = segment.vectors.vectors(rows)
    runs = list(_runs([(which, place) for _, which, place in order]))
    digests = [segment.digests.all() for segment in segments]
    sketches = [segment.sketches.all() for segment in segments]
    trained = [segment.vectors for segment in segments if isinstance(segment.vectors, IvfStore)]
    return Segment(
        name=name,
        doc_ids=Names.build([doc_id for doc_id, _, _ in order]),
        digests=Column(np.concatenate([digests[which][first:last] for which, first, last in runs])),
        facts=Lines.join(
            (segments[which].facts.run(first, last) for which, first, last in runs), decode_facts
        ),
        sketches=Column(np.concatenate([sketches[which][first:last] for which, first, last in runs])),
        documents=Lines.join(
            (segments[which].documents.run(first, last) for which, first, last in runs), decode_document
        ),
        chunks=Lines.join(
            (
                segments[which].chunks.run(int(firsts[which][first]), int(firsts[which][last]))
                for which, first, last in runs
            ),
            decode_chunk,
        ),
        firsts=Column(starts),
        vectors=kind_for(n_chunks, kind).build(vectors, max(trained, key=len, default=None)),
        postings=merge_postings([segment.postings for segment in segments], places, n_chunks),
    )


def _runs(order: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """(segment, first, last) of documents that stand side by side before and after."""
    begin = 0
    for at in range(1, len(order) + 1):
        which, place = order[at - 1]
        if at == len(order) or order[at] != (which, place + 1):
            yield which, order[begin][1], place + 1
            begin = at


def _is_in(values: Ints, value: int) -> bool:
    at = int(np.searchsorted(values, value)) if len(values) else 0
    return at < len(values) and int(values[at]) == value


def _digests(sha256s: Sequence[str]) -> Any:
    return np.frombuffer(bytes.fromhex("".join(sha256s)), np.uint8).reshape(len(sha256s), 32)


def _lines(files: Mapping[str, Blob], name: str, decode: Callable[[Any], Any]) -> Lines[Any]:
    ends = unpack_array(files[f"{name}.ends.npy"], f"the ends of the {name}", np.int64, 1)
    return Lines(files[f"{name}.jsonl"], ends, decode)


def _refuse_misfit(segment: Segment) -> None:
    """Raise where the parts don't fit together; found without decoding a record."""
    n, n_documents = len(segment.chunks), len(segment.documents)
    sizes = {"vectors": len(segment.vectors), "texts with words": len(segment.postings)}
    for what, size in sizes.items():
        if size != n:
            raise IndexDamaged(f"{segment.name}: {size} {what} for {n} chunks; expected one each")
    sizes = {
        "names": len(segment.doc_ids),
        "checksums": len(segment.digests),
        "facts": len(segment.facts),
        "sketches": len(segment.sketches),
        "ends": len(segment.firsts) - 1,
    }
    for what, size in sizes.items():
        if size != n_documents:
            raise IndexDamaged(
                f"{segment.name}: {n_documents} documents with {size} {what}; expected one each"
            )
    firsts = segment.firsts.all()
    if firsts[0] != 0 or firsts[-1] != n or not (np.diff(firsts) >= 0).all():
        raise IndexDamaged(f"{segment.name}: the chunks are not in the order of the documents")
    left = segment.left
    if len(left) and not (left.min() >= 0 and left.max() < n_documents and (np.diff(left) > 0).all()):
        raise IndexDamaged(f"{segment.name}: documents have left that it never held")
    if segment.digests.shape[1] != 32:
        raise IndexDamaged(f"{segment.name}: checksums of {segment.digests.shape[1]} bytes; expected 32")
    if segment.sketches.shape[1] != SKETCH_SIZE:
        raise IndexDamaged(f"{segment.name}: sketches of {segment.sketches.shape[1]}; expected {SKETCH_SIZE}")
