"""What a worker of a cluster does: one shard after another, the model loaded once.

It knows no cluster: bytes come in, bytes go out. What goes wrong on purpose goes out as data too, so that
whoever asked gets the same words as from a run in its own process.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag import errors
from rag._version import __version__
from rag.config import Config, EncoderConfig
from rag.corpus import SourceFile
from rag.encoder import Encoder, load_encoder
from rag.errors import ConfigError, ModelError, RagError, SourceError
from rag.inference import on_one_thread
from rag.ingest import make_shard
from rag.ingest_plan import ShardPlan
from rag.ingest_records import pack_shard
from rag.snapshot import code_digest
from rag.stores.base import Floats
from rag.stores.exact import ExactStore

__all__ = ["Worker", "describe_work", "pack_task", "raise_told"]


def describe_work(config: Config, encoder_id: str, roots: Sequence[str]) -> str:
    """What every worker must know and agree with, as JSON.

    Args:
        config: the settings in use.
        encoder_id: of the encoder that the index is made with.
        roots: the indexed paths, which each worker must see.
    """
    return json.dumps(
        {
            "config": config.to_dict(),
            "encoder_id": encoder_id,
            "roots": list(roots),
            "version": __version__,
            "code": code_digest(),
        }
    )


def pack_task(plan: ShardPlan, known: Mapping[str, int], vectors: Floats) -> bytes:
    """A shard to be done.

    Args:
        plan: its files.
        known: texts whose vectors exist, with their rows in `vectors`.
        vectors: float32, (n_known, dim).
    """
    head = {
        "files": [[source.doc_id, str(source.path)] for source in plan.files],
        "known": list(known.items()),
        "shape": vectors.shape,
    }
    return json.dumps(head).encode() + b"\n" + np.ascontiguousarray(vectors, "<f4").tobytes()


class Worker:
    """Does shards.

    Args:
        work: of `describe_work`.
        open_encoder: opens the encoder that the settings name.
    """

    def __init__(self, work: str, open_encoder: Callable[[EncoderConfig], Encoder] = load_encoder) -> None:
        self._work = json.loads(work)
        self._open_encoder = open_encoder
        self._ready: tuple[Config, Encoder] | None = None

    def do(self, task: bytes) -> tuple[bytes, str]:
        """Do one shard.

        Returns:
            (the shard as `pack_shard` makes it, ""), or (b"", what was wrong, for `raise_told`).
        """
        try:
            config, encoder = self._ready = self._ready or self._make_ready()
            head, _, body = task.partition(b"\n")
            told = json.loads(head)
            files = [SourceFile(doc_id, Path(path)) for doc_id, path in told["files"]]
            before = ExactStore(np.frombuffer(body, "<f4").reshape(told["shape"]).astype(np.float32))
            # A worker has the one processor that it was given; the machine's others have workers of their own.
            with on_one_thread():
                shard = make_shard(files, config, encoder, known=dict(told["known"]), before=before)
            return pack_shard(shard), ""
        except RagError as error:
            return b"", json.dumps([type(error).__name__, str(error)])

    def _make_ready(self) -> tuple[Config, Encoder]:
        """Settings and encoder, once it is certain that this machine gives what every other gives.

        Raises:
            ConfigError: other code here.
            SourceError: the files are not here.
            ModelError: another encoder here.
        """
        work, here = self._work, socket.gethostname()
        if (work["version"], work["code"]) != (__version__, code_digest()):
            raise ConfigError(
                f"the machine {here!r} has insources {__version__} with other code than the one that indexes "
                f"({work['version']}); install the same version on every machine of the cluster"
            )
        unseen = [root for root in work["roots"] if not Path(root).exists()]
        if unseen:
            raise SourceError(
                f"the machine {here!r} does not see {unseen[0]!r}; expected the files under the same path on "
                "every machine of the cluster: mount them there, and index again"
            )
        config = Config.from_dict(work["config"])
        encoder = self._open_encoder(config.encoder)
        if encoder.encoder_id != work["encoder_id"]:
            raise ModelError(
                f"the machine {here!r} has the encoder {encoder.encoder_id!r}, the index is made with "
                f"{work['encoder_id']!r}; install the same one on every machine of the cluster"
            )
        return config, encoder


def raise_told(told: str) -> None:
    """Raise what a worker said was wrong.

    Raises:
        RagError: of the class that the worker met.
    """
    name, message = json.loads(told)
    kind: Any = getattr(errors, str(name), RagError)
    raise kind(message) if kind is not errors.OptionalDependencyError else RagError(message)
