"""An index in LanceDB, opened."""

from __future__ import annotations

from dataclasses import dataclass

from rag.config import Config
from rag.kept_index import KeptIndex
from rag.stores.lance import Database

__all__ = ["LanceIndex"]


@dataclass(frozen=True, slots=True)
class LanceIndex(KeptIndex):
    """One state of an index in LanceDB."""

    @classmethod
    def load(cls, uri: str, *, config: Config | None = None, encoder_id: str | None = None) -> LanceIndex:
        """Open the newest state.

        Args:
            uri: `lance://` and a folder or URL.
            config: the settings in use, as for `Index.load`.
            encoder_id: of the encoder in use; None where nothing will be encoded.

        Raises:
            IndexMissing: no index there.
            IndexMismatch: made by another format, encoder or setting.
            IndexUnavailable: the store is down or slow.
            OptionalDependencyError: LanceDB is not installed.
        """
        database = Database(uri)
        return cls.of(database, database.state(), config=config, encoder_id=encoder_id)
