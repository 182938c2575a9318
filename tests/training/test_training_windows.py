"""Windows: offsets are exact, targets are the answers, batches come back the same."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rag.training.augment import bare_question, furniture, typographic
from rag.training.batches import batches, pad
from rag.training.cuts import cut_out, cut_sentence
from rag.training.data import Corpus, Question
from rag.training.swaps import swap
from rag.training.windows import Recipe, WindowMaker

SHORT = Recipe(
    lengths=((40, 0.5), (64, 0.3), (200, 0.2)),
    p_curly=0.5,
    p_furniture=0.4,
    p_title=0.4,
    p_neighbour=0.5,
    p_bare=0.5,
    p_miss=0.2,
    p_swap=0.1,
    p_cut=0.05,
    p_cut_sentence=0.05,
)


@pytest.fixture
def maker(corpus: Corpus, tokenizer: Tokenizer) -> WindowMaker:
    return WindowMaker(corpus, tokenizer, SHORT)


def test_the_target_is_the_answer_to_the_character(corpus: Corpus, maker: WindowMaker) -> None:
    n_answerable = 0
    for seed, question in itertools.product(range(40), corpus.questions):
        window = maker.cut(question, random.Random(seed))
        assert window is not None
        if window.answerable:
            n_answerable += 1
            text = corpus.paragraphs[window.paragraph_idx].text
            begin, end = window.starts[window.start], window.ends[window.end]
            assert (begin, end) == question.answers[0], text[begin:end]
        else:
            assert (window.start, window.end) == (0, 0)
    assert n_answerable > 250


def test_each_token_is_what_its_offsets_say(corpus: Corpus, maker: WindowMaker, tokenizer: Tokenizer) -> None:
    for seed, question in itertools.product(range(10), corpus.questions):
        window = maker.cut(question, random.Random(seed))
        assert window is not None
        text = typographic(corpus.paragraphs[window.paragraph_idx].text)
        for i in range(len(window)):
            if window.starts[i] >= 0:
                piece = tokenizer.id_to_token(int(window.ids[i])).removeprefix("##")
                seen = typographic(piece.replace('"', "”"))
                there = text[window.starts[i] : window.ends[i]].lower()
                assert there.replace("“", "”") == seen.replace("“", "”")
            else:
                assert window.ends[i] == -1


def test_windows_keep_to_their_length_and_begin_with_a_whole_word(
    corpus: Corpus, maker: WindowMaker, tokenizer: Tokenizer
) -> None:
    for seed, question in itertools.product(range(20), corpus.questions):
        window = maker.cut(question, random.Random(seed))
        assert window is not None
        assert len(window) <= 200
        assert tokenizer.id_to_token(int(window.ids[0])) == "[CLS]"
        assert tokenizer.id_to_token(int(window.ids[window.n_prefix - 1])) == "[SEP]"
        assert tokenizer.id_to_token(int(window.ids[-1])) == "[SEP]"
        assert not tokenizer.id_to_token(int(window.ids[window.n_prefix])).startswith("##")


def test_an_easy_negative_reads_elsewhere(corpus: Corpus, maker: WindowMaker) -> None:
    asked = corpus.questions[0]
    negative = Question("n", asked.text, asked.paragraph_idx, asked.answers, (2, 3))
    seen = {maker.cut(negative, random.Random(s)).paragraph_idx for s in range(20)}  # type: ignore[union-attr]
    assert seen == {2, 3}
    assert not any(maker.cut(negative, random.Random(s)).answerable for s in range(20))  # type: ignore[union-attr]


def test_covering_windows_leave_no_token_out(corpus: Corpus, tokenizer: Tokenizer) -> None:
    maker = WindowMaker(corpus, tokenizer, Recipe.plain(32))
    for question in corpus.questions:
        windows = maker.cover(question, stride=8)
        seen = {(a, b) for w in windows for a, b in zip(w.starts, w.ends, strict=True) if a >= 0}
        text = corpus.paragraphs[question.paragraph_idx].text
        whole = tokenizer.encode(text, add_special_tokens=False)
        assert seen == set(whole.offsets)
        assert all(len(w) <= 32 for w in windows)


def test_batches_resume_where_they_stopped(maker: WindowMaker) -> None:
    whole = list(itertools.islice(batches(maker, size=4, seed=3), 12))
    for n in (1, 4, 7):
        rest = list(itertools.islice(batches(maker, size=4, seed=3, begin=whole[n - 1][0]), 12 - n))
        for (place, windows), (again, same) in zip(whole[n:], rest, strict=True):
            assert place == again
            assert [w.ids.tolist() for w in windows] == [w.ids.tolist() for w in same]


def test_an_epoch_asks_every_question_once_and_epochs_differ(maker: WindowMaker, corpus: Corpus) -> None:
    six = list(itertools.islice(batches(maker, size=4, seed=3), 6))
    first = [w.query_id for _, windows in six[:3] for w in windows]
    second = [w.query_id for _, windows in six[3:] for w in windows]
    assert sorted(first) == sorted(second) == sorted(q.query_id for q in corpus.questions)
    assert first != second


def test_padding_is_masked_and_spans_may_only_lie_in_the_text(maker: WindowMaker) -> None:
    ((_, windows),) = itertools.islice(batches(maker, size=8, seed=1), 1)
    batch = pad(windows)
    for i, w in enumerate(windows):
        assert batch.mask[i].sum() == len(w)
        assert batch.types[i].sum() == len(w) - w.n_prefix
        allowed = batch.allowed[i].nonzero()[:, 0].tolist()
        assert allowed == [0, *range(w.n_prefix, len(w) - 1)]
        assert batch.allowed[i, batch.start[i]]
        assert batch.allowed[i, batch.end[i]]


@given(st.text())
def test_typographic_quotes_keep_every_offset(text: str) -> None:
    curly = typographic(text)
    assert len(curly) == len(text)
    assert not {'"', "'"} & set(curly)
    assert all(a == b for a, b in zip(text, curly, strict=True) if a not in "\"'")


def test_furniture_is_filled_in() -> None:
    for seed in range(200):
        line = furniture(random.Random(seed))
        assert line
        assert "{" not in line


def test_a_swapped_question_asks_for_what_the_paragraph_only_mentions(corpus: Corpus) -> None:
    text = corpus.paragraphs[1].text
    asked = swap("What did Otto Weiss rebuild in 1902?", text + " It cost 1871.", "wall", random.Random(1))
    assert asked == "What did Otto Weiss rebuild in 1871?"
    assert swap("What was broken?", text, "wall", random.Random(1)) is None
    assert swap("Who rebuilt it in 1902?", text, "Otto Weiss", random.Random(1)) is None


@pytest.mark.parametrize(
    ("text", "answer", "left"),
    [
        (
            "The chips were banned in September, before the talks.",
            "September",
            "The chips were banned, before the talks.",
        ),
        ("In 1902, Otto came. He left.", "1902", "Otto came. He left."),
        ("Her deputy, Otto Weiss, left for Rome.", "Otto Weiss", "Her deputy, left for Rome."),
        ("The mill (1902) burnt down.", "1902", "The mill burnt down."),
        ("It failed because the runners jammed.", "the runners jammed", "It failed."),
        ("He was accused of selling secrets.", "selling secrets", "He was accused."),
    ],
)
def test_an_answer_is_taken_out_with_the_word_that_brings_it_in(text: str, answer: str, left: str) -> None:
    start = text.index(answer)
    gone = cut_out(text, start, start + len(answer))
    assert gone is not None
    assert text[: gone[0]] + text[gone[1] :] == left


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Otto Weiss rebuilt the wall.", "Otto Weiss"),
        ("He came in May. They met in May, he said.", "May"),
        ("In 1902", "1902"),
    ],
)
def test_what_a_sentence_needs_or_says_elsewhere_stays(text: str, answer: str) -> None:
    start = text.index(answer)
    assert cut_out(text, start, start + len(answer)) is None


def test_a_sentence_with_the_answer_is_taken_out_whole() -> None:
    rest = (
        "The wall was old and had been broken in two places by the storm of that year, and nobody mended it."
    )
    text = f"{rest} Otto Weiss rebuilt it. It stood."
    start = text.index("Otto")
    gone = cut_sentence(text, start, start + len("Otto Weiss"))
    assert gone is not None
    assert text[: gone[0]] + text[gone[1] :] == f"{rest} It stood."
    assert cut_sentence("Otto Weiss rebuilt it. It stood.", 0, 10) is None


def test_windows_without_their_answer_have_no_target(corpus: Corpus, tokenizer: Tokenizer) -> None:
    maker = WindowMaker(
        corpus, tokenizer, Recipe(((200, 1.0),), 64, *[0.0] * 8, p_cut=1.0, p_cut_sentence=0.0)
    )
    n_cut = 0
    for question in corpus.questions:
        if not question.answerable:
            continue
        window = maker.cut(question, random.Random(0))
        assert window is not None
        text, span = corpus.paragraphs[window.paragraph_idx].text, question.answers[0]
        gone = cut_out(text, *span)
        assert window.answerable == (gone is None)
        if gone is not None:
            n_cut += 1
            assert not ((window.starts >= gone[0]) & (window.starts < gone[1])).any()
            assert window.ends.max() == len(text)
    assert n_cut


def test_a_bare_question_keeps_its_words() -> None:
    assert bare_question("Who won ?") == "Who won"
