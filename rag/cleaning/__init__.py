"""From raw text to prose, structure and whole sentences, every offset kept in the raw text."""

from rag.cleaning.search_copy import MappedText, join_search_copies, search_copy
from rag.cleaning.structure import Block, Structure, read_structure

__all__ = ["Block", "MappedText", "Structure", "join_search_copies", "read_structure", "search_copy"]
