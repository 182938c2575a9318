"""Every error that `rag` raises on purpose.

The whole tree::

    RagError
    ├── QuestionError            the question can't be asked (empty, blank, too long, not text)
    ├── SourceError              a path to index does not exist or holds nothing to index
    │   └── FileError            one file could not be read; indexing goes on without it
    ├── IndexMissing             there is no index where one was expected
    ├── IndexMismatch            an index made by another format, encoder or setting
    │   └── IndexDamaged         a file of the index is missing, truncated or altered
    ├── IndexBusy                another process is writing the same index
    ├── IndexUnavailable         the store that holds the index is down, or too slow to answer
    ├── IndexWriteError          the index could not be written (disk full, no permission)
    ├── ClusterUnavailable       the cluster that is to do the work is down, or does not answer
    ├── ModelError               a model is missing, altered or of the wrong shape
    ├── CitationError            a quote differs from its source: never shown, always raised
    ├── ConfigError              a setting that can't be used
    ├── DatasetError             a malformed evaluation file, with the place and the field
    └── OptionalDependencyError  a package of an extra is absent; names the install line

Each message says what was found, what was expected and what to do next.
"""

from __future__ import annotations

__all__ = [
    "CitationError",
    "ClusterUnavailable",
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
    "QuestionError",
    "RagError",
    "SourceError",
]


class RagError(Exception):
    """Base of every error raised on purpose by this package."""


class QuestionError(RagError, ValueError):
    """The question is empty, blank, too long or not text."""


class SourceError(RagError):
    """A path to index does not exist or holds nothing that can be indexed."""


class FileError(SourceError):
    """One file could not be read; the others are indexed without it."""


class IndexMissing(RagError):
    """No index at the given place."""


class IndexMismatch(RagError):
    """The index was made by another format, encoder or setting."""


class IndexDamaged(IndexMismatch):
    """A file of the index is missing, truncated or altered."""


class IndexBusy(RagError):
    """Another process is writing the same index."""


class IndexUnavailable(RagError):
    """The store that holds the index is down, unreachable or too slow; trying again may help."""


class IndexWriteError(RagError):
    """The index could not be written; the last good one is untouched."""


class ClusterUnavailable(RagError):
    """The cluster that is to do the work is down, unreachable or can't do it; finished work is kept."""


class ModelError(RagError):
    """A model file is missing, altered or not what the code expects."""


class CitationError(RagError):
    """A quote is not character for character what its source holds."""


class ConfigError(RagError, ValueError):
    """A setting has a value that can't be used."""


class DatasetError(RagError):
    """An evaluation file is malformed; the message names file, place and field."""


class OptionalDependencyError(RagError, ImportError):
    """A package of an optional extra is not installed.

    Args:
        package: the missing package's import name.
        extra: the extra that brings it.
        purpose: what it is needed for, as the end of "is needed ...".
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"the package {package!r} is needed {purpose} but is not installed; "
            f'install it with: pip install "insources[{extra}]"'
        )
