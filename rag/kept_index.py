"""An index in a database, opened: what the pipeline asks of it is what it asks of one in a folder.

It holds hardly anything in memory, whatever its size, so that many processes on many machines may each
have the same one open. It is one state, the rows of tables that belong together: what is written
meanwhile is not seen; whoever asks for the newest state before each question sees it from then on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from rag.config import Config
from rag.errors import IndexDamaged, IndexMismatch
from rag.filters import Filter, Where
from rag.kept_documents import KeptChunks, KeptDocuments
from rag.stores.database import AnyDatabase, State
from rag.stores.kept import KeptRows, KeptVectors, KeptWords, Selection, Tables, TermCounts
from rag.stores.tokens import DEFAULT_LANGUAGE, TermMaker

__all__ = ["KeptIndex"]


@dataclass(frozen=True, slots=True)
class KeptIndex:
    """One state of an index in a database; the attributes are those of `rag.snapshot.Index`.

    Attributes:
        uri: where it is.
        state: which rows of the tables.
        path: None: it is in no folder of its own.
    """

    uri: str
    state: State
    path: None
    generation: str
    config: Config
    encoder_id: str
    documents: KeptDocuments
    chunks: KeptChunks
    vectors: KeptVectors
    words: KeptWords
    roots: tuple[str, ...]
    prepared_by: str
    copies: Mapping[str, tuple[str, ...]]
    tables: Tables

    @classmethod
    def of(
        cls,
        database: AnyDatabase,
        state: State,
        *,
        config: Config | None = None,
        encoder_id: str | None = None,
    ) -> Self:
        """Open a state.

        Args:
            database: that it is in.
            state: the newest, as a rule.
            config: the settings in use, as for `Index.load`.
            encoder_id: of the encoder in use; None where nothing will be encoded.

        Raises:
            IndexMismatch: made by another format, encoder or setting.
            IndexUnavailable: the store is down or slow.
        """
        about, uri = state.about, database.uri
        again = f"build it anew with: rag index PATH... --index {uri}"
        if about.get("format") != database.format:
            raise IndexMismatch(
                f"index {uri!r} has the format {about.get('format')!r}; this version reads "
                f"{database.format!r}; {again}"
            )
        try:
            config = config or Config.from_dict(about["settings"])
            _refuse_others(uri, about, config, encoder_id, again)
            tables = database.open(state)
            n_chunks, n_tokens = int(about["n_chunks"]), int(about["n_tokens"])
            rows = KeptRows(tables, n_chunks, int(about["dim"]), bool(about["vectors_indexed"]))
            stops = {str(name): frozenset(words) for name, words in about["stop_words"].items()}
            maker = TermMaker(dict(sorted(stops.items())) or {DEFAULT_LANGUAGE: frozenset()})
            counts = TermCounts(tables)
            return cls(
                uri=uri,
                state=state,
                path=None,
                generation=str(state.generation),
                config=config,
                encoder_id=str(about["encoder_id"]),
                documents=KeptDocuments(tables, rows, int(about["n_documents"])),
                chunks=KeptChunks(rows),
                vectors=KeptVectors(rows),
                words=KeptWords(rows, counts, maker, n_tokens / n_chunks if n_chunks else 0.0),
                roots=tuple(map(str, about["roots"])),
                prepared_by=str(about["prepared_by"]),
                copies={doc_id: tuple(group) for group in about["copies"] for doc_id in group},
                tables=tables,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IndexDamaged(
                f"index {uri!r}: its state is incomplete ({type(error).__name__}: {error}); {again}"
            ) from error

    def check_encoder(self, encoder_id: str) -> None:
        """Refuse to be asked with another encoder than it was made with.

        Raises:
            IndexMismatch: naming both and the command that rebuilds.
        """
        again = f"build it anew with: rag index PATH... --index {self.uri}"
        _refuse_others(self.uri, self.state.about, self.config, encoder_id, again)

    def own_calibration(self) -> str | None:
        """What `rag calibrate` fitted to this corpus, JSON; None where it did not."""
        told = self.state.about.get("calibration")
        return None if told is None else json.dumps(told)

    def chunk_mask(self, where: Where) -> Selection | None:
        """Which chunks belong to the documents that a filter, or patterns of doc_ids, let through; None for all.

        Raises:
            ConfigError: no document matches the patterns.
        """
        chosen = Filter.of(where)
        if chosen is None:
            return None
        mask = self.documents.choose(chosen).documents
        listed = self.documents.listed
        inside = [doc_id for doc_id, let in zip(listed.doc_ids, mask, strict=True) if let]
        n = sum(size for size, let in zip(listed.n_chunks, mask, strict=True) if let)
        if len(inside) * 2 <= len(listed.doc_ids):
            return Selection(tuple(inside), True, n)
        outside = [doc_id for doc_id, let in zip(listed.doc_ids, mask, strict=True) if not let]
        return Selection(tuple(outside), False, n)


def _refuse_others(
    uri: str, about: Mapping[str, Any], config: Config, encoder_id: str | None, again: str
) -> None:
    """Raise where an index was made with another encoder or other settings."""
    if encoder_id is not None and about["encoder_id"] != encoder_id:
        raise IndexMismatch(
            f"index {uri!r} was made with the encoder {about['encoder_id']!r}, "
            f"the one in use is {encoder_id!r}; {again}"
        )
    if about["settings"] != config.index_settings():
        raise IndexMismatch(
            f"index {uri!r} was made with the settings {about['settings']}, those in use are "
            f"{config.index_settings()}; {again}, or use its settings"
        )
