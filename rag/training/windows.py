"""Questions and paragraphs -> windows of tokens, cut anew in each epoch.

A window is `[CLS] question [SEP] piece of text [SEP]`. The piece may begin anywhere, as a
chunk of a long article does, and may carry what surrounds prose on a page.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rag.errors import ModelError
from rag.training.augment import bare_question, furniture, typographic
from rag.training.cuts import cut_out, cut_sentence
from rag.training.data import Corpus, Question, article_of
from rag.training.swaps import swap

__all__ = ["Recipe", "Tokens", "Window", "WindowMaker", "encode", "marks_of"]

Ints = NDArray[np.int32]
OUTSIDE = -1
"""Offset of a token that is not part of the paragraph (question, furniture, markers)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How windows are cut. Shares are probabilities.

    Attributes:
        lengths: maximum tokens of a window with the share of windows cut to it.
        max_question: question tokens beyond these are dropped.
        p_curly: typographic quotes in place of straight ones.
        p_furniture: page furniture before or after the text (each).
        p_title: the article's title as a first line.
        p_neighbour: the end of the paragraph before in front of a short one.
        p_bare: the question without its mark.
        p_swap: another name or number in the question: no answer.
        p_cut: the answer taken out of its sentence, where that can do without it: no answer.
        p_cut_sentence: the answer's whole sentence taken out: no answer.
        p_miss: a long paragraph cut so that the answer is outside: no answer.
        p_miss_written: the same in articles written for this project.
    """

    lengths: tuple[tuple[int, float], ...] = ((192, 0.6), (256, 0.1), (144, 0.2), (96, 0.1))
    max_question: int = 48
    p_curly: float = 0.3
    p_furniture: float = 0.08
    p_title: float = 0.1
    p_neighbour: float = 0.1
    p_bare: float = 0.1
    p_miss: float = 0.05
    p_miss_written: float = 0.2
    p_swap: float = 0.12
    p_cut: float = 0.2
    p_cut_sentence: float = 0.05

    @classmethod
    def plain(cls, max_tokens: int) -> Recipe:
        """Nothing but the text itself, cut at one length."""
        return cls(((max_tokens, 1.0),), 64, *[0.0] * 10)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens without markers. *Shape:* (n_tokens,) each."""

    ids: Ints
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the reader, with its target.

    Attributes:
        query_id: of the question.
        paragraph_idx: of the paragraph that `starts` and `ends` refer to.
        ids: int32, (n_tokens,).
        n_prefix: tokens before the text: `[CLS] question [SEP]`.
        starts, ends: `[start, end)` of each token in characters of the paragraph, -1 outside.
        start, end: target tokens, both inclusive; 0 and 0 (`[CLS]`) where there is no answer.
    """

    query_id: str
    paragraph_idx: int
    ids: Ints
    n_prefix: int
    starts: Ints
    ends: Ints
    start: int
    end: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def answerable(self) -> bool:
        """Whether the window holds the answer."""
        return self.end > 0


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tokens]:
    """Tokenise texts one by one, without markers, truncation or padding."""
    found = []
    for e in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        offsets = np.asarray(e.offsets, np.int32).reshape(-1, 2)
        found.append(Tokens(np.asarray(e.ids, np.int32), offsets[:, 0], offsets[:, 1]))
    return found


class WindowMaker:
    """Cuts windows of a corpus.

    Args:
        corpus: paragraphs and questions.
        tokenizer: of the model to train; its truncation and padding are switched off.
        recipe: lengths and augmentations.
    """

    def __init__(self, corpus: Corpus, tokenizer: Tokenizer, recipe: Recipe) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.corpus = corpus
        self.recipe = recipe
        self._tokenizer = tokenizer
        self._first, self._between, self._last = marks_of(tokenizer)
        vocab = tokenizer.get_vocab()
        self._inner = np.zeros(max(vocab.values()) + 1, bool)
        self._inner[[i for piece, i in vocab.items() if piece.startswith("##")]] = True
        texts = [p.text for p in corpus.paragraphs]
        self._plain = encode(tokenizer, texts)
        self._curly: dict[int, Tokens] = {}
        if recipe.p_curly:
            changed = [i for i, t in enumerate(texts) if '"' in t or "'" in t]
            curly = encode(tokenizer, [typographic(texts[i]) for i in changed])
            self._curly = dict(zip(changed, curly, strict=True))

    @property
    def _n_marks(self) -> int:
        return 2 + len(self._between)

    def cut(self, question: Question, rng: random.Random) -> Window | None:
        """One window for the question; None where its answer falls on no token."""
        r = self.recipe
        idx = rng.choice(question.elsewhere) if question.elsewhere else question.paragraph_idx
        text = question.text
        swapped = None
        if question.answerable and rng.random() < r.p_swap:
            home = self.corpus.paragraphs[idx].text
            swapped = swap(text, home, home[slice(*question.answers[0])], rng)
            text = swapped or text
        if rng.random() < r.p_bare:
            text = bare_question(text)
        if rng.random() < r.p_curly:
            text = typographic(text)
        asked = encode(self._tokenizer, [text])[0].ids[: r.max_question]
        body = self._plain[idx]
        if idx in self._curly and rng.random() < r.p_curly:
            body = self._curly[idx]
        answer = gone = None
        if question.answerable and swapped is None:
            answer = _token_range(body, question.answers[0])
            if answer is None:
                return None
            gone = self._gone(self.corpus.paragraphs[idx].text, question.answers, rng)
            if gone is not None:
                body = _without(body, gone)
                answer = (min(answer[0], len(body) - 1),) * 2  # where it stood
        before, after = self._around(idx, body, rng)
        limit = rng.choices([n for n, _ in r.lengths], [p for _, p in r.lengths])[0]
        room = limit - len(asked) - self._n_marks
        whole = _join([*before, body, *after])
        n_before = sum(map(len, before))
        if answer is not None:
            answer = (answer[0] + n_before, answer[1] + n_before)
        lo, hi, answer = self._choose(question, idx, whole, asked, room, answer, rng)
        return self._window(question, idx, asked, whole, lo, hi, None if gone else answer)

    def cover(self, question: Question, stride: int) -> list[Window]:
        """Windows over the whole paragraph, each overlapping the next by `stride` tokens.

        They carry no target.
        """
        limit = max(n for n, _ in self.recipe.lengths)
        asked = encode(self._tokenizer, [question.text])[0].ids[: self.recipe.max_question]
        body = self._plain[question.paragraph_idx]
        room = limit - len(asked) - self._n_marks
        found = []
        for lo in range(0, max(1, len(body)), max(1, room - stride)):
            idx = question.paragraph_idx
            found.append(self._window(question, idx, asked, body, lo, lo + room, None))
            if lo + room >= len(body):
                break
        return found

    def _gone(
        self, text: str, answers: Sequence[tuple[int, int]], rng: random.Random
    ) -> tuple[int, int] | None:
        """What this time is taken out of the text, so that it holds no answer."""
        draw = rng.random()
        if draw >= self.recipe.p_cut + self.recipe.p_cut_sentence:
            return None
        gone = (cut_out if draw < self.recipe.p_cut else cut_sentence)(text, *answers[0])
        held = gone is not None and all(gone[0] <= start and end <= gone[1] for start, end in answers)
        return gone if held else None

    def _around(self, idx: int, body: Tokens, rng: random.Random) -> tuple[list[Tokens], list[Tokens]]:
        r = self.recipe
        before: list[Tokens] = []
        after: list[Tokens] = []
        home = self.corpus.paragraphs[idx]
        news = home.source == "qamr"
        if rng.random() < r.p_title and not news:
            before.append(self._foreign(home.title))
        if rng.random() < r.p_furniture:
            before.append(self._foreign(furniture(rng)))
        p_neighbour = min(1.0, 7 * r.p_neighbour) if news else r.p_neighbour  # single sentences need it
        if len(body) < 120 and rng.random() < p_neighbour:
            previous = idx - 1
            if previous >= 0 and article_of(self.corpus.paragraphs[previous].title) == article_of(home.title):
                tail = self._plain[previous]
                n = min(len(tail), rng.randrange(20, 80))
                ids = tail.ids[len(tail) - n :]
                outside = np.full(n, OUTSIDE, np.int32)
                before.append(Tokens(ids, outside, outside))
        if rng.random() < r.p_furniture:
            after.append(self._foreign(furniture(rng)))
        return before, after

    def _foreign(self, text: str) -> Tokens:
        ids = encode(self._tokenizer, [text])[0].ids
        outside = np.full(len(ids), OUTSIDE, np.int32)
        return Tokens(ids, outside, outside)

    def _choose(
        self,
        question: Question,
        idx: int,
        whole: Tokens,
        asked: Ints,
        room: int,
        answer: tuple[int, int] | None,
        rng: random.Random,
    ) -> tuple[int, int, tuple[int, int] | None]:
        n = len(whole)
        if n <= room:
            return 0, n, answer
        written = self.corpus.paragraphs[idx].source == "written"
        p_miss = self.recipe.p_miss_written if written else self.recipe.p_miss
        if answer is not None and rng.random() < p_miss:
            missed = self._miss(question, idx, whole, room, answer, rng)
            if missed is not None:
                return (*missed, None)
        if answer is not None:
            first, last = answer
            last = min(last, first + room - 1)
            answer = (first, last)
            lo = rng.randint(max(0, last + 1 - room), min(first, n - room))
            lo = self._whole_word(whole, lo, first)
            return lo, lo + room, answer
        starts = [rng.randint(0, n - room) for _ in range(6)]
        if rng.random() < 0.7:
            known = np.isin(whole.ids, asked)
            lo = max(starts, key=lambda s: int(known[s : s + room].sum()))
        else:
            lo = starts[0]
        lo = self._whole_word(whole, lo, n - 1)
        return lo, min(n, lo + room), None

    def _miss(
        self,
        question: Question,
        idx: int,
        whole: Tokens,
        room: int,
        answer: tuple[int, int],
        rng: random.Random,
    ) -> tuple[int, int] | None:
        first, last = answer
        sides = [(0, first), (last + 1, len(whole))]
        sides = [(a, b) for a, b in sides if b - a >= 30]
        if not sides:
            return None
        a, b = rng.choice(sides)
        lo = rng.randint(a, max(a, b - room))
        lo = self._whole_word(whole, lo, b - 1)
        hi = min(b, lo + room)
        seen = whole.ids[lo:hi].tolist()
        gold = whole.ids[first : last + 1].tolist()
        repeated = any(seen[i : i + len(gold)] == gold for i in range(len(seen)))
        return None if repeated else (lo, hi)

    def _whole_word(self, whole: Tokens, lo: int, limit: int) -> int:
        while lo < limit and self._inner[whole.ids[lo]]:
            lo += 1
        return lo

    def _window(
        self,
        question: Question,
        idx: int,
        asked: Ints,
        whole: Tokens,
        lo: int,
        hi: int,
        answer: tuple[int, int] | None,
    ) -> Window:
        hi = min(hi, len(whole))
        prefix = 1 + len(asked) + len(self._between)
        ids = np.concatenate([[self._first], asked, self._between, whole.ids[lo:hi], [self._last]]).astype(
            np.int32
        )
        starts = np.full(len(ids), OUTSIDE, np.int32)
        ends = starts.copy()
        starts[prefix:-1] = whole.starts[lo:hi]
        ends[prefix:-1] = whole.ends[lo:hi]
        start = end = 0
        if answer is not None:
            start = answer[0] - lo + prefix
            end = min(answer[1], hi - 1) - lo + prefix
        return Window(question.query_id, idx, ids, prefix, starts, ends, start, end)


def marks_of(tokenizer: Tokenizer) -> tuple[int, list[int], int]:
    """First mark, those between question and text, last: MPNet's or BERT's.

    MPNet's are looked for first: its vocabulary holds BERT's too, which it never learnt.

    Raises:
        ModelError: it has neither.
    """
    for first, between, last in (
        ("<s>", ["</s>", "</s>"], "</s>"),
        ("[CLS]", ["[SEP]"], "[SEP]"),
    ):
        found = [tokenizer.token_to_id(t) for t in (first, *between, last)]
        ids = [i for i in found if i is not None]
        if len(ids) == len(found):
            return ids[0], ids[1:-1], ids[-1]
    raise ModelError("the tokenizer has neither [CLS] and [SEP] nor <s> and </s>; expected BERT's or MPNet's")


def _token_range(tokens: Tokens, span: tuple[int, int]) -> tuple[int, int] | None:
    hit = np.flatnonzero((tokens.ends > span[0]) & (tokens.starts < span[1]))
    return (int(hit[0]), int(hit[-1])) if len(hit) else None


def _without(tokens: Tokens, span: tuple[int, int]) -> Tokens:
    kept = (tokens.ends <= span[0]) | (tokens.starts >= span[1])
    return Tokens(tokens.ids[kept], tokens.starts[kept], tokens.ends[kept])


def _join(parts: Sequence[Tokens]) -> Tokens:
    return Tokens(
        np.concatenate([p.ids for p in parts]),
        np.concatenate([p.starts for p in parts]),
        np.concatenate([p.ends for p in parts]),
    )
