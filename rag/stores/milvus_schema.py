"""The fields and indexes of the collections that an index has in Milvus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rag.errors import ConfigError
from rag.stores.milvus import MilvusDatabase
from rag.stores.milvus_tables import N_LISTS

__all__ = ["FIELDS", "TEXT_BYTES", "create", "ensure_states"]

# Bytes that Milvus lets a text have.
TEXT_BYTES = 65_535

# Milvus 2.5 was the first with a full text search.
_OLDEST = (2, 5)

_EVERY = {"id": "INT64", "died": "INT64"}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "documents": {
        **_EVERY,
        "doc_id": "VARCHAR",
        "sha256": "VARCHAR",
        "n_chunks": "INT64",
        "facts": "VARCHAR",
        "sketch": "VARCHAR",
        "record": "VARCHAR",
        "n_pieces": "INT64",
    },
    "chunks": {
        **_EVERY,
        "doc_id": "VARCHAR",
        "place": "INT64",
        "record": "VARCHAR",
        "n_pieces": "INT64",
        "terms": "VARCHAR",
        "n_terms": "INT64",
    },
    "terms": {**_EVERY, "term": "VARCHAR", "n": "INT64"},
    "pieces": {"id": "INT64", "owner": "INT64", "at": "INT64", "piece": "VARCHAR"},
}
_LOOKED_UP = {"documents": "doc_id", "chunks": "doc_id", "terms": "term", "pieces": "owner"}


def ensure_states(database: MilvusDatabase) -> None:
    """Make the collection of states where it is missing."""

    def ask(client: Any, more: dict[str, Any]) -> str | None:
        if client.has_collection(database.name, **more):
            return None
        version = str(client.get_server_version(**more))
        found = re.match(r"v?(\d+)\.(\d+)", version)
        if found and (int(found[1]), int(found[2])) < _OLDEST:
            return version
        schema, indexes = _schema({"key": "KEY", "number": "INT64", "about": "VARCHAR"}, {"nothing": 2})
        client.create_collection(
            database.name, schema=schema, index_params=indexes, consistency_level="Strong", **more
        )
        return None

    old = database.call("making collections", ask, writes=True)
    if old is not None:
        raise ConfigError(
            f"index {database.uri!r}: the server is Milvus {old}; expected 2.5 or newer, which has full text search"
        )


def create(database: MilvusDatabase, name: str, table: str, dim: int) -> None:
    """Make a collection."""

    def ask(client: Any, more: dict[str, Any]) -> None:
        vectors = {"vector": dim} if table == "chunks" else {"nothing": 2}
        schema, indexes = _schema(FIELDS[table], vectors)
        indexes.add_index(_LOOKED_UP[table], index_type="INVERTED")
        client.create_collection(
            name, schema=schema, index_params=indexes, consistency_level="Strong", **more
        )

    database.call("making collections", ask, writes=True)


def _schema(fields: Mapping[str, str], vectors: Mapping[str, int]) -> tuple[Any, Any]:
    """A collection's fields and indexes; every collection of Milvus's must have a vector."""
    from pymilvus import DataType, Function, FunctionType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    indexes = MilvusClient.prepare_index_params()
    for name, kind in fields.items():
        more: dict[str, Any] = {}
        if kind == "KEY":
            more = {"is_primary": True, "max_length": 64}
        elif kind == "VARCHAR":
            more = {"max_length": TEXT_BYTES}
        elif name == "id":
            more = {"is_primary": True}
        if name == "terms":
            more |= {"enable_analyzer": True, "analyzer_params": {"tokenizer": "standard"}}
        schema.add_field(name, DataType.VARCHAR if kind == "KEY" else DataType[kind], **more)
    for name, dim in vectors.items():
        schema.add_field(name, DataType.FLOAT_VECTOR, dim=dim)
        if name == "nothing":
            indexes.add_index(name, index_type="FLAT", metric_type="L2")
        else:
            indexes.add_index(name, index_type="IVF_FLAT", metric_type="COSINE", params={"nlist": N_LISTS})
    if "terms" in fields:
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(
            Function(
                name="bm25",
                function_type=FunctionType.BM25,
                input_field_names=["terms"],
                output_field_names=["words"],
            )
        )
        indexes.add_index(
            "words",
            index_type="SPARSE_INVERTED_INDEX",
            metric_type="BM25",
            params={"bm25_k1": 1.2, "bm25_b": 0.75},
        )
    return schema, indexes
