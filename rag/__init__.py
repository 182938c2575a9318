"""Ask your own documents; get their own words with the exact place, or "not in sources".

>>> from rag import ask
>>> answer = ask("Between whom is Trump's camp divided?")  # doctest: +SKIP
>>> answer.text, answer.citations[0].doc_id  # doctest: +SKIP

Importing this package loads nothing heavy, and turns hub access and telemetry of the libraries
below it off unless the environment already says otherwise.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rag._version import __version__
from rag.datatypes import Answer, Citation
from rag.errors import (
    CitationError,
    ClusterUnavailable,
    ConfigError,
    DatasetError,
    FileError,
    IndexBusy,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    IndexUnavailable,
    IndexWriteError,
    ModelError,
    OptionalDependencyError,
    QuestionError,
    RagError,
    SourceError,
)

if TYPE_CHECKING:
    from rag.asking import ask
    from rag.config import Config
    from rag.pipeline import Pipeline

__all__ = [
    "Answer",
    "Citation",
    "CitationError",
    "ClusterUnavailable",
    "Config",
    "ConfigError",
    "DatasetError",
    "FileError",
    "IndexBusy",
    "IndexDamaged",
    "IndexMismatch",
    "IndexMissing",
    "IndexUnavailable",
    "IndexWriteError",
    "ModelError",
    "OptionalDependencyError",
    "Pipeline",
    "QuestionError",
    "RagError",
    "SourceError",
    "__version__",
    "ask",
]

for _name, _value in {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
}.items():
    os.environ.setdefault(_name, _value)

_LAZY = {"Config": "rag.config", "Pipeline": "rag.pipeline", "ask": "rag.asking"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
