"""Small corpora in Chinese, German, French and Spanish, asked in their own language, and across."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.languages import ask_all, join, load_articles, table
from rag.config import Config, EncoderConfig
from rag.encoder import load_encoder
from rag.pipeline import Pipeline
from rag.reader import Reader

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


def articles(language: str) -> dict[str, str]:
    return {
        f"{article['name']}.txt": join(article["texts"][language], language)[0] for article in load_articles()
    }


@pytest.mark.parametrize("language", ["es", "de", "fr"])
def test_a_corpus_in_one_language_answers_questions_in_it(language: str) -> None:
    rows = ask_all([language], [language])
    answerable = [row for row in rows if row.answerable]
    assert len(answerable) == 16
    assert sum(row.first for row in answerable) >= 15
    assert sum(row.quoted for row in answerable) >= 14
    assert sum(row.found and row.quoted for row in answerable) >= 13
    assert all(row.exact for row in rows)


def test_chinese_is_answered_rightly_or_refused() -> None:
    """The bundled reader knows few Chinese characters: words choose the sentence, and few words refuse."""
    rows = ask_all(["zh"], ["zh"])
    assert sum(row.quoted for row in rows if row.answerable) >= 13
    assert sum(row.found and row.quoted for row in rows) >= 8
    assert not any(row.found and not row.quoted for row in rows)
    assert all(row.exact for row in rows)


def test_a_refusal_in_a_script_that_is_not_read_says_so() -> None:
    pipeline = Pipeline.from_texts(articles("zh"))
    answer = pipeline.ask("谁资助了疫苗试验？")
    assert not answer.found
    assert "does not know this script" in (answer.reason or "")
    assert answer.nearest


@pytest.mark.parametrize("language", ["es", "de", "fr", "zh"])
def test_quotes_are_verbatim_whole_sentences(language: str) -> None:
    texts = articles(language)
    pipeline = Pipeline.from_texts(texts)
    for article in load_articles()[:4]:
        for question in article["questions"]:
            answer = pipeline.ask(question[language])
            for citation in (*answer.citations, *answer.nearest):
                text = texts[citation.doc_id]
                assert text[citation.start : citation.end] == citation.quote
                assert citation.quote[-1] in ".。!?！？»”"
                if citation.highlight is not None:
                    start, end = citation.highlight
                    assert citation.start <= start < end <= citation.end


def test_a_question_in_another_language_finds_the_article_by_names_and_words_alike() -> None:
    rows = ask_all(["fr"], ["es"])
    assert sum(row.first for row in rows if row.answerable) >= 13  # of 16
    assert sum(row.quoted for row in rows if row.answerable) >= 10


@pytest.mark.parametrize(
    "question",
    ["What are Washington's main objectives?", "¿Cuáles son los objetivos principales de Washington?"],
)
def test_the_spanish_paragraph_of_the_seeds_is_quoted(question: str) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("00*.txt"))}
    answer = Pipeline.from_texts(texts).ask(question)
    assert answer.found
    assert answer.text.startswith("Para Washington, los objetivos principales se mantienen coherentes")
    citation = answer.citations[0]
    assert texts[citation.doc_id][citation.start : citation.end] == answer.text


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("这座桥长四百米，有四条车道。", True),
        ("東京は日本の首都です。", True),
        ("서울은 대한민국의 수도이다.", True),
        ("Москва является столицей России.", True),
        ("It is 400 metres long.", False),
        ("Die Brücke ist für Fußgänger gesperrt; Hà Nội, Łódź.", False),
        ("The Greek word is λόγος.", False),
        ("12 – 34 €", False),
    ],
)
def test_the_reader_says_what_it_can_not_read(text: str, unread: bool) -> None:
    readings = Reader().read("What?", [text])
    assert {reading.unread for reading in readings} == {unread}


def test_the_benchmark_prints_a_row_for_each_language_of_the_texts() -> None:
    rows = ask_all(["en"], ["en"])
    lines = table(rows, "Quotes", "quoted").splitlines()
    assert lines[2].startswith("| texts \\ questions | en |")
    assert lines[-1].startswith("| en | ")


@pytest.fixture(scope="module")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder for five languages in a few kilobytes: one direction for each meaning."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    meanings = [
        ["bridge", "puente", "brücke", "pont"],
        ["opened", "inauguró", "eröffnet", "inauguré"],
        ["cows", "vacas", "kühe", "vaches"],
        ["eat", "comen", "fressen", "mangent"],
    ]
    vocabulary = {"[UNK]": 0}
    rows = [np.full(8, 0.01, np.float32)]
    for place, spoken in enumerate(meanings):
        for word in spoken:
            vocabulary[word] = len(vocabulary)
            rows.append(np.eye(8, dtype=np.float32)[place])
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("encoder") / "tiny-multilingual"
    module = StaticEmbedding(tokenizer, embedding_weights=np.stack(rows))
    SentenceTransformer(modules=[module], device="cpu").save(str(path))
    return path


def test_an_encoder_for_many_languages_can_be_configured(tiny_encoder: Path) -> None:
    config = Config(encoder=EncoderConfig(name=str(tiny_encoder)))
    texts = {"a.txt": "El puente se inauguró ayer.", "b.txt": "Las vacas comen hierba."}
    pipeline = Pipeline.from_texts(texts, config=config)
    hits = pipeline.retriever.retrieve("When was the bridge opened?", mode="dense")
    assert hits[0].chunk.doc_id == "a.txt"
    assert hits[0].dense > hits[1].dense + 0.3
    assert pipeline.retriever.retrieve("What do cows eat?", mode="dense")[0].chunk.doc_id == "b.txt"


def test_an_encoder_without_a_limit_counts_its_tokens(tiny_encoder: Path) -> None:
    encoder = load_encoder(EncoderConfig(name=str(tiny_encoder)))
    assert encoder.max_tokens > 10_000
    assert encoder.count_tokens(["El puente", "a b c d"]) == [2, 4]
    assert encoder.count_tokens([]) == []
    assert str(tiny_encoder) in encoder.encoder_id
