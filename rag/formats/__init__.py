"""File formats: each gives one canonical text, with what the file says of itself."""

from rag.formats.kinds import KINDS, SUFFIXES, Kind, missing
from rag.formats.parsed import Parsed, ParseOptions

__all__ = ["KINDS", "SUFFIXES", "Kind", "ParseOptions", "Parsed", "missing"]
