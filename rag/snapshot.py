"""One opened index: frozen, so that a server swaps it whole while questions go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rag._version import __version__
from rag.assembly import Part, Progress, encode_parts, read_part
from rag.blobs import Blob
from rag.config import Config
from rag.encoder import Encoder
from rag.errors import IndexDamaged, IndexMismatch, ModelError, SourceError
from rag.filters import Filter, Where
from rag.generations import Generation, read_generation, rebuild_command
from rag.joined import Chunks, Documents, join_vectors, join_words, places_of_documents
from rag.segments import Segment, build_segment, read_segment
from rag.sketches import group_copies
from rag.stores import VectorStore, WordStore
from rag.stores.base import Bools

__all__ = ["CALIBRATION_NAME", "Index", "code_digest", "describe", "pack", "utf8"]

# Besides `formats/` and `cleaning/`: what decides how a text is cut and which terms it has.
_PREPARING = (
    "dates.py",
    "sentences.py",
    "chunking.py",
    "records.py",
    "sketches.py",
    "facts.py",
    "stores/tokens.py",
    "stores/postings.py",
)

# Where `rag calibrate` leaves what it fitted, in the folder of an index.
CALIBRATION_NAME = "calibration.json"

_COPIES = "copies.json"

Places = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Index:
    """A generation of an index, open and checked.

    Attributes:
        path: its folder; None for one that is only in memory.
        generation: its name, such as `gen-000002`.
        config: the settings in use.
        encoder_id: of the encoder that made the vectors.
        documents: by doc_id, with the text as it was indexed; decoded when asked for.
        chunks: in the order of `vectors` and `words`; decoded when asked for.
        vectors: a unit vector a chunk.
        words: the terms of each chunk.
        roots: the indexed paths as they were given.
        chunk_documents: int32, (n_chunks,), the place of each chunk's document in `documents`.
        prepared_by: digest of the code that cut and indexed the text.
        segments: what all this is kept in.
        copies: for each document that has near copies all of them, itself included, sorted.
    """

    path: Path | None
    generation: str
    config: Config
    encoder_id: str
    documents: Documents
    chunks: Chunks
    vectors: VectorStore
    words: WordStore
    roots: tuple[str, ...]
    chunk_documents: Places
    prepared_by: str
    segments: tuple[Segment, ...]
    copies: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(cls, path: str | Path, *, config: Config | None = None, encoder_id: str | None = None) -> Index:
        """Open the current generation, every file's checksum compared.

        Args:
            path: folder of the index.
            config: the settings in use; those that shape an index must be those it was made with.
                None takes the index's own.
            encoder_id: of the encoder in use; None where nothing will be encoded.

        Raises:
            IndexMissing: no index there.
            IndexMismatch: made by another format, encoder or setting.
            IndexDamaged: a file is missing, truncated or altered.
        """
        path = Path(path)
        return _open(path, read_generation(path), config, encoder_id)

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], *, config: Config, encoder: Encoder) -> Index:
        """An index in memory, of texts by doc_id.

        Raises:
            SourceError: no text at all, or one that holds nothing that could be quoted.
        """
        if not texts:
            raise SourceError("no text to index; expected at least one, by doc_id")
        parts = [
            read_part(doc_id, text, hashlib.sha256(utf8(doc_id, text)).hexdigest(), config, encoder)
            for doc_id, text in sorted(texts.items())
        ]
        return cls.of_parts(parts, config=config, encoder=encoder)

    @classmethod
    def of_parts(
        cls, parts: Sequence[Part], *, config: Config, encoder: Encoder, progress: Progress | None = None
    ) -> Index:
        """An index in memory, of documents that are cut already.

        Args:
            parts: at least one, by doc_id.
            config: how vectors are kept.
            encoder: makes them.
            progress: told (n_done, n_total) chunks after each encoded batch.
        """
        vectors = encode_parts(parts, encoder, None, progress)
        segment = build_segment("s000001", parts, vectors, config.index.kind)
        return _joined(
            [segment],
            path=None,
            generation="in memory",
            config=config,
            encoder_id=encoder.encoder_id,
            roots=(),
            prepared_by=code_digest(),
        )

    def check_encoder(self, encoder_id: str) -> None:
        """Refuse to be asked with another encoder than it was made with.

        Raises:
            IndexMismatch: naming both and the command that rebuilds.
        """
        if encoder_id != self.encoder_id:
            raise _other_encoder(self.path, self.encoder_id, encoder_id, self.roots)

    def own_calibration(self) -> str | None:
        """What `rag calibrate` fitted to this corpus, JSON; None where it did not.

        Raises:
            ModelError: it can't be read, or is not text.
        """
        if self.path is None:
            return None
        path = self.path / CALIBRATION_NAME
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            raise ModelError(
                f"the calibration {str(path)!r} can't be read ({error}); expected what rag calibrate wrote: delete it, "
                f"then fit it again with: rag calibrate QUESTIONS --index {self.path}"
            ) from error

    def chunk_mask(self, where: Where) -> Bools | None:
        """Which chunks belong to the documents that a filter, or patterns of doc_ids, let through.

        Args:
            where: None or no pattern for all documents.

        Returns:
            bool, (n_chunks,); None for all.

        Raises:
            ConfigError: no document matches the patterns.
        """
        chosen = Filter.of(where)
        if chosen is None:
            return None
        mask: Bools = self.documents.choose(chosen).documents[self.chunk_documents]
        return mask


@lru_cache(maxsize=1)
def code_digest() -> str:
    """What the code that turns text into records and terms was; sha256, or the version without sources.

    `rag index` reads every file again when it differs, so that an index never mixes two ways of
    cutting text. Vectors of texts that come out the same are kept even then.
    """
    folder = Path(__file__).parent
    sources = [path for stage in ("formats", "cleaning") for path in sorted((folder / stage).glob("*.py"))]
    sources += [folder / name for name in _PREPARING]
    try:
        return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
    except OSError:
        return __version__


def pack(segments: Sequence[Segment]) -> dict[str, Any]:
    """The files of a generation, by name; those of segments that were read from one are taken over."""
    documents = Documents(segments)
    groups = group_copies(list(documents), documents.sketches())
    files: dict[str, Any] = {_COPIES: json.dumps({"groups": groups}, ensure_ascii=False).encode()}
    for segment in segments:
        if not segment.kept:
            files.update(segment.to_files())
        elif segment.is_whole:
            files.update(segment.kept)
        else:  # the records were written anew, without those of documents that have left
            files.update({**segment.kept, **segment.record_files()})
        files.update(segment.left_files())
    return files


def describe(
    segments: Sequence[Segment], config: Config, encoder_id: str, roots: Sequence[str]
) -> dict[str, Any]:
    """What the manifest says of a generation besides its files."""
    return {
        "made_by": f"insources {__version__}",
        "prepared_by": code_digest(),
        "settings": config.index_settings(),
        "encoder_id": encoder_id,
        "dim": segments[0].vectors.dim if segments else 0,
        "n_documents": sum(len(segment.live_documents()) for segment in segments),
        "n_chunks": sum(segment.n_live() for segment in segments),
        "segments": [segment.describe() for segment in segments],
        "roots": list(roots),
    }


def _joined(
    segments: Sequence[Segment], groups: Sequence[Sequence[str]] | None = None, **about: Any
) -> Index:
    documents = Documents(segments)
    if groups is None:
        groups = group_copies(list(documents), documents.sketches())
    return Index(
        documents=documents,
        copies={doc_id: tuple(group) for group in groups for doc_id in group},
        chunks=Chunks(segments),
        vectors=join_vectors(segments),
        words=join_words(segments),
        chunk_documents=places_of_documents(segments),
        segments=tuple(segments),
        **about,
    )


def _open(root: Path, found: Generation, config: Config | None, encoder_id: str | None) -> Index:
    """An index from the checked files of a generation.

    Raises:
        IndexMismatch: made by another encoder or setting.
        IndexDamaged: files that don't fit together.
    """
    about, files = found.about, found.files
    try:
        roots = tuple(map(str, about["roots"]))
        again = rebuild_command(root, roots)
        config = config or Config.from_dict(about["settings"])
        _refuse_other_settings(root, about, config, encoder_id, again)
        segments = [read_segment(one, files, found.kept) for one in about["segments"]]
        if len({segment.vectors.dim for segment in segments}) > 1:
            raise IndexDamaged(f"{len(segments)} segments; expected vectors of one length in all of them")
        groups = json.loads(bytes(Blob.of(files[_COPIES]).checked()))["groups"]
        return _joined(
            segments,
            groups,
            path=root,
            generation=found.name,
            config=config,
            encoder_id=str(about["encoder_id"]),
            roots=roots,
            prepared_by=str(about["prepared_by"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise IndexDamaged(
            f"index {str(root)!r}: {found.name} is incomplete ({type(error).__name__}: {error}); "
            f"{rebuild_command(root)}"
        ) from error
    except IndexDamaged as error:
        raise IndexDamaged(f"index {str(root)!r}: {error}; {again}") from error


def utf8(doc_id: str, text: str) -> bytes:
    """The bytes of a text in memory.

    Raises:
        SourceError: it holds half of a surrogate pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise SourceError(
            f"{doc_id!r}: half of a surrogate pair at character {error.start}; expected text that can be "
            "written as UTF-8"
        ) from error


def _refuse_other_settings(
    root: Path, about: Mapping[str, Any], config: Config, encoder_id: str | None, again: str
) -> None:
    if encoder_id is not None and about["encoder_id"] != encoder_id:
        raise _other_encoder(root, str(about["encoder_id"]), encoder_id, tuple(map(str, about["roots"])))
    made, used = _flat(about["settings"]), _flat(config.index_settings())
    if made != used:
        differing = sorted(name for name in made.keys() | used.keys() if made.get(name) != used.get(name))
        what = ", ".join(f"{name} {made.get(name)!r} (in use: {used.get(name)!r})" for name in differing)
        raise IndexMismatch(f"index {str(root)!r} was made with {what}; {again}, or use its settings")


def _other_encoder(root: Path | None, made: str, used: str, roots: tuple[str, ...]) -> IndexMismatch:
    again = rebuild_command(root, roots) if root else "make it again"
    return IndexMismatch(
        f"index {str(root)!r} was made with the encoder {made!r}, the one in use is {used!r}; {again}"
    )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted name."""
    return {f"{group}.{name}": value for group, values in settings.items() for name, value in values.items()}
