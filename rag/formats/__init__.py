"""File formats: each gives one canonical text, with what the file says of itself."""

from rag.formats.parsed import Parsed

__all__ = ["Parsed"]
