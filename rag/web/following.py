"""A server that notices when `rag index` has made a newer state of its index, and answers from that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rag.errors import RagError
from rag.web.library import Library
from rag.web.service import PipelineLike, Service

__all__ = ["Follower"]

log = logging.getLogger("rag.web")

# Looking is reading two small files.
EVERY_S = 2.0


class Follower:
    """Puts the newest pipeline in use. Questions that are being answered finish with the one before.

    Args:
        service: whose pipeline is swapped.
        newest: the pipeline over the newest state; the same one for as long as nothing changed.
        library: where people's own documents are, which are asked together with the index; None without.
    """

    def __init__(
        self, service: Service, newest: Callable[[], PipelineLike], library: Library | None = None
    ) -> None:
        self._service = service
        self._newest = newest
        self._library = library
        self._in_use = service.pipeline if library is None else library.base
        self._told = ""

    def start(self, closed: threading.Event) -> None:
        """Look every two seconds until closed."""

        def run() -> None:
            while not closed.wait(EVERY_S):
                self.look()

        threading.Thread(target=run, name="follow the index", daemon=True).start()

    def look(self) -> bool:
        """Swap where there is a newer state; says whether it did.

        A state that can't be opened is told in the log, and the one before goes on answering.
        """
        try:
            found = self._newest()
            if found is self._in_use:
                return False
            if self._library is None:
                self._service.pipeline = found
            elif not self._library.rebase(found):
                return False  # documents are being added: at the next look
        except (RagError, OSError) as error:
            if str(error) != self._told:
                self._told = str(error)
                log.warning("the newer index is not used: %s", error)
            return False
        self._in_use, self._told = found, ""
        log.info("answering from the newer index")
        return True
