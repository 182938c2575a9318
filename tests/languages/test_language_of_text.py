"""Which language a paragraph and a question are in, and what is cut and stemmed by it."""

from __future__ import annotations

import pytest

from rag.assembly import make_document
from rag.chunking import chunk_document
from rag.cleaning.language import passage_language, question_language
from rag.cognates import alike_share, has_alike, likeness
from rag.config import ChunkConfig
from rag.encoder import load_encoder
from rag.stores import WordStore
from rag.stores.tokens import TermMaker, words

ENGLISH = "The mayor opened the new bridge over the river on Monday. It had taken eleven years to build it."
SPANISH = (
    "La alcaldesa inauguró el lunes el nuevo puente sobre el río. Las obras han durado once años y han "
    "costado más de lo previsto, según la empresa que lo ha construido."
)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Who opened the bridge?", "en"),
        ("what was El Niño", "en"),
        ("¿Quién inauguró el puente?", "es"),
        ("quien es el alcalde de Sevilla", "es"),
        ("Was kostet das Ticket?", "de"),
        ("Wann wurde die Brücke eröffnet?", "de"),
        ("Combien coûte le billet ?", "fr"),
        ("Que veut renforcer Washington ?", "fr"),
        ("谁是北京大学的校长？", "zh"),
        ("東京の人口はどのくらいですか？", "ja"),
        ("tariffs rare earths", None),
        ("La Paz", None),
    ],
)
def test_a_question_is_in_a_language(question: str, language: str | None) -> None:
    assert question_language(question) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (SPANISH, "es"),
        (ENGLISH, "en"),
        ("Der Rat hat am Montag über die neue Brücke beraten und will sie nach dem Winter bauen.", "de"),
        ("Le conseil a voté lundi pour la nouvelle ligne et les travaux sont prévus dans le nord.", "fr"),
        ("这座桥长412米，有四条车道。", "zh"),
        ("“I’m hurt, I’m sad, I’m mad,” he said. “I’d do it, and I’ll do it.”", "en"),
        ("Details: 8 p.m. Friday. The Van Buren, 401 W. Van Buren St., Phoenix. $38 in advance.", "en"),
        ("La Niña and El Niño are opposite phases of the same pattern.", "en"),
    ],
)
def test_a_passage_is_foreign_only_where_that_is_plain(text: str, language: str) -> None:
    assert passage_language(text) == language


def test_each_language_has_its_own_stems() -> None:
    maker = TermMaker.for_languages(["en", "es", "de", "fr"])
    assert (
        maker.of_chunk("Die Brücken der Städte wurden über Jahre gebaut und sind nicht neu.", "de")[1]
        == "bruck"
    )
    assert maker.of_chunk("Las empresas americanas han buscado más claridad en la ley.", "es")[1] == "empres"
    assert "negoci" in maker.of_chunk("Les négociations sont dans une impasse, dit le ministre.", "fr")
    assert maker.of_chunk("The bridges were built over years.", "en")[1] == "bridg"


def test_a_chunk_in_another_language_than_its_document_is_stemmed_in_its_own() -> None:
    maker = TermMaker.for_languages(["en"])
    assert "empres" in maker.of_chunk(SPANISH, "en")
    assert set(maker.stop_words) == {"en", "es"}


def test_a_question_meets_texts_in_its_own_and_in_other_languages() -> None:
    store = WordStore.build([ENGLISH, SPANISH, "Barack Obama came to the bridge."], ["en", "es", "en"])
    scores = store.scores("¿Quién inauguró el puente?")
    assert scores[1] > 0
    assert scores[0] == scores[2] == 0
    # A name is stemmed as in the chunk's language, whatever the question's.
    spanish = WordStore.build(["El presidente Obama dijo que no iba a ir a la ciudad por ahora."], ["es"])
    assert spanish.scores("What did Obama say?")[0] > 0


def test_small_words_are_left_out_in_the_questions_own_language_only() -> None:
    """“Sea”, “son” and “sin” are small words of Spanish; English asks about them."""
    store = WordStore.build([ENGLISH, SPANISH, "The sea and the son."], ["en", "es", "en"])
    assert set(store.weights("Where is the son of the sea?")) == {"son", "sea"}
    assert set(store.weights("¿Dónde está el puente que ha costado más?")) == {"puente", "costado"}


def test_a_rare_foreign_stem_makes_no_common_word_rare() -> None:
    """What an English question scores over English text does not change when a Spanish text joins."""
    english = [f"China and trade, part {n}." for n in range(8)]
    alone = WordStore.build(english, ["en"] * 8)
    mixed = WordStore.build(
        [*english, "Las empresas chinas de la región no son las que más han crecido."], ["en"] * 8 + ["es"]
    )
    question = "What did China say about trade?"
    assert mixed.ceiling(question) == pytest.approx(alone.ceiling(question), rel=0.15)
    assert mixed.scores(question).max() <= mixed.ceiling(question)


def test_chinese_is_pairs_of_characters_and_questions_lose_their_small_words() -> None:
    assert words("桥长412米，有四条车道。") == ["桥长", "412", "米", "有四", "四条", "条车", "车道"]
    store = WordStore.build(["劳特桥由市长宣布开通。", "医院位于市中心。"], ["zh", "zh"])
    assert "的市" not in store.weights("谁是劳特桥的市长？")
    assert {"劳特", "特桥", "市长"} <= set(store.weights("谁是劳特桥的市长？"))
    scores = store.scores("劳特桥是什么时候开通的？")
    assert scores[0] > 0
    assert scores[1] == 0


def test_japanese_particles_say_nothing() -> None:
    store = WordStore.build(["東京の人口は約1400万人です。"], ["ja"])
    assert set(store.weights("東京の人口はどのくらいですか？")) == {"東京", "人口"}


def test_accents_are_folded_and_offsets_are_not() -> None:
    assert words("L'économie de São Paulo") == words("L’economie de Sao Paulo")
    document = make_document("a.txt", "Introducción.\n\n" + SPANISH, "0" * 64)
    for sentence in document.sentences:
        assert document.text[sentence.start : sentence.end].strip()
    assert [s.of(document.text) for s in document.sentences][1] == SPANISH[: SPANISH.index(" Las obras")]


def test_a_chunk_ends_where_the_language_changes() -> None:
    text = f"{ENGLISH}\n\n{SPANISH}\n\n{ENGLISH.replace('bridge', 'road')}\n"
    document = make_document("mixed.txt", text, "0" * 64)
    chunks = chunk_document(document, ChunkConfig(max_tokens=200), load_encoder())
    assert [passage_language(chunk.text) for chunk in chunks] == ["en", "es", "en"]
    covered = {at for chunk in chunks for at in range(chunk.first, chunk.last)}
    assert covered == set(range(len(document.sentences)))
    assert text[chunks[1].span.start : chunks[1].span.end] == SPANISH


def test_a_foreign_sentence_within_a_paragraph_stays_where_it_is() -> None:
    text = f"{ENGLISH} She said: “{SPANISH}” Then she left the town and went home to her family."
    document = make_document("quoted.txt", text, "0" * 64)
    assert len(chunk_document(document, ChunkConfig(max_tokens=400), load_encoder())) == 1


@pytest.mark.parametrize(
    ("word", "other"),
    [("objectives", "objetivos"), ("tariffs", "tarifas"), ("mexico", "mexiko"), ("moscow", "moskau"),
     ("president", "prasident"), ("export", "exportverbot"), ("philosophy", "filosofia"), ("2027", "2027")],
)  # fmt: skip
def test_words_are_alike_across_languages(word: str, other: str) -> None:
    assert likeness(word, other) == likeness(other, word) > 0.6


@pytest.mark.parametrize(
    ("word", "other"),
    [("main", "mantienen"), ("market", "mantienen"), ("mayor", "mejorar"), ("goals", "objetivos"), ("1932", "1931"),
     ("want", "wahrend"), ("", "a"), ("us", "un")],
)  # fmt: skip
def test_other_words_are_not(word: str, other: str) -> None:
    assert likeness(word, other) == 0


def test_the_share_of_words_alike_is_by_weight() -> None:
    text = "Washington quiere limitar las prácticas anticompetitivas."
    assert alike_share({"practices": 3.0, "goals": 1.0}, text) == pytest.approx(
        0.75 * likeness("practices", "practicas")
    )
    assert alike_share({}, text) == 0
    assert has_alike("practices", text)
    assert not has_alike("goals", text)
