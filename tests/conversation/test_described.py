""" "The company", "that deal", "the two countries": what was spoken of just before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_understanding import ADAMS, NVIDIA, answered, meaning

from rag.conversation import understand
from rag.described import descriptions
from rag.focus import Turn

DEAL = ("Who helped to negotiate the TikTok deal?", "Bessent and He")
TREATY = ("Which two countries signed the Treaty of Tordesillas?", "Spain and Portugal")
KENYA = ("What is the capital of Kenya?", "Nairobi")
BAN = ("What did the report recommend?", "a ban on diesel cars")
CURIE = ("When did Marie Curie win the Nobel prize in chemistry?", "1911")
LAW = ("What does the new law forbid?", "plastic bags")


@pytest.mark.parametrize(
    ("asked", "turn", "meant"),
    [
        ("Where is the company based?", NVIDIA, "Where is Nvidia based?"),
        ("Who founded that company?", NVIDIA, "Who founded Nvidia?"),
        ("What does this company sell?", NVIDIA, "What does Nvidia sell?"),
        ("When did he found the company?", NVIDIA, "When did Jensen Huang found Nvidia?"),
        ("When was the deal signed?", DEAL, "When was the TikTok deal signed?"),
        ("Was the deal approved by Congress?", DEAL, "Was the TikTok deal approved by Congress?"),
        ("Who opposed it?", DEAL, "Who opposed the TikTok deal?"),
        ("How long is the bridge?", ADAMS, "How long is the Harbour Bridge?"),
        ("Why did the two countries sign it?", TREATY, "Why did Spain and Portugal sign the Treaty of Tordesillas?"),
        ("What did the treaty say?", TREATY, "What did the Treaty of Tordesillas say?"),
        ("How many people live in the capital?", KENYA, "How many people live in Nairobi?"),
        ("How many people live there?", KENYA, "How many people live in Nairobi?"),
        ("When would the ban begin?", BAN, "When would the ban on diesel cars begin?"),
        ("Who else won the prize?", CURIE, "Who else won the Nobel prize?"),
        ("And in physics?", CURIE, "When did Marie Curie win the Nobel prize in physics?"),
        ("Who proposed the law?", LAW, "Who proposed the new law?"),
        ("Does it apply to restaurants?", LAW, "Does the new law apply to restaurants?"),
        ("And the Opera House?", ("When was the Harbour Bridge in Sydney opened?", "1932"),
         "When was the Opera House in Sydney opened?"),
        ("How old is the chief executive?", ("Who is the chief executive of Siemens?", None),
         "How old is the chief executive of Siemens?"),
        ("How many people work there?", NVIDIA, "How many people work in Nvidia?"),
        ("What happened after that?", ("What caused the Chernobyl accident?", "a fault"),
         "What happened after the Chernobyl accident?"),
    ],
)  # fmt: skip
def test_a_description_stands_for_what_was_said(asked: str, turn: tuple[str, str | None], meant: str) -> None:
    assert meaning(asked, turn) == meant


def test_what_was_asked_for_as_a_thing_is_no_person() -> None:
    turns = (NVIDIA, ("Where is the company based?", "California"))
    assert meaning("How often has he been to China?", *turns) == "How often has Jensen Huang been to China?"
    assert meaning("Who founded it?", *turns) == "Who founded Nvidia?"


@pytest.mark.parametrize(
    ("asked", "turn"),
    [
        ("Which company owns the company that makes TikTok?", NVIDIA),
        ("What did the company of Elon Musk buy?", NVIDIA),
        ("Who signed the treaty of Versailles?", TREATY),
        ("What did the company Tesla build in Berlin?", NVIDIA),
        ("Who was president in the year 1990?", ("In which year did Ann Adams retire?", "1985")),
        ("What is the world's largest lake?", ("Which world record did Bolt set?", "9.58 s")),
        ("Who proposed the TikTok deal?", DEAL),
        ("When did the Berlin wall fall?", CURIE),
        ("Who leads the Labour party?", ("Which party won?", "the Greens")),
    ],
)
def test_another_one_is_left_alone(asked: str, turn: tuple[str, str | None]) -> None:
    assert meaning(asked, turn) == asked


def test_the_question_as_asked_is_tried_too() -> None:
    understood = understand("When was the deal signed?", [(DEAL[0], answered(*DEAL))])
    assert understood.sure
    assert understood.may_stand_alone
    assert understood.added == ("tiktok",)


@given(st.text(max_size=120), st.text(max_size=120), st.none() | st.text(max_size=80))
def test_descriptions_lie_in_the_question_one_after_the_other(
    asked: str, said: str, short: str | None
) -> None:
    at = 0
    for found in descriptions(f"When was the deal {asked}", Turn(f"Who made the {said} deal?", short)):
        assert found.span.start >= at
        assert found.meant
        at = found.span.end
