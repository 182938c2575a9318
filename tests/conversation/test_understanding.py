"""What a follow-up question is understood as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.conversation import MAX_TURNS, read_history, understand
from rag.datatypes import Answer, Citation
from rag.errors import QuestionError
from rag.question import MAX_QUESTION_CHARS


def answered(question: str, short: str | None, quote: str = "", understood: str | None = None) -> Answer:
    """An answer as the pipeline gives it."""
    quote = quote or f"It says {short} here."
    citation = Citation("a.txt", None, 0, len(quote), quote, None, None, "0" * 64, 1.0)
    return Answer(question, True, quote, short, 0.9, (citation,), understood=understood)


def meaning(question: str, *turns: tuple[str, str | None]) -> str:
    """The question as understood after (question, short answer) turns."""
    return understand(question, [(asked, answered(asked, short)) for asked, short in turns]).question


NVIDIA = ("Which company does Jensen Huang run?", "Nvidia")
ADAMS = ("Who opened the Harbour Bridge in Sydney?", "Mayor Ann Adams")
VISITS = ("Which countries did Xi visit in April?", "Malaysia, Vietnam, and Cambodia")


@pytest.mark.parametrize(
    ("asked", "turn", "meant"),
    [
        ("When did he retire?", NVIDIA, "When did Jensen Huang retire?"),
        ("And what was he before?", NVIDIA, "What was Jensen Huang before?"),
        ("What is his salary?", NVIDIA, "What is Jensen Huang’s salary?"),
        ("Where is it based?", NVIDIA, "Where is Nvidia based?"),
        ("Where was she born?", ADAMS, "Where was Mayor Ann Adams born?"),
        ("Who lives there?", ADAMS, "Who lives in Sydney?"),
        ("Why did they receive him?", VISITS, "Why did Malaysia, Vietnam, and Cambodia receive Xi?"),
        ("why?", ("In which month did Trump reprimand Zelenskyy?", "February"), "Why did Trump reprimand Zelenskyy?"),
        ("And when was that?", VISITS, "When did Xi visit in April (Malaysia, Vietnam, and Cambodia)?"),
        ("and the second one?", VISITS, "Which countries did Xi visit in April: Vietnam?"),
        ("the last?", VISITS, "Which countries did Xi visit in April: Cambodia?"),
        ("And Beijing's?", ("What are Washington's main objectives?", None), "What are Beijing's main objectives?"),
        ("what about Germany?", ("How many people live in France?", "68 million"), "How many people live in Germany?"),
        ("And in 2023?", ("How much did Acme earn in 2022?", "3 million"), "How much did Acme earn in 2023?"),
        ("what about Trump?", VISITS, "Which countries did Trump visit in April?"),
        ("and his wife?", NVIDIA, "What about Jensen Huang’s wife?"),
        ("and He Lifeng?", ("Who is Scott Bessent?", None), "Who is He Lifeng?"),
        ("and closed?", ("When was the bridge opened?", "1932"), "When was the bridge closed?"),
        ("When did they start?", ("How many tariffs did Trump impose?", "3"), "When did Trump’s tariffs start?"),
        ("Who else?", ("Who signed the treaty?", "Norway"), "Who else signed the treaty?"),
        ("What are the main types?", ("What is solar energy?", None), "What are the main types of solar energy?"),
        ("What are their advantages?", ("What are Cubesats?", None), "What are Cubesats’ advantages?"),
        ("Can it kill you?", ("What is Lyme disease?", None), "Can Lyme disease kill you?"),
        (
            "What did the man who said that use to run?",
            ("What did Bessent call the aide?", "unhinged"),
            "What did Bessent use to run?",
        ),
    ],
)  # fmt: skip
def test_what_is_left_out_comes_from_before(asked: str, turn: tuple[str, str | None], meant: str) -> None:
    assert meaning(asked, turn) == meant


@pytest.mark.parametrize(
    "asked",
    [
        "What is the capital of France?",
        "And what are Washington's main objectives?",
        "ok, how many rounds of talks have Bessent and He led?",
        "Who did He Lifeng meet in Beijing?",
        "To which regions have firms spread their production?",
        "What did Trump say about his tariffs?",
        "When Xi met Trump, what did he say?",
        "Is there a museum in Berlin?",
        "How many rounds have there been since Easter?",
        "Which tribes that traded with Rome survived?",
        "What did the Fed do this year?",
        "What time is it in Tokyo?",
        "What does IT stand for?",
        "What became collateral damage in the geopolitical struggle?",
        "I wonder whether banks that failed in March were insured by the state, the Fed or by nobody; who paid them?",
        "hello",
    ],
)
def test_a_new_topic_is_left_alone(asked: str) -> None:
    understood = understand(asked, [(NVIDIA[0], answered(*NVIDIA))])
    assert (understood.question, understood.refers_back, understood.added) == (asked, False, ())


def test_what_was_added_is_told() -> None:
    understood = understand("When did he retire?", [(NVIDIA[0], answered(*NVIDIA))])
    assert understood.added == ("jensen", "huang")
    assert understood.sure
    assert not understood.may_stand_alone


def test_only_left_out_parts_may_stand_alone() -> None:
    understood = understand("What are the main causes?", [("What is a monsoon?", None)])
    assert understood.refers_back
    assert not understood.sure
    assert understood.may_stand_alone


def test_a_chain_keeps_its_topic() -> None:
    history: list[tuple[str, None]] = []
    meant = []
    for asked in (
        "What is throat cancer?",
        "Is it treatable?",
        "Tell me about lung cancer.",
        "What are its symptoms?",
        "Can it spread to the throat?",
    ):
        meant.append(understand(asked, history).question)
        history.append((asked, None))
    assert meant == [
        "What is throat cancer?",
        "Is throat cancer treatable?",
        "Tell me about lung cancer.",
        "What are lung cancer’s symptoms?",
        "Can lung cancer spread to the throat?",
    ]


def test_every_form_of_history_is_read_alike() -> None:
    question, answer = NVIDIA[0], answered(*NVIDIA, quote="Nvidia's boss, Jensen Huang, was there.")
    forms = [
        [(question, answer)],
        [[question, answer.to_dict()]],
        [{"question": question, "answer": answer}],
        [{"question": question, "answer": answer.to_dict()}],
    ]
    turns = [read_history(form) for form in forms]
    assert all(read == turns[0] for read in turns)
    assert turns[0][0].short == "Nvidia"
    as_text = [[(question, answer.text)], [{"question": question, "answer": answer.text}]]
    for form in as_text:
        assert understand("When did he retire?", form).question == "When did Jensen Huang retire?"


def test_a_name_is_found_in_the_quote_where_only_the_text_is_known() -> None:
    quote = "On Tuesday Mr Bannon told CNN that the boss of Nvidia should go to prison."
    assert understand("And what was he before?", [("Who said so about Nvidia?", quote)]).question == (
        "What was Mr Bannon before?"
    )


def test_the_answers_own_understanding_counts() -> None:
    history = [
        ("What is Lyme disease?", answered("What is Lyme disease?", "an infection")),
        ("and the other?", answered("and the other?", "a tick", understood="What carries Zika fever?")),
    ]
    assert understand("Can it be cured?", history).question == "Can Zika fever be cured?"


def test_a_refusal_still_carries_the_topic() -> None:
    history = [("What is Lyme disease?", "not in sources")]
    assert understand("Can it be cured?", history).question == "Can Lyme disease be cured?"


@pytest.mark.parametrize("history", [None, [], ()])
def test_without_history_nothing_changes(history: object) -> None:
    assert understand("When did he retire?", history).question == "When did he retire?"  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", [3, "why?", ("why?",), {"answer": "x"}, (1, "x"), None])
def test_another_kind_of_history_is_refused(entry: object) -> None:
    with pytest.raises(QuestionError, match=r"expected \(question, answer\)"):
        understand("why?", [entry])  # type: ignore[list-item]


def test_only_the_latest_turns_are_read() -> None:
    assert len(read_history([("What is Lyme disease?", None)] * 40)) == MAX_TURNS


@pytest.mark.parametrize(
    ("asked", "turn", "meant"),
    [
        ("¿Cuándo se retiró él?", NVIDIA, "¿Cuándo se retiró Jensen Huang?"),
        ("Wann wurde er geboren und wo?", NVIDIA, "Wann wurde Jensen Huang geboren und wo?"),
        ("Quand est-ce que elle est née?", ADAMS, "Quand est-ce que Mayor Ann Adams est née?"),
        ("¿por qué?", ("When did the strike end?", "May"), "When did the strike end (May): por qué?"),
    ],
)
def test_the_commonest_words_of_other_languages(asked: str, turn: tuple[str, str | None], meant: str) -> None:
    assert meaning(asked, turn) == meant


def test_the_question_never_outgrows_what_may_be_asked() -> None:
    long = "What is " + "very " * 395 + "long?"
    assert (
        len(understand("why?", [(long, None), ("why?", None), ("why?", None)]).question) <= MAX_QUESTION_CHARS
    )


@given(
    st.text(max_size=300),
    st.lists(st.tuples(st.text(max_size=200), st.one_of(st.none(), st.text(max_size=200))), max_size=4),
)
def test_nothing_breaks_it(question: str, history: list[tuple[str, str | None]]) -> None:
    first, second = understand(question, history), understand(question, history)
    assert first == second
    assert len(first.question) <= max(len(question), MAX_QUESTION_CHARS)
    assert first.refers_back == (first.question != question)


def test_a_story_is_taken_as_it_is() -> None:
    story = "he said " * 100 + "so?"
    assert understand(story, [(NVIDIA[0], answered(*NVIDIA))]).question == story
