"""A Milvus server as an index keeps it: rows that know from which state to which they belong.

    COLLECTION                  a row "now" that names the newest state, what is said of each state in pieces,
                                and a row "writer" while somebody writes
    COLLECTION_N_documents      a row a document: names, facts, the beginning of its record
    COLLECTION_N_pieces         the rest of records that are longer than Milvus lets a text be
    COLLECTION_N_chunks         a row a chunk: record, terms, vector
    COLLECTION_N_terms          a row a term: how many chunks hold it

Milvus keeps no versions. So each attempt to write has a number, higher than any before; a row's id begins
with the number of the attempt that wrote it, and `died` is the number of the one that took it out. A reader
of state S asks for rows that were written by S or before and had not died by then; it sees exactly these
whatever is written meanwhile, and a writer that is killed leaves rows that no state ever shows. Replacing
the row "now" is one upsert. N is the attempt that made the collections: another encoder needs others.

Everything that is asked of Milvus comes through here, with a limit on time.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from rag.errors import ConfigError, OptionalDependencyError
from rag.locations import MILVUS
from rag.stores.database import AnyDatabase, State
from rag.stores.kept import Tables

__all__ = ["NEVER", "NUMBER_BITS", "MilvusDatabase", "alive", "any_of", "first_id"]

# The number by which a row that is in the newest state has died.
NEVER = 1 << 62
# An id is the number of the attempt, then this many bits that count its rows.
NUMBER_BITS = 32

# Rows fetched at a time; Milvus sends at most 100 MB at once, and takes no limit above 16,384.
PAGE = 1000

# Seconds that one write may take.
WRITE_S = 120.0

_NOW = "now"
_PLACE = re.compile(
    r"(?P<server>(?:https?://)?(?P<host>[^/@]+))/(?:(?P<base>[A-Za-z_]\w{0,99})/)?(?P<name>[A-Za-z_]\w{0,199})",
    re.ASCII,
)
_PORT = 19530
# pymilvus's codes for a collection that the server has not loaded, and for a server that is not there.
_NOT_LOADED = 101
_NOT_REACHED = 2

# Calls that don't reach the server are repeated for about as many seconds: one that was started again comes back.
_UNREACHED_S = 4.0
_PAUSE_S = 0.2
_RETRIES = 6

# pymilvus's own settings make servers hang up ("too many pings") and wait ever longer before they are tried again.
_CHANNEL = {
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_permit_without_calls": 0,
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 2000,
}

T = TypeVar("T")


class MilvusDatabase(AnyDatabase):
    """The collections that a URI names; nothing is made by opening it.

    Args:
        uri: `milvus://HOST[:PORT]/[DATABASE/]COLLECTION`; with TLS `milvus://https://HOST[:PORT]/COLLECTION`.
            Who asks is in the environment: `MILVUS_TOKEN`, "user:password" or a key.
        patience_s: seconds to wait for one answer; None for `PATIENCE_S`.

    Raises:
        OptionalDependencyError: pymilvus is not installed.
        ConfigError: a URI of another form.
    """

    format = "insources milvus 1"
    engine = "milvus"

    def __init__(self, uri: str, patience_s: float | None = None) -> None:
        super().__init__(uri, patience_s)
        place = _PLACE.fullmatch(uri.removeprefix(MILVUS))
        if place is None:
            raise ConfigError(
                f"the index is {uri!r}; expected {MILVUS}HOST:PORT/COLLECTION, the collection's name of letters, "
                "digits and underscores; a password or key goes into the environment, as MILVUS_TOKEN"
            )
        self.name = place["name"]
        self._server = place["server"] if "://" in place["server"] else f"http://{place['server']}"
        if self._server.startswith("http://") and ":" not in place["host"]:
            self._server += f":{_PORT}"
        self._base = place["base"] or ""
        if importlib.util.find_spec("pymilvus") is None:
            raise OptionalDependencyError("pymilvus", "milvus", f"for the index {uri!r}")
        self._client: Any = None

    def call(self, what: str, ask: Callable[[Any, dict[str, Any]], T], *, writes: bool = False) -> T:
        """What the server answers.

        Args:
            what: is asked of it, for the message.
            ask: gets pymilvus's client and what to give each of its calls besides.
            writes: a write may take longer than an answer.

        Raises:
            IndexUnavailable: down, or slow.
        """
        patience_s = max(WRITE_S, self.patience_s) if writes else self.patience_s
        more = {"timeout": patience_s, "retry_times": _RETRIES}

        def run() -> T:
            from pymilvus.exceptions import MilvusException

            until = time.monotonic() + _UNREACHED_S
            while True:
                try:
                    return ask(self._connected(), more)
                except MilvusException as error:
                    if error.code == _NOT_LOADED:
                        self._load_all(more)
                    elif error.code != _NOT_REACHED or time.monotonic() > until:
                        raise
                if time.monotonic() > until:
                    return ask(self._connected(), more)
                time.sleep(_PAUSE_S)

        return self.within(what, run, patience_s)

    def pages(
        self,
        what: str,
        collection: str,
        condition: str,
        fields: Sequence[str],
        *,
        consistency: str = "Strong",
    ) -> Iterator[list[dict[str, Any]]]:
        """All rows that meet a condition, by id, many at a time.

        Args:
            what: is asked, for the message.
            collection: its name.
            condition: in Milvus's language.
            fields: wanted of each row, besides `id`.
            consistency: what the rows must have caught up with, in Milvus's words.

        Raises:
            IndexUnavailable: down, or slow.
        """

        def begin(client: Any, more: dict[str, Any]) -> Any:
            return client.query_iterator(
                collection,
                batch_size=PAGE,
                filter=condition,
                output_fields=["id", *fields],
                consistency_level=consistency,
                **more,
            )

        # A page may be shorter than asked for without being the last: the end is one without rows.
        iterator = self.call(what, begin)
        while found := self.call(what, lambda client, more: list(iterator.next())):
            yield found
        iterator.close()

    def some(
        self,
        what: str,
        collection: str,
        condition: str,
        fields: Sequence[str],
        *,
        consistency: str = "Strong",
    ) -> list[dict[str, Any]]:
        """As `pages`, at once: for conditions that few rows meet."""

        def ask(client: Any, more: dict[str, Any]) -> list[dict[str, Any]]:
            return list(
                client.query(
                    collection,
                    filter=condition,
                    output_fields=["id", *fields],
                    consistency_level=consistency,
                    **more,
                )
            )

        return self.call(what, ask)

    def collection(self, epoch: int, table: str) -> str:
        """The collection of a table that was made by some attempt."""
        return f"{self.name}_{epoch}_{table}"

    def generation(self) -> int:
        """The newest state's; for who asks often.

        Raises:
            IndexMissing: there is no index.
            IndexUnavailable: the store is down or slow.
        """
        found = self.row(_NOW)
        return int(found["about"]) if found is not None else self.state().generation

    def row(self, key: str) -> dict[str, Any] | None:
        """A row of the collection of states; None where there is none, or no such collection."""
        found = self._rows(any_of("key", [key]))
        return found[0] if found else None

    def _rows(self, condition: str) -> list[dict[str, Any]]:
        """Rows of the collection of states, by key."""

        def ask(client: Any, more: dict[str, Any]) -> list[dict[str, Any]]:
            if not client.has_collection(self.name, **more):
                return []
            told = client.query(
                self.name,
                filter=condition,
                output_fields=["key", "number", "about"],
                consistency_level="Strong",
                **more,
            )
            return sorted(told, key=lambda row: str(row["key"]))

        return self.call("reading the state", ask)

    def put_row(self, key: str, number: int, about: str) -> None:
        """Write a row of the collection of states; one that has this key is replaced in one step."""
        row = {"key": key, "number": number, "about": about, "nothing": [0.0, 0.0]}
        self.call(
            "writing the state", lambda client, more: client.upsert(self.name, [row], **more), writes=True
        )

    def open(self, state: State) -> Tables:
        """The rows of a state."""
        from rag.stores.milvus_tables import MilvusTables

        return MilvusTables(self, state)

    def replace_state(self, before: State | None, after: State) -> None:
        """Make a state the newest one: its description first, then the one row that names it.

        That nobody else has done so since is for the writer to see to (`rag.stores.milvus_writing`).
        """
        number = after.tables["chunks"]
        about = json.dumps({**after.about, "tables": dict(after.tables)}, ensure_ascii=False)
        for at, piece in enumerate(pieces_of(about)):
            self.put_row(f"about {number} {at:06d}", number, piece)
        self.put_row(_NOW, number, str(after.generation))

    def _find_rows(self) -> list[tuple[int, str]] | None:
        now = self.row(_NOW)
        if now is None:
            return None
        pieces = self._rows(f'number == {now["number"]} and key like "about%"')
        return [(int(now["about"]), "".join(row["about"] for row in pieces))]

    def _connected(self) -> Any:
        if self._client is None:
            from pymilvus import MilvusClient

            self._client = MilvusClient(
                uri=self._server,
                token=os.environ.get("MILVUS_TOKEN", ""),
                db_name=self._base,
                timeout=self.patience_s,
                grpc_options=_CHANNEL,
            )
        return self._client

    def _load_all(self, more: dict[str, Any]) -> None:
        """Load the collections of a server that was started again."""
        client = self._connected()
        for name in client.list_collections(**more):
            if name == self.name or name.startswith(f"{self.name}_"):
                client.load_collection(name, **more)

    def _load(self) -> None:
        import pymilvus  # noqa: F401

        # It prints a traceback for each error before it raises it.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

    def _is_engine_s(self, error: BaseException) -> bool:
        import grpc
        from pymilvus.exceptions import MilvusException

        return isinstance(error, (MilvusException, grpc.RpcError))


def first_id(number: int) -> int:
    """The first id of an attempt's rows."""
    return number << NUMBER_BITS


def alive(number: int, void: Sequence[int] = ()) -> str:
    """The condition that a row belongs to a state.

    Args:
        number: the state's.
        void: numbers of attempts that came to nothing but may have left rows.

    >>> alive(2)
    'id < 12884901888 and died > 2'
    """
    within = f"id < {first_id(number + 1)} and died > {number}"
    left = [one for one in void if one < number]
    if not left:
        return within
    survived = f"id < {first_id(number + 1)} and (died > {number} or died in {left})"
    return " and ".join([survived, *(f"not (id >= {first_id(n)} and id < {first_id(n + 1)})" for n in left)])


def any_of(column: str, values: Sequence[str]) -> str:
    """The condition that a column has one of some values.

    >>> any_of("doc_id", ["a", 'the "b"'])
    'doc_id in ["a", "the \\\\"b\\\\""]'
    """
    return f"{column} in {json.dumps(list(values), ensure_ascii=False)}"


def pieces_of(text: str) -> list[str]:
    """A text cut so that each piece fits into a field, whose limit is 65,535 bytes; at least one.

    >>> [len(piece) for piece in pieces_of("a" * 20_000)]
    [16000, 4000]
    """
    most = 16_000  # characters of at most four bytes
    return [text[at : at + most] for at in range(0, len(text), most)] or [""]
