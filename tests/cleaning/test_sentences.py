"""Sentence boundaries in the languages the documents are in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.sentences import split_sentences


def split(text: str, language: str = "en") -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, language)]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Mr. Lee met Dr. J. K. Row.", "They left at 9 a.m. on Monday.", "It cost $21.5 billion."]),
        ("en", ["He lives in the U.S.", "He likes it.", "The U.S. Senate sat in Washington, D.C., and left."]),
        ("en", ["See No. 3 of vol. 2 on p. 4.", "He said no.", "Then he left."]),
        ("en", ["Acme Inc. grew.", "He joined Acme Corp.", "The firm is in St. Louis."]),
        ("en", ["A piece by Anderson W. White ran.", "It was World War I.", "The war ended.", "He posted on X.",
                "It is so."]),
        ("en", ["The vote is at 8 p.m. ET on Sunday.", "Rep. Anna Poe, D-N.Y., will speak."]),
        ("en", ["The hearing begins at 10 a.m. Tuesday.", "It is open.", "Polls close at 8 p.m. Nov. 5 in Ohio."]),
        ("en", ["It ran from 9 a.m. Mon. to 5 p.m. 3 May 2021.", "We met at 8 p.m.", "Monday was a holiday."]),
        ("en", ["He left at 5 p.m.", "March on the capital came later."]),
        ("en", ["“It was time,” he said. ”", "Then he left.", "He called it “bad.”", "Then “good”."]),
        ("en", ['"I went home."', '"You did?" she said.', '"Yes! I did."', "He left (see below.)", "Then he came."]),
        ("en", ["“Who will grow the food?” Ackoff said.", "“Nobody will.”"]),
        ("en", ["He would play a role in ... promoting it.", "What?!", "No way!!", "iPhone sales rose.", "eBay fell."]),
        ("en", ["Visit example.com.", "Version 2.0.1 is out.", "It is 3.5 km away."]),
        ("en", ["It ends here."]),
        ("es", ["El Sr. García llegó.", "¿Qué hora es?", "¡Son las tres!", "La Sra. Díaz se fue."]),
        ("es", ["EE. UU. respondió ayer.", "No dijo nada más."]),
        ("de", ["Das ist z.B. gut.", "Am 3. Oktober war es so weit.", "Dr. Müller kam.", "Dann ging er."]),
        ("fr", ["M. Dupont est venu.", "« Je pars. »", "C’est l’art. 3 du code.", "Il est tard !"]),
        ("fr", ["Il est mort en 44 av. J.-C. à Rome.", "Au IIe siècle apr. J.-C. vint Galien.", "Il était grec."]),
        ("fr", ["La loi, c.-à-d. la règle, est là.", "Le roi, c.-à-d. Louis, mourut.", "Il fut pleuré."]),
        ("fr", ["Le prix atteint 1 234,50 € env. par mois.", "Les Drs Martin et Petit sont partis.", "Et après ?"]),
        ("es", ["Según el núm. 12, pág. 4, no hay cambios.", "La inflación fue del 3,5 % en mayo.", "Subió después."]),
        ("es", ["—¿Vienes? —preguntó Ana.", "—No puedo —respondió él.", "Luego se fue."]),
        ("de", ["Am 1. Mai, d. h. heute, ruht die Arbeit.", "Der 2. Weltkrieg endete 1945.", "Es kamen 12.",
                "Danach kam keiner."]),
        ("de", ["Sie leitet das Institut seit dem 12. März 2019.", "Es liegt in der Hauptstr. 12 in Köln.",
                "„Das reicht nicht.“", "Im 19. Jahrhundert wuchs die Stadt."]),
        ("it", ["Il sig. Rossi è arrivato alle 10.", "Ha detto: «Non lo so.»", "L’art. 3 vale."]),
    ],
)  # fmt: skip
def test_sentences_of_a_paragraph(language: str, sentences: list[str]) -> None:
    assert split(" ".join(sentences), language) == sentences


def test_chinese_has_no_blanks_between_sentences() -> None:
    sentences = ["他说：“你好。我来了。”", "然后走了。", "今天天气很好！", "你呢？"]
    assert split("".join(sentences), "zh") == sentences


def test_a_quotation_goes_on_with_who_said_it_without_blanks_too() -> None:
    chinese = ["“你好吗？”他问。", "人口为2,170.7万人；面积16410平方公里。", "没有……我们继续。"]
    assert split("".join(chinese), "zh") == chinese
    japanese = ["「本当ですか？」と彼は聞いた。", "「はい。」", "富士山の高さは3776.12mです。"]
    assert split("".join(japanese), "ja") == japanese


def test_a_long_quotation_is_split_where_each_part_is_whole() -> None:
    text = (
        "“China wants to make a deal. They just don’t know how quite to go about it. You know, it’s one of "
        "those things, quite proud people,” he said."
    )
    assert split(text) == [
        "“China wants to make a deal.",
        "They just don’t know how quite to go about it.",
        "You know, it’s one of those things, quite proud people,” he said.",
    ]


def test_a_quotation_inside_a_clause_is_not_torn() -> None:
    text = (
        "As the chamber adjourned for the night, demonstrators in the gallery broke out in loud chants of “you have "
        "done nothing! You have done nothing!” and unfurled a banner from the balcony."
    )
    assert split(text) == [text]


def test_end_marks_are_left_outside() -> None:
    assert split("The risk is that it unravels. ■") == ["The risk is that it unravels."]


def test_a_text_in_lower_case_is_still_split() -> None:
    assert split("buy milk. call bob. go home. sleep early.") == [
        "buy milk.",
        "call bob.",
        "go home.",
        "sleep early.",
    ]


def test_offsets_are_code_points() -> None:
    text = "😀😀 It rose. 𝔘𝔫𝔦 fell."
    assert split(text) == ["😀😀 It rose.", "𝔘𝔫𝔦 fell."]


@settings(deadline=None)
@given(st.text(alphabet="aB .!?…。\"“”'’()[]■1,:\u0301😀\u05d0", max_size=200))
def test_nothing_but_blanks_and_end_marks_is_left_out(text: str) -> None:
    spans = split_sentences(text)
    rest = list(text)
    last = 0
    for start, end in spans:
        assert last <= start < end <= len(text)
        assert text[start:end].strip() == text[start:end]
        rest[start:end] = " " * (end - start)
        last = end
    assert not "".join(rest).replace("■", "").strip()


@settings(deadline=None)
@given(st.integers(0, 40_000), st.sampled_from(["a", "“A. ", "A. B. ", ". ", "。", "e\u0301"]))
def test_long_runs_are_covered(n: int, unit: str) -> None:
    text = unit * (n // len(unit))
    assert sum(end - start for start, end in split_sentences(text)) >= len(text.replace(" ", ""))
