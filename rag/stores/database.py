"""A database that keeps an index for many machines, whatever engine it is: states, and a limit on waiting.

Documents, chunks and words are tables; a state says which rows of them belong together and what is said of
them. It is replaced in one step, so that readers see one whole or not at all. Everything that is asked of
an engine has a limit on time: one that is down, slow or damaged gives one clear error.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from rag.errors import IndexDamaged, IndexMissing, IndexUnavailable
from rag.stores.kept import Tables
from rag.waiting import asked_within

__all__ = ["TABLES", "AnyDatabase", "State"]

TABLES = ("documents", "chunks", "terms")

# Seconds that a reader waits for one answer of the store.
PATIENCE_S = 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """Rows of the tables that belong together.

    Attributes:
        generation: counts the states, from 1.
        tables: what finds the rows of each table: a version of it, or a number of the state.
        about: what is said of them: format, settings, encoder, counts ...
    """

    generation: int
    tables: Mapping[str, int]
    about: Mapping[str, Any] = field(default_factory=dict)


class AnyDatabase(ABC):
    """The database that a URI names; nothing is made by opening it.

    Args:
        uri: names engine and place.
        patience_s: seconds to wait for one answer; None for `PATIENCE_S`.

    Attributes:
        format: of the tables; raised whenever older versions of this package can't read what this one writes.
        engine: its name, for messages.
    """

    format: ClassVar[str]
    engine: ClassVar[str]

    def __init__(self, uri: str, patience_s: float | None = None) -> None:
        self.uri = uri
        self._patience_s = patience_s

    @property
    def patience_s(self) -> float:
        """Seconds to wait for one answer."""
        return PATIENCE_S if self._patience_s is None else self._patience_s

    def within(self, what: str, ask: Callable[[], T], patience_s: float | None = None) -> T:
        """What the store answers, or an error after a while.

        Args:
            what: is asked of it, for the message: "search".
            ask: runs in a thread of its own, which is left behind where no answer comes.
            patience_s: seconds to wait; None for those of the database.

        Raises:
            IndexUnavailable: down, or slow.
        """
        self._load()
        wait_s = self.patience_s if patience_s is None else patience_s
        answer = asked_within(wait_s, ask, f"{self.engine} {what}")
        if not answer.done():
            raise IndexUnavailable(
                f"index {self.uri!r}: no answer within {wait_s:g} s ({what}); "
                "the store is slow or can't be reached: try again, and look at its disk or network"
            )
        failure = answer.exception()
        if failure is not None:
            raise self.told(what, failure) from failure
        return answer.result()

    def told(self, what: str, error: BaseException) -> BaseException:
        """An error of the engine's in our words; any other as it is."""
        if not self._is_engine_s(error):
            return error
        first = (str(error).strip().splitlines() or [""])[0][:300]
        if "timeout" in first.lower() or "deadline exceeded" in first.lower():
            return IndexUnavailable(
                f"index {self.uri!r}: no answer within {self.patience_s:g} s ({what}); the store is slow: try again"
            )
        return IndexUnavailable(
            f"index {self.uri!r}: {what} failed ({type(error).__name__}: {first}); is the store there, "
            "whole, and reachable with these credentials? Look at it with: rag doctor --index " + self.uri
        )

    def generation(self) -> int:
        """The newest state's, as `state` raises; for who asks often."""
        return self.state().generation

    def state(self) -> State:
        """The newest state.

        Raises:
            IndexMissing: there is no index.
            IndexDamaged: a state that can't be read.
            IndexUnavailable: the store is down or slow.
        """
        found = self.find_state()
        if found is None:
            raise IndexMissing(
                f"no index at {self.uri!r}; build one with: rag index PATH... --index {self.uri}"
            )
        return found

    def find_state(self) -> State | None:
        """As `state`; None where there is no index."""
        rows = self._find_rows()
        if rows is None:
            return None
        try:
            ((generation, about),) = rows
            told = json.loads(about)
            return State(int(generation), {name: int(told["tables"][name]) for name in TABLES}, told)
        except (ValueError, KeyError, TypeError) as error:
            raise IndexDamaged(
                f"index {self.uri!r}: its state can't be read ({type(error).__name__}: {error}); "
                f"build it anew with: rag index PATH... --index {self.uri}"
            ) from error

    @abstractmethod
    def open(self, state: State) -> Tables:
        """The tables of a state.

        Raises:
            IndexUnavailable: the store is down or slow.
        """

    @abstractmethod
    def replace_state(self, before: State | None, after: State) -> None:
        """Make a state the newest one, in one step.

        Raises:
            IndexBusy: somebody else has replaced it since.
        """

    @abstractmethod
    def _load(self) -> None:
        """Import the engine's package: that is not what the store is waited for."""

    @abstractmethod
    def _is_engine_s(self, error: BaseException) -> bool:
        """Whether an error says that the store is down, slow or damaged."""

    @abstractmethod
    def _find_rows(self) -> list[tuple[int, str]] | None:
        """Generation and description of each newest state, of which there should be one; None without any."""
