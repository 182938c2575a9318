"""The examples in the docstrings of this area do what they show."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "module", ["rag.corpus", "rag.generations", "rag.stores", "rag.stores.arrays", "rag.stores.tokens"]
)
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0
