"""Text in, exactly that text out: nothing in a document or a question is ever markup."""

from __future__ import annotations

import dataclasses
import html.parser
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rag.web
from rag.datatypes import NOT_IN_SOURCES, Answer, Citation
from rag.web.frame import results_html
from rag.web.markup import plain, tag
from rag.web.render import answer_html, question_html, welcome_html
from rag.web.session import Problem, Turn
from rag.web.strings import LANGUAGES, choose_language, strings

S = strings("en")
PAYLOADS = [
    "<script>window.__xss=1</script>",
    "<img src=x onerror=window.__xss=1>",
    '"><svg onload=window.__xss=1>',
    '<svg><a href="javascript:window.__xss=1"><text y=20>x</text></a></svg>',
    '<a href="javas&#9;cript:window.__xss=1">x</a>',
    "${window.__xss=1}",
    "{{constructor.constructor('window.__xss=1')()}}",
    "`${alert(1)}`",
    "\\u003cscript\\u003e",
    "'; window.__xss=1; //",
    "</textarea></title></style><iframe src=javascript:window.__xss=1>",
    "**bold** _it_ `code` 1. $$x$$ [l](javascript:window.__xss=1) ![i](http://x/y.png)",
    "<form action=http://x><button>",
    "&lt;b&gt; &amp;amp; &#60;",
    "<!-- --><![CDATA[<b>]]>",
    "line\r\nbreaks\rof\nall\tkinds",
    "a\u202eb\u2066c\u200fd",
    "nul\x00in\x01side\x7f\x85",
    "e\u0301 \U0001f469\u200d\U0001f52c \U0001d54f שלום مرحبا",
]


class Reader(html.parser.HTMLParser):
    """Text and elements, as a browser would find them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


def seen(text: str) -> str:
    """What a browser can show of a text: no NUL, no lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "␀")


def answer_about(text: str) -> Turn:
    citation = Citation(text, text, 5, 5 + len(text), text, (5, 5 + len(text) // 2), None, "ab" * 32, 1.0)
    other = dataclasses.replace(citation, quote=text + "!", end=6 + len(text), highlight=None)
    answer = Answer(text, True, text, text[: len(text) // 2], 0.9, (citation, other))
    return Turn(1, text, answer, understood=text + "?")


def refusal_about(text: str) -> Turn:
    found = answer_about(text).answer
    assert found is not None
    return Turn(2, text, Answer(text, False, NOT_IN_SOURCES, None, 0.1, (), found.citations, text))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_is_shown_as_it_is(payload: str) -> None:
    calm = [t for t, _ in read(answer_html(answer_about("x" * 9), S, feedback=True)).tags if t != "span"]
    page = read(answer_html(answer_about(payload), S, feedback=True))
    # Whatever the text, the elements are the same; only invisible characters get a box each.
    assert [t for t, _ in page.tags if t != "span"] == calm
    assert seen(payload) in "".join(page.text)
    assert not [
        a
        for _, attributes in page.tags
        for a in attributes
        if a.startswith("on") or a in ("href", "src", "style")
    ]
    for markup in (
        question_html(answer_about(payload), S),
        answer_html(refusal_about(payload), S),
        welcome_html([payload], S),
    ):
        assert seen(payload) in "".join(read(markup).text)
    assert plain(seen(payload)) in "".join(read(results_html([(seen(payload), "x", True)])).text)


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(), max_size=200))
def test_any_text_survives(text: str) -> None:
    reader = read(tag("p", text, title=text))
    assert "".join(reader.text) == seen(text)
    assert reader.tags[0] == ("p", {"title": seen(text)})
    assert {t for t, _ in reader.tags} <= {"p", "span"}


def test_a_megabyte_line_is_rendered() -> None:
    assert "".join(read(tag("p", "<&" * 500_000)).text) == "<&" * 500_000


def test_quote_pieces_are_the_quote() -> None:
    turn = answer_about("Mr He’s 😀 top aide, calling him “unhinged”.")
    reader = read(answer_html(turn, S))
    assert turn.answer is not None
    assert "".join(reader.text).startswith(f"Understood as: {turn.understood}{turn.answer.text}")
    chip = next(a for t, a in reader.tags if a.get("class") == "cite")
    assert (chip["data-s"], chip["data-e"]) == ("5", str(5 + len(turn.answer.text)))
    assert chip["type"] == "button"
    assert chip["aria-label"]


def test_refusal_has_no_quote() -> None:
    markup = answer_html(refusal_about("Something near."), S)
    assert "blockquote" not in markup
    assert 'class="quote' not in markup
    assert "Not in the sources" in markup
    assert markup.count('class="cite"') == 2


def test_problem_names_its_number() -> None:
    markup = answer_html(Turn(3, "q", None, Problem("error_internal", error_id="beef")), S)
    assert "beef" in markup
    assert "blockquote" not in markup


def test_agreeing_sources_are_told_from_differing_ones() -> None:
    base = answer_about("The bridge was opened in 1932 by Mayor Adams.").answer
    assert base is not None
    first = base.citations[0]
    same = dataclasses.replace(first, doc_id="b", quote="The bridge  was opened in 1932 by Mayor Adams.")
    agrees = dataclasses.replace(
        first, doc_id="c", quote="It opened in 1932.", end=first.start + 18, highlight=None
    )
    differs = dataclasses.replace(
        first, doc_id="d", quote="It opened in 1933.", end=first.start + 18, highlight=None
    )
    answer = dataclasses.replace(base, short="1932", citations=(first, same, agrees, differs))
    markup = answer_html(Turn(1, "When?", answer), S)
    assert "2 further sources" in markup
    assert "also says “1932”" in markup
    assert "says something else" in markup
    assert [a["data-doc"] for t, a in read(markup).tags if a.get("class") == "cite"][1] == "b"


def test_languages_have_the_same_words_and_places() -> None:
    english = strings("en").table
    for language in LANGUAGES:
        table = strings(language).table
        assert table.keys() == english.keys()
        for key, text in table.items():
            assert text.strip()
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[key])), (
                language,
                key,
            )
    assert strings("xx").language == "en"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("fr, es;q=0.4", "es"),
        ("fr", "en"),
        ("de;q=x, es", "es"),
        ("," * 600, "en"),
        ("<script>", "en"),
    ],
)
def test_language_follows_the_browser(header: str, language: str) -> None:
    assert choose_language(header) == language


def test_every_word_is_used_and_every_used_word_exists() -> None:
    folder = Path(rag.web.__file__).parent
    code = "".join(p.read_text(encoding="utf-8") for p in [*folder.glob("*.py"), *folder.glob("static/*")])
    unused = [k for k in strings("en").table if not re.search(rf"""["'.]{k}\b|{k.split("_")[0]}_\{{""", code)]
    assert not unused


def test_templates_are_constant_and_chat_takes_no_text() -> None:
    folder = Path(rag.web.__file__).parent
    for path in folder.glob("static/*.[hj]*"):
        text = path.read_text(encoding="utf-8")
        assert "{{" not in text
        assert "${" not in text
        assert "innerHTML" not in text
        assert "`" not in text
    code = "".join(p.read_text(encoding="utf-8") for p in folder.glob("*.py"))
    assert "gr.Markdown" not in code
    assert "gr.ChatInterface" not in code
    assert "DeepLink" not in code
    assert not re.search(r"^\s*(import|from) (pickle|joblib|shelve|marshal)\b", code, re.MULTILINE)


def test_percentages_claim_no_certainty() -> None:
    assert [S.percent(p) for p in (0.0, 0.004, 0.5, 0.999, 1.0)] == [
        "under 1%",
        "under 1%",
        "50%",
        "99%",
        "100%",
    ]


@pytest.mark.parametrize(
    ("quote", "agrees"),
    [
        ("There are 5 keepers at the zoo.", True),
        ("There are “5” of them.", True),
        ("The zoo has 15 keepers.", False),
        ("It costs 5,000.", False),
    ],
)
def test_a_further_quote_is_said_to_agree_only_where_it_does(quote: str, agrees: bool) -> None:
    first = Citation("a", "A", 0, 17, "It has 5 keepers.", (7, 8), None, "ab" * 32, 1.0)
    further = dataclasses.replace(first, doc_id="b", end=len(quote), quote=quote, highlight=None)
    answer = Answer("How many?", True, first.quote, "5", 0.9, (first, further))
    shown = read(answer_html(Turn(1, "How many?", answer), S)).text
    assert (S("same_answer", short="5") in shown) is agrees
    assert (S("other_answer") in shown) is not agrees
