"""A setting that can't be used is refused, with what was expected."""

from __future__ import annotations

import pytest

from rag.config import Config, ReadConfig
from rag.errors import ConfigError


@pytest.mark.parametrize("name", ["max_answer_tokens", "max_quote_words"])
@pytest.mark.parametrize("value", [0, -5])
def test_a_length_of_nothing_is_refused(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"read.{name} is {value}; expected 1 or more"):
        ReadConfig(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=name):
        Config.from_dict({"read": {name: value}})
