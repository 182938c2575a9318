"""A teacher that is asked once: what it says of each window is kept for the next run over the same windows.

A teacher of twelve layers takes three quarters of a step. Windows depend on the seed and the data alone, so that a
second run with the same `--seed` sees the same ones and needs no teacher for them.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rag.errors import ConfigError
from rag.training.mirror import MirrorTeacher, Said, soften
from rag.training.model import Batch
from rag.training.windows import Window

__all__ = ["RecordedTeacher"]

_PART = 2_048  # windows a file
_OWNER = "teacher.sha256"


class RecordedTeacher:
    """Adds a teacher's distributions to batches, from the record where it has them.

    Logits are kept in float16 in files of a few thousand windows; those of the last, unfinished file are lost when
    a run is killed, and asked again. Several threads may call at once.

    Args:
        teacher: asked for windows that the record lacks.
        weights: its `model.safetensors`; a record belongs to one teacher.
        folder: of the record; made where there is none.

    Raises:
        ConfigError: the folder holds another teacher's record, or a file that is none.
    """

    def __init__(self, teacher: MirrorTeacher, weights: Path, folder: Path) -> None:
        self._teacher = teacher
        self._folder = folder
        self._known: dict[bytes, Said] = {}
        self._fresh: dict[bytes, Said] = {}
        self._lock = threading.Lock()
        with weights.open("rb") as file:
            owner = hashlib.file_digest(file, "sha256").hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / _OWNER
        if not mark.exists():
            mark.write_text(owner, "utf-8")
        elif (held := mark.read_text("utf-8").strip()) != owner:
            raise ConfigError(
                f"{folder} holds what another teacher said (sha256 {held[:12]}, this one {owner[:12]}); "
                "name another folder or delete it"
            )
        for part in sorted(folder.glob("*.npz")):
            self._known.update(_read(part))

    @property
    def n_windows(self) -> int:
        """How many the record holds."""
        return len(self._known)

    def __call__(self, windows: Sequence[Window], batch: Batch) -> Batch:
        """See `mirror.soften`."""
        keys = [_key(window) for window in windows]
        new = {key: window for key, window in zip(keys, windows, strict=True) if key not in self._known}
        if new:
            said = self._teacher.read(list(new.values()))
            self._keep(dict(zip(new, map(_halved, said), strict=True)))
        return soften([self._known[key] for key in keys], windows, batch, self._teacher.temperature)

    def close(self) -> None:
        """Write what is not written yet."""
        with self._lock:
            self._write()

    def _keep(self, said: dict[bytes, Said]) -> None:
        with self._lock:
            self._known.update(said)
            self._fresh.update(said)
            if len(self._fresh) >= _PART:
                self._write()

    def _write(self) -> None:
        if not self._fresh:
            return
        said, keys = list(self._fresh.values()), b"".join(self._fresh)
        part = self._folder / f"{hashlib.sha256(keys).hexdigest()[:20]}.npz"
        new = part.with_suffix(".new")
        with new.open("wb") as file:
            np.savez(
                file,
                keys=np.frombuffer(keys, np.uint8).reshape(len(said), -1),
                lengths=np.array([len(one.start) for one in said], np.int32),
                start=np.concatenate([one.start for one in said]),
                end=np.concatenate([one.end for one in said]),
                answerable=np.array(
                    [np.nan if one.answerable is None else one.answerable for one in said], np.float32
                ),
            )
        new.replace(part)
        self._fresh = {}


def _halved(said: Said) -> Said:
    """In float16 at once, so that a window is taught alike from the record and without."""
    return Said(said.start.astype(np.float16), said.end.astype(np.float16), said.answerable)


def _key(window: Window) -> bytes:
    return hashlib.sha256(window.ids.tobytes() + window.n_prefix.to_bytes(4, "little")).digest()[:16]


def _read(part: Path) -> dict[bytes, Said]:
    try:
        with part.open("rb") as file, np.load(file, allow_pickle=False) as held:
            keys, lengths, judged = held["keys"], held["lengths"], held["answerable"]
            ends = np.cumsum(lengths)[:-1]
            starts, stops = np.split(held["start"], ends), np.split(held["end"], ends)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as err:
        raise ConfigError(f"{part} is no part of a teacher's record ({err}); delete it") from err
    return {
        key.tobytes(): Said(start, stop, None if np.isnan(logit) else float(logit))
        for key, start, stop, logit in zip(keys, starts, stops, judged, strict=True)
    }
