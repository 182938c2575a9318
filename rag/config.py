"""Every setting in one place: frozen dataclasses with the defaults that the figures were made with."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from rag.errors import ConfigError

__all__ = [
    "ChunkConfig",
    "Config",
    "DecideConfig",
    "EncoderConfig",
    "FormatConfig",
    "ReadConfig",
    "RetrieveConfig",
]

BUNDLED_ENCODER = "all-MiniLM-L6-v2"

INDEX_KINDS = ("auto", "flat", "ivf", "exact")


@dataclass(frozen=True, slots=True)
class ChunkConfig:
    """How documents are cut.

    Attributes:
        max_tokens: upper size of a chunk in tiktoken's cl100k_base tokens.
        overlap_sentences: sentences that neighbouring chunks share.
        remove_furniture: leave site furniture (headline lists, share lines) out.
    """

    max_tokens: int = 120
    overlap_sentences: int = 1
    remove_furniture: bool = True

    def __post_init__(self) -> None:
        if self.max_tokens < 16:
            raise ConfigError(f"chunk.max_tokens is {self.max_tokens}; expected at least 16 tokens")
        if self.overlap_sentences < 0:
            raise ConfigError(f"chunk.overlap_sentences is {self.overlap_sentences}; expected 0 or more")


@dataclass(frozen=True, slots=True)
class FormatConfig:
    """How files that are not plain text are read.

    Attributes:
        text_column: the column of .csv and field of .jsonl files that holds the text; None takes the
            first with a usual name (text, body, content ...).
    """

    text_column: str | None = None


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Which sentence encoder makes the vectors.

    Attributes:
        name: `all-MiniLM-L6-v2` is the bundled one; anything else is a
            sentence-transformers name or path.
        batch_size: chunks encoded at a time.
        allow_download: let sentence-transformers ask a model hub; off by default.
    """

    name: str = BUNDLED_ENCODER
    batch_size: int = 16
    allow_download: bool = False


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """How vectors are kept. It applies to what is written from then on; any kind can be read.

    Attributes:
        kind: `flat` compares with every vector, `ivf` looks into lists of like ones and is far faster
            with many; `auto` chooses by number; `exact` is the slow reference.
    """

    kind: str = "auto"

    def __post_init__(self) -> None:
        if self.kind not in INDEX_KINDS:
            raise ConfigError(f"index.kind is {self.kind!r}; expected one of {', '.join(INDEX_KINDS)}")


@dataclass(frozen=True, slots=True)
class RetrieveConfig:
    """How many chunks are found and how the two rankings are joined.

    Attributes:
        candidates: chunks that each of dense and BM25 offers.
        k: chunks that go on to the reader.
        dense_weight: share of the cosine in the fused score, 0 to 1; the rest is BM25's.
    """

    candidates: int = 50
    k: int = 8
    dense_weight: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.dense_weight <= 1.0:
            raise ConfigError(f"retrieve.dense_weight is {self.dense_weight}; expected 0 to 1")
        if self.k < 1 or self.candidates < self.k:
            raise ConfigError(
                f"retrieve.k is {self.k} and retrieve.candidates {self.candidates}; "
                "expected 1 <= k <= candidates"
            )


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """How chunks are read.

    Attributes:
        max_answer_tokens: longest short answer that is considered.
        max_quote_words: a quote is cut to whole sentences within this many words where possible.
        model: path of another reader; None is the bundled one.
    """

    max_answer_tokens: int = 30
    max_quote_words: int = 60
    model: str | None = None

    def __post_init__(self) -> None:
        for name in ("max_answer_tokens", "max_quote_words"):
            if getattr(self, name) < 1:
                raise ConfigError(f"read.{name} is {getattr(self, name)}; expected 1 or more")


@dataclass(frozen=True, slots=True)
class DecideConfig:
    """How careful to be.

    Attributes:
        min_confidence: answer only at this calibrated probability or above; None uses the
            threshold stored with the calibration.
        max_risk: instead, the largest share of wrong answers to accept on the tuning questions.
    """

    min_confidence: float | None = None
    max_risk: float | None = None

    def __post_init__(self) -> None:
        for name in ("min_confidence", "max_risk"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ConfigError(f"decide.{name} is {value}; expected a probability from 0 to 1")
        if self.min_confidence is not None and self.max_risk is not None:
            raise ConfigError("decide.min_confidence and decide.max_risk are both set; expected one of them")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. `chunk`, `encoder` and `formats` shape the index; the rest may change per question."""

    chunk: ChunkConfig = field(default_factory=ChunkConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    retrieve: RetrieveConfig = field(default_factory=RetrieveConfig)
    read: ReadConfig = field(default_factory=ReadConfig)
    decide: DecideConfig = field(default_factory=DecideConfig)
    formats: FormatConfig = field(default_factory=FormatConfig)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Config:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: a group or setting that does not exist, or a bad value.
        """
        parts: dict[str, Any] = {}
        groups: dict[str, Any] = {
            "chunk": ChunkConfig,
            "encoder": EncoderConfig,
            "index": IndexConfig,
            "retrieve": RetrieveConfig,
            "read": ReadConfig,
            "decide": DecideConfig,
            "formats": FormatConfig,
        }
        for name, value in data.items():
            if name not in groups:
                raise ConfigError(f"unknown group of settings {name!r}; expected one of {sorted(groups)}")
            try:
                parts[name] = groups[name](**value)
            except TypeError as error:
                raise ConfigError(f"bad settings in {name!r}: {error}") from error
        return cls(**parts)

    def index_settings(self) -> dict[str, Any]:
        """The settings that an index depends on, as recorded in its manifest."""
        settings: dict[str, Any] = {
            "chunk": dataclasses.asdict(self.chunk),
            "encoder": {"name": self.encoder.name},
        }
        if self.formats != FormatConfig():  # so that an index of before there were formats is still good
            settings["formats"] = dataclasses.asdict(self.formats)
        return settings

    def index_fingerprint(self) -> str:
        """sha256 of `index_settings`, to compare an index with the settings in use."""
        packed = json.dumps(self.index_settings(), sort_keys=True).encode()
        return hashlib.sha256(packed).hexdigest()
