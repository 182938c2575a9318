"""How lines become paragraphs: page breaks, wrapped lines, lines that are paragraphs, HTML."""

from __future__ import annotations

import textwrap

import pytest

from rag.cleaning import read_structure

BODY = (
    "The harbour of the small town was dredged last summer, after the fishing boats had run aground there more than "
    "once. The work took eleven weeks and cost 2.4 million crowns, which the county paid."
)


def sentences(text: str, kind: str | None = None) -> list[str]:
    structure = read_structure(text)
    pairs = zip(structure.sentences, structure.sentence_kinds, strict=True)
    return [span.of(text) for span, its_kind in pairs if kind in (None, its_kind)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The mayor praised the two leading", "engineers of the project, who had come from the coast."),
        ("So last autumn it", "bought two more boats from a yard in the north of the country."),
        (
            "The county paid for the",
            "Northern Lights, a boat that had lain in the harbour for years without an owner.",
        ),
        ("The speech was held by Mr.", "Larsen, who had been the harbour master for more than twenty years."),
        ("They dug a chan-", "nel of four metres."),
        ("It was, the engineers say,", "4 metres deep by the end of the week, and nobody had been hurt."),
    ],
)
@pytest.mark.parametrize(
    "gap", ["\n\n", "\r\n\r\n", "\n \n", "\n\n\n\n", "\n\n12\n\n", "\n\n![](images/p2.jpeg)\n\n", "\x0c\n"]
)
def test_a_sentence_broken_by_a_page_break_is_one_span(before: str, after: str, gap: str) -> None:
    text = f"{BODY} {before}{gap}{after} It was noon.\n\n{BODY}"
    assert f"{before}{gap}{after}" in sentences(text)
    assert len(sentences(text)) == 2 + 1 + 1 + 2


def test_page_numbers_and_running_heads_are_left_out() -> None:
    head = "\n\nThe Harbour Yearbook\n\n"
    text = (
        f"{BODY} The mayor praised the two{head}engineers. It was noon.\n\n11\n\n{BODY}{head}{BODY} They dug for"
        f"\n\n12\n\neleven weeks.{head}{BODY}\n\n13"
    )
    found = sentences(text)
    assert f"The mayor praised the two{head}engineers." in found
    assert "They dug for\n\n12\n\neleven weeks." in found
    assert not {"The Harbour Yearbook", "11", "12", "13"} & set(found)


def test_a_refrain_is_no_running_head() -> None:
    text = "\n\n".join(
        ["The sand comes in", "And no one shuts the gate", "The boats go out", "And no one shuts the gate"]
        * 2
    )
    assert len(sentences(text)) == 8


@pytest.mark.parametrize("between", ["12", "IMG-2024-0001-thumb", "* * *", "![](a.png)"])
def test_what_interrupts_a_sentence_is_no_sentence_even_where_nothing_is_removed(between: str) -> None:
    text = f"{BODY} The mayor praised the two\n\n{between}\n\nengineers.\n\n{BODY}"
    structure = read_structure(text, remove_furniture=False)
    assert f"The mayor praised the two\n\n{between}\n\nengineers." in [
        s.of(text) for s in structure.sentences
    ]
    assert all(a.end <= b.start for a, b in zip(structure.sentences, structure.sentences[1:], strict=False))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Shutterstock", "the harbour was dredged last summer after boats had run aground there."),
        (
            "A Harbour for the Next Century",
            "the harbour was dredged last summer after boats had run aground.",
        ),
        ("By Jane Doe", "the harbour was dredged last summer after boats had run aground there."),
        ("12 May 2024", "the harbour was dredged last summer after boats had run aground there."),
        (BODY, "the lower case of this line is nobody's fault, for the one before it has ended."),
        (
            "Why the harbour matters to the town",
            "The harbour was dredged last summer, after boats had run aground.",
        ),
        ("The town wants a deeper harbour and two more boats", "— Jane Doe"),
        ("The town wants a deeper harbour and two more boats of its own", "- more boats\n- more fish"),
        ("The town bought two boats", "two boats were sold"),
        ("The harbour, the boats, the fish and the whole of the summer", "iPhone pictures of it were sold."),
    ],
)
def test_what_stands_apart_is_not_joined(first: str, second: str) -> None:
    text = f"{BODY}\n\n{first}\n\n{second}\n\n{BODY}"
    assert all(first.split()[-1] + "\n" not in sentence for sentence in sentences(text))


def test_lines_wrapped_at_a_column_are_one_paragraph() -> None:
    paragraphs = [BODY, "They came back in June. " + BODY, BODY + " Nobody was hurt."]
    text = "The Harbour\n\n" + "\n\n".join(textwrap.fill(p, 72) for p in paragraphs) + "\n"
    found = sentences(text)
    assert [" ".join(sentence.split()) for sentence in found][:3] == [
        "The Harbour",
        "The harbour of the small town was dredged last summer, after the fishing boats had run aground there more "
        "than once.",
        "The work took eleven weeks and cost 2.4 million crowns, which the county paid.",
    ]
    assert len(found) == 1 + 2 + 3 + 3


def test_lines_that_are_paragraphs_stay_apart() -> None:
    text = f"The Harbour\n{BODY}\nThe Boats\n{BODY}\nThe Fish\n{BODY}"
    assert sentences(text, "heading") == ["The Boats", "The Fish"]
    assert read_structure(text).title == "The Harbour"
    assert len(sentences(text, "prose")) == 6


def test_a_sentence_of_another_language_is_split_by_its_own_rules() -> None:
    first = "La Sra. Díaz llegó de los EE. UU. con su hija para ver el puerto y los barcos de la ciudad."
    second = "Las dos se fueron por la noche en el tren."
    text = f"{BODY}\n\n{first} {second}\n\n{BODY}"
    assert read_structure(text).language == "en"
    assert first in sentences(text)
    assert second in sentences(text)


def test_a_document_in_chinese() -> None:
    text = (
        "港口的未来\n\n去年夏天，镇上的港口被疏浚，因为渔船不止一次在那里搁浅。工程持续了十一周，费用由县里支付。\n\n"
        "“我们很高兴。”镇长说。"
    )
    structure = read_structure(text)
    assert structure.language == "zh"
    assert structure.title == "港口的未来"
    assert "工程持续了十一周，费用由县里支付。" in sentences(text)


def test_simple_html() -> None:
    text = (
        "<html><head><title>The Harbour &amp; the Town</title><style>p { color: red }</style></head><body>"
        "<nav><a href='/'>Home</a> <a href='/news'>News</a></nav>\n"
        f"<h1>The Harbour &amp; the Town</h1>\n<p>{BODY}</p><h2>The boats</h2><p>They came <b>back</b> in June.<br>"
        f"All of them.</p><ul><li>Anna</li><li>Berta</li></ul><p>{BODY}</p><footer>Imprint and "
        f"privacy</footer></body></html>"
    )
    structure = read_structure(text)
    assert structure.title == "The Harbour & the Town"
    found = sentences(text)
    assert "They came <b>back</b> in June." in found
    assert "All of them." in found
    assert "Anna" in found
    assert not any("Home" in sentence or "Imprint" in sentence or "color" in sentence for sentence in found)
    assert sentences(text, "heading")[-1] == "The boats"


def test_markdown() -> None:
    text = f"# The Harbour\n\n*By* nobody\n\n{BODY}\n\n## The boats\n\n" + (
        f"- the [Anna](https://example.org/anna)\n- the Berta\n\n{BODY}"
    )
    structure = read_structure(text)
    assert structure.title == "The Harbour"
    assert "The boats" in sentences(text, "heading")
    assert "the [Anna](https://example.org/anna" not in " ".join(sentences(text))
    assert any("Anna" in sentence for sentence in sentences(text, "prose"))
    assert "the Berta" in sentences(text, "prose")


def test_the_largest_letters_are_the_title() -> None:
    text = (
        '<span style="font-size:9pt">The Coast | Shipping</span>\n'
        '<span style="font-size:20pt">A harbour for everyone</span>\n'
        f'<span style="font-size:12pt">What the town gained</span>\n\n{BODY}\n\n{BODY}'
    )
    assert read_structure(text).title == "A harbour for everyone"
