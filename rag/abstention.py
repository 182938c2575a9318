"""The decision to answer or to refuse: one calibrated probability from reader and retrieval.

A logistic model over a handful of features (Platt 1999; for selective question answering Kamath
et al. 2020, 2006.09462), fitted on development questions only and stored beside the reader that
its scores come from. `confidence` is the probability that the sources hold the answer and that
the quote contains it; below the threshold the answer is "not in sources", with the reason.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.candidates import RankWeights
from rag.config import DecideConfig
from rag.errors import ConfigError, ModelError

__all__ = ["READING_RANK", "Calibration", "Decision"]

FORMAT = 1

_AGAIN = "fit it again with: rag calibrate QUESTIONS --index INDEX"
_BUNDLED_AGAIN = "reinstall insources, or fit it to the reader with: python -m rag.fitting"

# Of given texts that are read without retrieval only what the reader says orders the candidates.
READING_RANK = RankWeights(0.0, 0.0, 0.0)

# Of 19 development questions under the floor none was answerable: (0 + 0.5) / (19 + 1).
OFF_TOPIC = 0.025

# Where the reader does not know the script, a quote must hold this share of the question's words: with that,
# each of 11 Chinese questions of benchmarks.languages was answered rightly, and none of 8 without an answer.
UNREAD_COVERAGE = 0.6


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to answer, and why not.

    Attributes:
        found: answer or refuse.
        confidence: calibrated probability, 0 to 1.
        threshold: what the confidence was held against.
        reason: one sentence where refused, else None.
    """

    found: bool
    confidence: float
    threshold: float
    reason: str | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted decision, plain numbers in a JSON file.

    Attributes:
        reader_id: sha256 of the reader that the scores came from.
        features: names, in the order of the arrays.
        mean, scale: what each feature is standardised by.
        weights, bias: of the logistic model.
        threshold: answer at this probability or above.
        rank: how candidates are ordered before the decision.
        risk_curve: (threshold, risk, coverage) on the tuning questions, by rising threshold.
        floor: a question whose best cosine with any chunk is under it, and of whose words less than half
            stand near, is about something else: hardly any such development question was answerable.
        fitted_on: what it was fitted on, in words.
        encoder_id: of the encoder that the cosines came from; empty for one that is taken with any.
    """

    reader_id: str
    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    threshold: float
    rank: RankWeights = field(default_factory=RankWeights)
    risk_curve: tuple[tuple[float, float, float], ...] = ()
    floor: float = 0.0
    fitted_on: str = ""
    encoder_id: str = ""

    @classmethod
    def unfitted(cls, rank: RankWeights | None = None) -> Calibration:
        """One to fit with: candidates are ordered by `rank`, and every confidence is 0.5."""
        return cls("", (), (), (), (), bias=0.0, threshold=0.5, rank=rank or RankWeights())

    def confidence(self, features: Mapping[str, float]) -> float:
        """Probability, 0 to 1, that the quote answers.

        Raises:
            ModelError: a feature that the calibration needs is not given.
        """
        if features.get("names_nothing"):
            return OFF_TOPIC
        if features.get("unread"):
            # Nothing was read: words alone decide, and are never much of a reason.
            return min(1.0, self.threshold * features.get("quote_coverage", 0.0) / UNREAD_COVERAGE)
        total = self.bias
        for name, mean, scale, weight in zip(self.features, self.mean, self.scale, self.weights, strict=True):
            if name not in features:
                raise ModelError(
                    f"the calibration needs the feature {name!r}, which this version does not give"
                )
            total += weight * (features[name] - mean) / scale
        probability = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
        return min(probability, OFF_TOPIC) if self._off_topic(features) else probability

    def _off_topic(self, features: Mapping[str, float]) -> bool:
        if not self.floor:
            return False
        return features.get("dense_top", 1.0) < self.floor and features.get("coverage", 1.0) < 0.5

    def decide(self, features: Mapping[str, float] | None, config: DecideConfig) -> Decision:
        """Hold the confidence against the threshold.

        Args:
            features: of the best candidate; None where there is none.
            config: how careful to be.
        """
        threshold = self.threshold_for(config)
        if features is None:
            return Decision(
                False,
                0.0,
                threshold,
                "there was no passage to read: the index holds no document, or none with words to quote",
            )
        confidence = self.confidence(features)
        if confidence >= threshold:
            return Decision(True, confidence, threshold, None)
        return Decision(False, confidence, threshold, self._reason(features, confidence, threshold))

    def threshold_for(self, config: DecideConfig) -> float:
        """The threshold that the settings ask for.

        Raises:
            ConfigError: no threshold reaches `max_risk` on the tuning questions.
        """
        if config.min_confidence is not None:
            return config.min_confidence
        if config.max_risk is None:
            return self.threshold
        reached = [threshold for threshold, risk, _ in self.risk_curve if risk <= config.max_risk]
        if not reached:
            least = min((risk for _, risk, _ in self.risk_curve), default=1.0)
            raise ConfigError(
                f"decide.max_risk is {config.max_risk}, but the least risk on the tuning questions is "
                f"{least:.3f}; ask for that much or more, or set decide.min_confidence"
            )
        return min(reached)

    def _reason(self, features: Mapping[str, float], confidence: float, threshold: float) -> str:
        if features.get("names_nothing"):
            return "nothing in the question says what it is about; ask in a whole sentence, with a name or a noun"
        if self._off_topic(features):
            return (
                f"no passage is about this: best cosine {features['dense_top']:.2f} is under {self.floor:.2f}, "
                f"{features['coverage']:.0%} of the question's words are near"
            )
        if features.get("unread"):
            return (
                "the reader does not know this script, and the nearest sentence holds "
                f"{features.get('quote_coverage', 0.0):.0%} of the question's words; expected {UNREAD_COVERAGE:.0%}"
            )
        reader = features.get("reader", 0.0)
        said = "prefers “no answer here”" if reader <= 0 else "finds only weak support"
        return (
            f"confidence {confidence:.2f} is under the threshold {threshold:.2f}: "
            f"the reader {said} (score {reader:+.1f}), best cosine {features.get('dense', 0.0):.2f}, "
            f"{features.get('coverage', 0.0):.0%} of the question's words are near"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "format": FORMAT,
            "reader_id": self.reader_id,
            "features": list(self.features),
            "mean": list(self.mean),
            "scale": list(self.scale),
            "weights": list(self.weights),
            "bias": self.bias,
            "threshold": self.threshold,
            "rank": dataclasses.asdict(self.rank),
            "floor": self.floor,
            "risk_curve": [list(point) for point in self.risk_curve],
            "fitted_on": self.fitted_on,
            **({"encoder_id": self.encoder_id} if self.encoder_id else {}),
        }

    @classmethod
    def load(cls, path: Path, *, reader_id: str) -> Calibration:
        """Read the calibration that comes with a reader and check that it belongs to it.

        Raises:
            ModelError: missing, damaged, of another format, or fitted to another reader.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ModelError(
                f"no calibration: {path.name} can't be read ({error.strerror}); {_BUNDLED_AGAIN}"
            ) from error
        except ValueError as error:
            raise ModelError(f"the calibration {path.name} is damaged ({error}); {_BUNDLED_AGAIN}") from error
        return cls.parse(text, path.name, reader_id=reader_id, again=_BUNDLED_AGAIN)

    @classmethod
    def parse(
        cls, text: str, name: str, *, reader_id: str, encoder_id: str = "", again: str = _AGAIN
    ) -> Calibration:
        """As `load`, of JSON that was read already.

        Args:
            text: the JSON.
            name: for messages.
            reader_id: of the reader in use.
            encoder_id: of the encoder in use; a calibration that was fitted with another is refused.
            again: what to do where it can't be used, for messages.

        Raises:
            ModelError: damaged, of another format, or fitted to another reader or encoder.
        """
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise ModelError(f"{name} has format {data['format']!r:.40}, expected {FORMAT}; {again}")
            calibration = cls(
                reader_id=str(data["reader_id"]),
                features=tuple(str(name) for name in data["features"]),
                mean=tuple(_number("mean", value) for value in data["mean"]),
                scale=tuple(_number("scale", value) for value in data["scale"]),
                weights=tuple(_number("weights", value) for value in data["weights"]),
                bias=_number("bias", data["bias"]),
                threshold=_share("threshold", data["threshold"]),
                rank=RankWeights(
                    **{key: _number(f"rank.{key}", value) for key, value in data["rank"].items()}
                ),
                risk_curve=tuple(
                    (_share("risk_curve", t), _share("risk_curve", r), _share("risk_curve", c))
                    for t, r, c in data["risk_curve"]
                ),
                floor=_number("floor", data["floor"]),
                fitted_on=str(data["fitted_on"]),
                encoder_id=str(data.get("encoder_id", "")),
            )
            _check_arrays(calibration)
        except KeyError as error:
            raise ModelError(f"the calibration {name} is damaged (no field {error}); {again}") from error
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ModelError(f"the calibration {name} is damaged ({error}); {again}") from error
        if calibration.reader_id != reader_id:
            raise ModelError(
                f"the calibration {name} was fitted to reader {calibration.reader_id[:12]}, but the reader "
                f"in use is {reader_id[:12]}; {again}"
            )
        if encoder_id and calibration.encoder_id not in ("", encoder_id):
            raise ModelError(
                f"the calibration {name} was fitted with the encoder {calibration.encoder_id!r}, but the index has "
                f"{encoder_id!r}; {again}"
            )
        return calibration


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} holds {value!r:.40}, expected a finite number")
    return float(value)


def _share(name: str, value: Any) -> float:
    number = _number(name, value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{name} holds {number}, expected 0 to 1")
    return number


def _check_arrays(calibration: Calibration) -> None:
    lengths = [len(getattr(calibration, name)) for name in ("features", "mean", "scale", "weights")]
    if len(set(lengths)) != 1:
        raise ValueError(f"features, mean, scale and weights hold {lengths} values, expected as many of each")
    if calibration.scale and min(calibration.scale) <= 0.0:
        raise ValueError(f"scale holds {min(calibration.scale)}, expected more than 0")
