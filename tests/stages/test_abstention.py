"""The decision: a probability held against a threshold, with a reason."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from rag.abstention import Calibration
from rag.calibrating import Example, fit, save
from rag.config import DecideConfig
from rag.errors import ConfigError, DatasetError, IndexWriteError, ModelError

PLAIN = Calibration(
    reader_id="a" * 64,
    features=("reader", "dense"),
    mean=(0.0, 0.5),
    scale=(2.0, 0.1),
    weights=(1.0, 2.0),
    bias=0.0,
    threshold=0.6,
    risk_curve=((0.2, 0.30, 0.9), (0.5, 0.10, 0.8), (0.8, 0.02, 0.5)),
)


def test_confidence_is_the_logistic_of_the_standardised_sum() -> None:
    # 1.0 * (2 - 0) / 2 + 2.0 * (0.6 - 0.5) / 0.1 = 3; 1 / (1 + e^-3) = 0.9526
    assert PLAIN.confidence({"reader": 2.0, "dense": 0.6, "other": 9.0}) == pytest.approx(0.95257, abs=1e-5)


def test_refusal_says_why() -> None:
    decision = PLAIN.decide({"reader": -4.0, "dense": 0.4, "coverage": 0.25}, DecideConfig())
    assert not decision.found
    assert decision.reason is not None
    assert "under the threshold 0.60" in decision.reason
    assert "no answer here" in decision.reason
    assert PLAIN.decide(None, DecideConfig()).reason is not None


def test_a_question_about_something_else_is_refused_whatever_the_reader_says() -> None:
    bounded = dataclasses.replace(PLAIN, floor=0.2)
    sure = {"reader": 20.0, "dense": 0.6, "dense_top": 0.1, "coverage": 0.3}
    assert PLAIN.confidence(sure) > 0.99
    assert bounded.confidence(sure) == 0.025
    reason = bounded.decide(sure, DecideConfig()).reason
    assert reason is not None
    assert "no passage is about this" in reason
    for near in ({"dense_top": 0.3}, {"coverage": 0.6}):
        assert bounded.confidence({**sure, **near}) > 0.99


@pytest.mark.parametrize(
    ("config", "threshold"),
    [
        (DecideConfig(), 0.6),
        (DecideConfig(min_confidence=0.9), 0.9),
        (DecideConfig(max_risk=0.1), 0.5),
        (DecideConfig(max_risk=0.05), 0.8),
        (DecideConfig(max_risk=0.5), 0.2),
    ],
)
def test_how_careful_to_be(config: DecideConfig, threshold: float) -> None:
    assert PLAIN.threshold_for(config) == threshold


def test_a_risk_that_no_threshold_reaches() -> None:
    with pytest.raises(ConfigError, match=r"0\.020"):
        PLAIN.threshold_for(DecideConfig(max_risk=0.001))


def test_both_at_once_is_refused() -> None:
    with pytest.raises(ConfigError, match="both"):
        DecideConfig(min_confidence=0.5, max_risk=0.1)


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    save(PLAIN, tmp_path / "calibration.json")
    assert Calibration.load(tmp_path / "calibration.json", reader_id="a" * 64) == PLAIN
    with_encoder = dataclasses.replace(PLAIN, encoder_id="e")
    assert (
        Calibration.parse(json.dumps(with_encoder.to_dict()), "it", reader_id="a" * 64, encoder_id="e")
        == with_encoder
    )


def test_one_of_another_reader_is_refused(tmp_path: Path) -> None:
    save(PLAIN, tmp_path / "calibration.json")
    with pytest.raises(ModelError, match=r"aaaaaaaaaaaa.*bbbbbbbbbbbb.*reinstall insources.*rag\.fitting"):
        Calibration.load(tmp_path / "calibration.json", reader_id="b" * 64)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [1.0]},
        {"weights": [1.0, "x"]},
        {"bias": None},
        {"format": 9},
        {"mean": [float("nan"), 0.0]},
        {"mean": [10**400, 0.0]},
        {"scale": [0.0, 1.0]},
        {"scale": [-1.0, 1.0]},
        {"bias": float("nan")},
        {"bias": "1"},
        {"threshold": float("nan")},
        {"threshold": 7},
        {"threshold": -0.1},
        {"floor": float("inf")},
        {"rank": {"retrieval": "30"}},
        {"rank": {"similarity": float("nan")}},
        {"rank": {"similarity": True}},
        {"rank": {"other": 1.0}},
        {"rank": None},
        {"rank": []},
        {"risk_curve": [[float("nan"), 0.1, 0.5]]},
        {"risk_curve": [[7, 0.1, 0.5]]},
        {"risk_curve": [[0.1]]},
    ],
    ids=str,
)
def test_a_damaged_one_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({**PLAIN.to_dict(), **change}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"calibration\.json.*reinstall insources.*rag\.fitting"):
        Calibration.load(path, reader_id="a" * 64)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000, '{"format": 1, "reader_id": ""}'])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"calibration calibration\.json is damaged \(.*rag calibrate"):
        Calibration.parse(text, "calibration.json", reader_id="a" * 64)


def test_the_message_says_what_is_wrong() -> None:
    text = json.dumps({**PLAIN.to_dict(), "threshold": 7})
    with pytest.raises(ModelError, match=r"threshold holds 7\.0, expected 0 to 1"):
        Calibration.parse(text, "calibration.json", reader_id="a" * 64)
    text = json.dumps({**PLAIN.to_dict(), "rank": {"retrieval": "30"}})
    with pytest.raises(ModelError, match=r"rank\.retrieval holds '30', expected a finite number"):
        Calibration.parse(text, "calibration.json", reader_id="a" * 64)


def test_one_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(PLAIN.to_dict()), encoding="utf-16")
    with pytest.raises(ModelError, match=r"calibration\.json.*reinstall insources"):
        Calibration.load(path, reader_id="a" * 64)


def test_one_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").mkdir()
    with pytest.raises(IndexWriteError, match=r"calibration\.json' can't be written .*mend it and fit again"):
        save(PLAIN, tmp_path / "calibration.json")
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]
    with pytest.raises(IndexWriteError, match="No such file"):
        save(PLAIN, tmp_path / "gone" / "calibration.json")


def _examples(n: int, seed: int = 0) -> list[Example]:
    """Features whose true probability is the logistic of 2 x reader."""
    random = np.random.default_rng(seed)
    examples = []
    for _ in range(n):
        score = float(random.normal())
        right = bool(random.random() < 1 / (1 + np.exp(-2 * score)))
        examples.append(Example({"reader": score, "noise": float(random.normal())}, right, right))
    return examples


def test_fitted_probabilities_mean_what_they_say() -> None:
    calibration = fit(
        _examples(4000), reader_id="r", fitted_on="made", names=("reader", "noise"), coverage=0.9
    )
    fresh = _examples(4000, seed=1)
    said = np.array([calibration.confidence(example.features) for example in fresh])
    right = np.array([example.right for example in fresh])
    for low in np.arange(0, 1, 0.2):
        inside = (said >= low) & (said < low + 0.2)
        assert abs(said[inside].mean() - right[inside].mean()) < 0.06
    assert (said[right] >= calibration.threshold).mean() == pytest.approx(0.9, abs=0.03)
    risks = [risk for _, risk, _ in calibration.risk_curve]
    assert risks[0] > risks[-1]


def test_no_risk_is_told_of_a_handful_of_answers() -> None:
    examples = _examples(200)
    calibration = fit(examples, reader_id="r", fitted_on="made", names=("reader", "noise"))
    said = [calibration.confidence(example.features) for example in examples]
    assert min(sum(c >= cut for c in said) for cut, _, _ in calibration.risk_curve) >= 20
    assert len(fit(_examples(25), reader_id="r", fitted_on="made", names=("reader",)).risk_curve) > 0


def test_too_few_questions_to_fit() -> None:
    right = [dataclasses.replace(example, right=True) for example in _examples(50)]
    with pytest.raises(DatasetError, match="at least 10 of each"):
        fit(right, reader_id="r", fitted_on="made", names=("reader",))
