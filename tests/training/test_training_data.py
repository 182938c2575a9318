"""Reading the data, leaving out what must not be trained on, making easy negatives."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from tiny_squad import ARTICLES, QUESTIONS, squad

from rag.errors import DatasetError
from rag.training.data import Corpus, article_of, drop_near_copies, load_squad
from rag.training.negatives import holds_answer, mine_negatives


def test_every_answer_is_what_the_text_has(corpus: Corpus) -> None:
    golds = [gold for *_, gold in QUESTIONS]
    found = [
        corpus.paragraphs[q.paragraph_idx].text[slice(*q.answers[0])] if q.answers else None
        for q in corpus.questions
    ]
    assert found == golds


def test_plain_and_gzipped_read_alike(squad_file: Path, tmp_path: Path) -> None:
    packed = tmp_path / "train.json.gz"
    packed.write_bytes(gzip.compress(squad_file.read_bytes()))
    assert load_squad(packed, source="squad2") == load_squad(squad_file, source="squad2")


def test_guessed_offsets_are_left_out(tmp_path: Path) -> None:
    content = squad(ARTICLES, QUESTIONS)
    content["data"][0]["paragraphs"][0]["qas"][0]["offsets"] = "inferred"
    path = tmp_path / "train.json"
    path.write_text(json.dumps(content))
    assert len(load_squad(path, source="x").questions) == len(QUESTIONS) - 1


def test_articles_can_be_left_out(squad_file: Path) -> None:
    kept = load_squad(squad_file, source="x", leave_out={"Harbour"})
    assert {p.title for p in kept.paragraphs} == {"Orchard"}


def test_questions_a_paragraph_can_be_limited(squad_file: Path) -> None:
    kept = load_squad(squad_file, source="x", max_per_paragraph=1)
    assert len(kept.questions) == 4


def test_a_wrong_offset_is_refused_with_its_place(tmp_path: Path) -> None:
    content = squad(ARTICLES, QUESTIONS)
    content["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] += 1
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="Harbour/0/0"):
        load_squad(path, source="x")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": 3}', "not json"])
def test_a_foreign_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=r"not a SQuAD 2\.0 file"):
        load_squad(path, source="x")


def test_near_copies_of_held_out_paragraphs_go_with_their_questions(corpus: Corpus) -> None:
    text = corpus.paragraphs[0].text
    held_out = [type(corpus.paragraphs[0])(text.replace("Norway", "Sweden"), "Other", "tune")]
    kept, n = drop_near_copies(corpus, held_out)
    assert n == 1
    assert text not in [p.text for p in kept.paragraphs]
    assert len(kept.questions) == sum(q.paragraph_idx != 0 for q in corpus.questions)
    for q in kept.questions:
        old = next(o for o in corpus.questions if o.query_id == q.query_id)
        assert kept.paragraphs[q.paragraph_idx] == corpus.paragraphs[old.paragraph_idx]


def test_corpora_are_joined_with_their_paragraphs(corpus: Corpus, squad_file: Path) -> None:
    both = load_squad(squad_file, source="a")
    both.add(load_squad(squad_file, source="b"))
    assert len(both.paragraphs) == 8
    for q in both.questions:
        for a, b in q.answers:
            assert both.paragraphs[q.paragraph_idx].text[a:b] in {gold for *_, gold in QUESTIONS}


def test_easy_negatives_lack_the_answer_and_prefer_the_article(corpus: Corpus) -> None:
    negatives = mine_negatives(corpus, n=100, seed=1)
    assert len(negatives) == sum(q.answerable for q in corpus.questions)
    for q in negatives:
        assert not q.answerable
        golds = [corpus.paragraphs[q.paragraph_idx].text[a:b] for a, b in q.answers]
        assert q.paragraph_idx not in q.elsewhere
        assert not any(holds_answer(corpus.paragraphs[i].text, golds) for i in q.elsewhere)
        assert corpus.paragraphs[q.elsewhere[0]].title == corpus.paragraphs[q.paragraph_idx].title
    assert negatives == mine_negatives(corpus, n=100, seed=1)


def test_sentence_files_know_their_article() -> None:
    assert article_of("Wiki1k:wikinews:1:2:3") == article_of("Wiki1k:wikinews:1:14:0")
    assert article_of("Star Trek: First Contact") == "Star Trek: First Contact"
