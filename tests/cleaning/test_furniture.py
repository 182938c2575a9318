"""Furniture of invented sites is left out, and texts that only look like it are kept."""

from __future__ import annotations

import pytest

from rag.cleaning import read_structure

TITLE = "Harbour to Be Deepened After Third Grounding"
BODY = (
    "The harbour of the small town will be dredged this summer, after fishing boats ran aground there for the third "
    "time in a year. The work will take eleven weeks and cost 2.4 million crowns, the county said on Monday.",
    "“We have waited for this for years,” said the harbour master, Lene Dahl, who has counted forty groundings since "
    "she took office. “The boats are larger now, and the sand has come back.”",
    "Critics say that the money would be better spent on the road to the coast, which is closed for several days each "
    "winter. A petition against the works has been signed by 312 of the town's 2,100 inhabitants.",
)


def kept(text: str) -> list[str]:
    return [span.of(text) for span in read_structure(text).sentences]


def article(*, between: str = "", after: str = "", before: str = "") -> str:
    parts = [before, TITLE, BODY[0], BODY[1], between, BODY[2], after]
    return "\n\n".join(part for part in parts if part)


WHOLE = kept(article())


def test_the_article_itself() -> None:
    assert WHOLE[0] == TITLE
    assert len(WHOLE) == 7


@pytest.mark.parametrize(
    "line",
    [
        "Subscribe to our newsletter",
        "Sign up for our free daily briefing and get the news in your inbox.",
        "Follow us on our Telegram channel for breaking news!",
        "For the latest news from the coast download our mobile app.",
        "Do you have a story for us? Send an email to the newsroom or let us know in the comments.",
        "Got a tip? Contact our reporter at tips@example.org.",
        "Lene Berg is a reporter covering the coast. Reach her at lberg@example.org or follow her on X @leneberg.",
        "Share this article",
        "Click here to read more about the harbour",
        "READ MORE: Ferry runs late for the fifth day in a row",
        "More:Ferry runs late for the fifth day in a row",
        "FERRY CHAOS:Passengers wait for hours as line cuts its winter timetable",
        "'We lost everything':Fishermen recall the storm of 1987",
        "What is dredging?How the sand is taken out of a harbour",
        "Story continues below advertisement",
        "Advertisement",
        "This site uses cookies to improve your experience.",
        "By signing up, you agree to our terms of use and privacy policy.",
        "© 2024 Coast Media. All rights reserved.",
        "All rights reserved.",
        "Photo: Lene Berg/Coast Media",
        "Getty Images",
        "(Image credit: Lene Berg/Getty Images)",
        "harbour_2024_1200x800.jpg",
        "DSC-2024-0098-thumb",
        "Image for illustrative purposes only",
        "This article was originally published on Coastline.",
        "Jetzt Newsletter abonnieren",
        "Lesen Sie auch: Fähre fällt wieder aus",
        "Suscríbete a nuestro boletín para recibir las noticias",
        "Lee también: El ferry vuelve a fallar",
        "Abonnez-vous à notre lettre pour recevoir l’actualité",
        "Lire aussi : Le ferry encore en retard",
        "5 min read",
        "Updated 3 hours ago",
        "We may earn a commission if you buy through links on this page.",
    ],
)
def test_a_line_between_paragraphs(line: str) -> None:
    assert kept(article(between=line)) == WHOLE


@pytest.mark.parametrize(
    "section",
    [
        "You May Also Like\n\nFerry Runs Late Again\n\nSchool Roof Leaks After Storm\n\nCounty Votes on Budget",
        "Others Also Read",
        "Leave a Reply\n\nYour email address will not be published. Required fields are marked *\n"
        "\nName *\n\nEmail *\n\nPost Comment",
        "Related articles\nFerry runs late for the fifth day in a row\nSchool roof leaks after the storm of the week\n"
        "The county votes on its budget for the next two years",
        "Most read\n\n1. Ferry runs late for the fifth day\n\n2. School roof leaks after storm\n\n"
        "3. County votes on budget",
        "Recommended\n\n    IMG-2024-1-thumb\n    Ferry Runs Late Again\n"
        "    The ferry to the islands was late for the fifth "
        "day in a row, and passengers...\n    IMG-2024-2-thumb\n    School Roof Leaks\n"
        "    After the storm of the week the "
        "roof of the school...",
        "More from the Coast Herald:\n\nFor the latest news from the Coast Herald download our mobile app.\n\n"
        "Next In Local News\n\nFerry runs late for the fifth day in a row\nSchool roof leaks after the storm",
        "12 Comments\n\nAdd a comment",
        "Share\n\nFacebook\n\nTwitter\n\nWhatsApp",
        "Das könnte Sie auch interessieren\n\nFähre fällt wieder aus\n\nSchuldach nach Sturm undicht",
        "Te puede interesar\n\nEl ferry vuelve a fallar\n\nEl techo de la escuela gotea tras la tormenta",
        "À lire aussi\n\nLe ferry encore en retard\n\nLe toit de l’école fuit après la tempête",
        "相关阅读\n\n渡轮再次晚点\n\n学校屋顶漏水",
    ],
)
def test_a_section_after_the_article(section: str) -> None:
    assert kept(article(after=section)) == WHOLE


def test_the_article_goes_on_after_a_list_of_links() -> None:
    links = (
        "Related stories:\n\nFerry runs late for the fifth day in a row\n\nSchool roof leaks after the storm"
    )
    assert kept(article(between=links)) == WHOLE


def test_a_list_of_headlines_that_nothing_announces() -> None:
    headlines = [
        "Ferry runs late for the fifth day in a row",
        "School roof leaks after the storm of the week",
        "The county votes on its budget for the next two years",
        "Man finds gold coin on the beach and keeps it",
    ]
    assert kept(article(after="\n".join(headlines))) == WHOLE
    assert kept(article(after="\n\n".join(["Elsewhere", *headlines]))) == WHOLE
    introduced = "These are the questions that the council will vote on in June:"
    assert kept(article(after="\n".join([introduced, *headlines])))[-5:] == [introduced, *headlines]


def test_a_caption_is_kept_and_its_credit_is_not() -> None:
    caption = (
        "The harbour at low tide, with the wreck of the Anna in front. Lene Berg/Coast Media/Getty Images"
    )
    sentences = kept(article(between=caption))
    assert "The harbour at low tide, with the wreck of the Anna in front." in sentences
    assert not any("Getty" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    "heading",
    [
        "The road to the coast",
        "What the critics say",
        "More about the petition",
        "Comments from the town",
        "Related costs",
    ],
)
def test_a_heading_of_the_article_is_kept_as_one(heading: str) -> None:
    text = article(between=heading)
    structure = read_structure(text)
    kinds = {
        span.of(text): kind for span, kind in zip(structure.sentences, structure.sentence_kinds, strict=True)
    }
    assert kinds[heading] == "heading"
    assert len(kinds) == 8


KEPT_WHOLE = {
    "a note of three lines": "Call the plumber.\nBuy milk and bread.\nAnna's birthday is on 12 May.",
    "a note that looks like furniture": "Subscribe to the paper\nContact: anna@example.org\nShare\nComments",
    "one line": "The meeting is moved to Tuesday.",
    "one word": "Reuters",
    "a recipe": "Pancakes\n\nIngredients\n- 200 g flour\n- 3 eggs\n- 0.4 l milk\n\nMethod\n1. Mix flour and milk.\n"
    "2. Add the eggs.\n3. Bake in butter until brown.",
    "minutes": "Present: Anna Berg, Carl Dahl\nExcused: Eva Fors\n\n1. Budget\n"
    "The budget was approved.\n2. Any other business\nNone.\n"
    "Next meeting: 4 June, 18:00",
    "questions and answers": "Q: When does the ferry leave?\nA: At nine.\nQ: How much is it?\n"
    "A: 20 crowns.\nQ: Share a cabin?\nA: Yes.",
    "facts with bullets": "Key facts\n• The harbour is 4 metres deep\n• It was built in 1911\n"
    "• 42 boats are registered\n• The town has 2,100 inhabitants",
    "a poem": "The sand comes in, the sand goes out,\nThe boats lie still and wait,\n"
    "The gulls above them wheel and shout\n"
    "And no one shuts the gate.\n\nAnd no one shuts the gate, my dear,\nAnd no one shuts the gate.",
    "a table of keys": "Name:Anna\nPort:Nord\nLength:14 m\nBuilt:1987\nOwner:Berg & Dahl",
    "agencies": "The largest news agencies\nReuters\nAFP\nAssociated Press\ndpa",
    "phone numbers": "Doctor 555-123-4567\nSchool 555-765-4321\n555-000-1111",
    "places": "Nord\nLund\nVik\nBerg\nDahl\nFors\nHolm",
}


@pytest.mark.parametrize("name", KEPT_WHOLE)
def test_texts_that_are_no_articles_are_kept(name: str) -> None:
    text = KEPT_WHOLE[name]
    structure = read_structure(text)
    for line in text.splitlines():
        at = text.index(line)
        words = line.lstrip("-• ")
        start = at + len(line) - len(words)
        if words:
            assert any(s.start < start + len(words) and start < s.end for s in structure.sentences), line


@pytest.mark.parametrize(
    "sentence",
    [
        "Subscribers can cancel at any time, the court ruled.",
        "Copyright law protects the author for seventy years.",
        "Related work began in 1998 and was given up two years later.",
        "Follow the coast road to the second bridge and turn left.",
        "Comments by the mayor caused anger in the town last week.",
        "The newsletter of the port was first printed in 1911.",
        "To register, call 555-123-4567 or write to port@example.org.",
        "More than 300 people signed the petition.",
        "Sign up for a library card at the desk near the door.",
        "Read the label before you use the paint, the county says.",
        "All rights to the harbour were sold in 1911.",
        "Share prices of the shipping line fell by a tenth.",
        "Contact with the ferry was lost at noon.",
        "Print runs of the paper fell to 900 copies.",
        "He told the inquiry: “Sign up for the crew or lose the app, they said.”",
    ],
)
def test_sentences_of_the_article_that_begin_like_furniture_are_kept(sentence: str) -> None:
    text = article(between=sentence)
    assert sentence in kept(text)


def test_a_list_at_the_end_of_an_article_is_kept() -> None:
    names = "The boats that ran aground this year:\n\nAnna of Nord\n\nBerta of Lund\n\nClara of Vik\n\nDora of Berg"
    assert kept(article(after=names))[-5:] == names.split("\n\n")


def test_removal_can_be_switched_off() -> None:
    text = article(after="You May Also Like\n\nFerry Runs Late Again")
    structure = read_structure(text, remove_furniture=False)
    assert [span.of(text) for span in structure.sentences][-2:] == [
        "You May Also Like",
        "Ferry Runs Late Again",
    ]
    assert structure.sentence_kinds[-2:] == ("prose", "prose")


def test_title_byline_and_date() -> None:
    text = "\n\n".join([TITLE, "By Lene Berg and Carl Dahl", "Published: 4 June 2024, 18:30", *BODY])
    structure = read_structure(text)
    assert structure.title == TITLE
    assert structure.author == "Lene Berg and Carl Dahl"
    assert structure.date == "4 June 2024"
    assert structure.sentence_kinds[:3] == ("title", "byline", "date")


def test_the_reason_is_told() -> None:
    text = article(after="You May Also Like\n\nFerry Runs Late Again")
    reasons = [block.reason for block in read_structure(text).blocks if block.kind == "furniture"]
    assert reasons == ["opens a section of furniture", "in a section of furniture"]
