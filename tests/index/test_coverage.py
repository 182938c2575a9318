"""How much of a question a text holds, weighted by rarity."""

from __future__ import annotations

import math

import pytest

from rag.stores import WordStore

TEXTS = [
    "The mayor opened the bridge.",
    "The mayor closed the tower.",
    "Der Bürgermeister eröffnete die Brücken.",
]
STORE = WordStore.build(TEXTS, ["en", "en", "de"])


def rarity(n: int, n_chunks: int = 3) -> float:
    return math.log(1 + (n_chunks - n + 0.5) / (n + 0.5))


def test_by_hand() -> None:
    # mayor is in 2 of 3 chunks, bridge in 1, castle in none
    wanted = {"mayor": rarity(2), "bridge": rarity(1), "castle": rarity(0)}
    share = STORE.coverage("Did the mayor see bridge or castle?", "A bridge for the mayor.")
    seen = rarity(0)
    assert share == pytest.approx((wanted["mayor"] + wanted["bridge"]) / (sum(wanted.values()) + seen))


def test_all_none_and_nothing_asked() -> None:
    assert STORE.coverage("mayor bridge", TEXTS[0]) == 1
    assert STORE.coverage("castle", TEXTS[0]) == 0
    assert STORE.coverage("?!", TEXTS[0]) == 0


def test_a_word_counts_once_whatever_the_languages() -> None:
    assert STORE.coverage("bridges", "One bridge.") == 1
    assert STORE.coverage("Brücke", "Zwei Brücken.") == 1


def test_no_score_reaches_the_ceiling() -> None:
    for question in ("mayor bridge", "Who opened the bridge?", "Brücken", "castle"):
        assert STORE.scores(question).max() < STORE.ceiling(question)
    assert STORE.ceiling("?!") == 1
