"""PDF files: pages, columns, hyphens, running heads, and what can't be read."""

from __future__ import annotations

import random
import re

import pytest
from reportlab.pdfgen.canvas import Canvas
from sample_files import Draw, both, lines, pdf, wrapped

from rag.assembly import make_document
from rag.citation import cite
from rag.cleaning import read_structure
from rag.datatypes import Span
from rag.errors import FileError
from rag.formats import Parsed, ParseOptions
from rag.formats.pdf import parse

WORDS = (
    "river harbour bridge captain morning water quiet market garden winter letter window summer village station "
    "doctor music paper forest silver island mountain travel evening teacher student kitchen story"
).split()


def read(data: bytes, **options: bool) -> Parsed:
    return parse(data, ParseOptions(**options))


def quotable(parsed: Parsed) -> str:
    """All that may be quoted; none of it runs through the pages, which has its own places in the text."""
    document = make_document("a.pdf", parsed, "")
    inside = [set(range(*span)) for span in parsed.furniture]
    assert not any(set(range(s.start, s.end)) & places for s in document.sentences for places in inside)
    return "\n\n".join(span.of(parsed.text) for span in document.prose)


def sentences(seed: int, n: int) -> list[str]:
    """Sentences that each occur once, known by their number."""
    chosen = random.Random(seed)
    return [
        f"Fact {seed * 1000 + i} says that the {' '.join(chosen.choice(WORDS) for _ in range(chosen.randint(6, 14)))}."
        for i in range(n)
    ]


def headed(number: int, draw: Draw) -> Draw:
    """A page with a running head and a page number."""

    def furniture(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, 805, "The Harbour Review, volume 7")
        canvas.drawCentredString(297, 30, f"- {number} -")
        canvas.setFont("Helvetica", 10)

    return both(furniture, draw)


class TestPages:
    def test_the_page_is_right_for_each_of_100_spans(self) -> None:
        """40 pages, one column and two, with running heads: every sentence that lies on one page."""
        where: dict[str, int] = {}
        pages = []
        for number in range(1, 41):
            said = sentences(number, 12)
            for sentence in said:
                where[sentence] = number
            text = wrapped(" ".join(said), 42)
            if number % 2:
                pages.append(headed(number, lines(*wrapped(" ".join(said), 88))))
            else:
                half = (len(text) + 1) // 2
                left, right = lines(*text[:half]), lines(*text[half:], x=310)
                pages.append(headed(number, both(left, right)))
        document = make_document("a.pdf", read(pdf(*pages)), "0" * 64)
        chosen = random.Random(4).sample(sorted(where), 100)
        assert len(document.pages) == 40
        for sentence in chosen:
            start = document.text.index(sentence)
            citation = cite(document, Span(start, start + len(sentence)), None, 1.0)
            assert (citation.quote, citation.page) == (sentence, where[sentence])
        # And by the sentences that the index itself finds.
        found = {span.of(document.text): document.page(span.start) for span in document.sentences}
        assert all(found[sentence] == where[sentence] for sentence in chosen)

    def test_every_page_has_a_start_empty_ones_too(self) -> None:
        data = pdf(
            lines("First page here."), lambda canvas: None, lines("Third page here."), lambda canvas: None
        )
        parsed = read(data)
        assert len(parsed.pages) == 4
        document = make_document("a.pdf", parsed, "")
        assert document.page(parsed.text.index("First")) == 1
        assert document.page(parsed.text.index("Third")) == 3
        assert any("no text on 2 of 4 pages (page 2, 4)" in note for note in parsed.notes)

    def test_a_paragraph_goes_on_across_pages_and_counts_where_it_begins(self) -> None:
        one = [
            "The committee met on the second of March in the town hall",
            "and its members agreed that the whole of",
        ]
        two = [
            "the northern quay should be rebuilt before the winter.",
            "Work began at once and nobody objected to it.",
        ]
        parsed = read(pdf(headed(1, lines(*one)), headed(2, lines(*two)), headed(3, lines("The end of it."))))
        whole = "agreed that the whole of the northern quay should be rebuilt before the winter."
        assert whole in parsed.text
        document = make_document("a.pdf", parsed, "")
        assert document.page(parsed.text.index("The committee")) == 1
        assert document.page(parsed.text.index("northern quay")) == 2

    def test_a_footnote_does_not_part_the_sentence_above_it(self) -> None:
        def note(canvas: Canvas) -> None:
            canvas.setFont("Helvetica", 7)
            canvas.drawString(72, 80, "1 As the minutes of that year say.")

        body = wrapped(" ".join(sentences(3, 10)) + " The mayor then opened the gate that had been", 80)
        after = wrapped(
            "closed since the flood of 1953 and walked through it alone. " + " ".join(sentences(4, 4)), 80
        )
        parsed = read(pdf(both(lines(*body), note), lines(*after)))
        assert "opened the gate that had been closed since the flood of 1953" in parsed.text
        assert "1 As the minutes of that year say." in parsed.text
        assert list(parsed.pages) == sorted(parsed.pages)


class TestColumns:
    LEFT = wrapped("LEFT begins. " + " ".join(sentences(1, 14)), 44)
    RIGHT = wrapped("RIGHT begins. " + " ".join(sentences(2, 14)), 44)

    def check(self, text: str) -> None:
        flat = " ".join(text.split())
        assert " ".join(self.LEFT) in flat
        assert " ".join(self.RIGHT) in flat
        assert flat.index("LEFT") < flat.index("RIGHT")

    def test_drawn_one_after_the_other(self) -> None:
        self.check(read(pdf(both(lines(*self.LEFT), lines(*self.RIGHT, x=320)))).text)

    def test_drawn_line_by_line_across(self) -> None:
        def draw(canvas: Canvas) -> None:
            for i, (a, b) in enumerate(zip(self.LEFT, self.RIGHT, strict=False)):
                canvas.drawString(72, 700 - 12 * i, a)
                canvas.drawString(320, 700 - 12 * i, b)
            for i in range(min(len(self.LEFT), len(self.RIGHT)), max(len(self.LEFT), len(self.RIGHT))):
                longer, x = (self.LEFT, 72) if len(self.LEFT) > len(self.RIGHT) else (self.RIGHT, 320)
                canvas.drawString(x, 700 - 12 * i, longer[i])

        self.check(read(pdf(draw)).text)

    def test_the_right_one_drawn_first(self) -> None:
        self.check(read(pdf(both(lines(*self.RIGHT, x=320), lines(*self.LEFT)))).text)

    def test_under_a_title_over_both_and_above_a_closing_line(self) -> None:
        def title(canvas: Canvas) -> None:
            canvas.setFont("Helvetica-Bold", 20)
            canvas.drawString(72, 780, "A Title Over Both Columns Of The Page")
            canvas.setFont("Helvetica", 10)

        end = lines(
            "This line stands under both columns and runs from the left margin to the right margin of it.",
            y=120,
        )
        text = read(pdf(both(title, lines(*self.LEFT), lines(*self.RIGHT, x=320), end))).text
        assert text.startswith("# A Title Over Both Columns Of The Page\n\n")
        self.check(text)
        assert text.index("RIGHT") < text.index("This line stands under")

    def test_a_short_last_line_over_both_columns(self) -> None:
        wide = "This summary stands over both columns and runs from the left margin all the way to the right one, and"
        summary = lines(wide, "then ends in a short line.", y=760)
        draw = both(summary, lines(*self.LEFT, y=722), lines(*self.RIGHT, x=320, y=722))
        text = read(pdf(draw)).text
        assert text.startswith(f"{wide} then ends in a short line.\n\nLEFT")
        self.check(text)

    def test_the_rows_of_a_table_stay_rows(self) -> None:
        rows = [("Town", "People", "Mayor"), ("Elmouth", "12,000", "A. Moor"), ("Farbridge", "8,500", "B. Hill"),
                ("Westquay", "40,100", "C. Dale"), ("Northend", "990", "D. Fenn")]  # fmt: skip

        def draw(canvas: Canvas) -> None:
            for i, row in enumerate(rows):
                for j, cell in enumerate(row):
                    canvas.drawString(72 + 130 * j, 700 - 15 * i, cell)

        text = read(pdf(draw)).text
        assert "\n\nFarbridge 8,500 B. Hill\n\nWestquay 40,100 C. Dale\n\n" in text


class TestLineEnds:
    @pytest.mark.parametrize(
        ("drawn", "whole"),
        [
            (["The council was over-", "whelmed by letters."], "overwhelmed by letters"),
            (["An example was writ-", "ten on the board."], "was written on"),
            (["This is a well-", "known place to rest."], "a well-known place"),
            (["He is the Anglo-", "French envoy there."], "the Anglo-French envoy"),
            (["It was state-of-the-", "art in its own time."], "state-of-the-art in"),
            (["Most are conservative-", "leaning voters."], "conservative-leaning voters"),
            (
                ["It had pre- and post-", "war houses, and pre-", "and later ones."],
                "post-war houses, and pre- and later",
            ),
            (["He wore a “Barbie”-", "inspired look."], "“Barbie”-inspired look"),
            (["Numbers such as 1990-", "95 stay as they are."], "1990-95 stay"),
        ],
    )
    def test_hyphens(self, drawn: list[str], whole: str) -> None:
        filler = wrapped("The words before it are many and fill the lines of this column well enough.", 28)
        assert whole in read(pdf(lines(*filler, *drawn))).text

    def test_a_word_that_stands_whole_elsewhere_decides(self) -> None:
        text = read(
            pdf(
                lines(
                    "The cooperation and the co-operation of both.",
                    "They offered their full re-",
                    "sign.",
                    "A resign it was, they said, and re-sign is rare; resign, resign.",
                )
            )
        ).text
        assert "full resign." in text

    def test_paragraphs_are_kept_apart_by_gaps_and_indents(self) -> None:
        gap = both(lines("One paragraph ends here.", y=740), lines("Another one begins here.", y=700))
        assert "ends here.\n\nAnother" in read(pdf(gap)).text
        body = wrapped(" ".join(sentences(5, 5)), 80)
        below = 740 - 12.5 * len(body)
        first = lines("Indented it begins, as books do it, and goes on to", x=90, y=below)
        second = lines("the next line which is at the margin again, quite so.", y=below - 12.5)
        indented = both(lines(*body), first, second)
        assert (
            "\n\nIndented it begins, as books do it, and goes on to the next line" in read(pdf(indented)).text
        )

    def test_ligatures_are_letters(self) -> None:
        from rag.formats.pdf_runs import _LIGATURES

        assert "ﬁne oﬃce".translate(_LIGATURES) == "fine office"


class TestFurniture:
    def test_running_heads_and_page_numbers_are_kept_apart_with_their_places(self) -> None:
        data = pdf(*(headed(n, lines(*wrapped(" ".join(sentences(n, 8)), 80))) for n in range(1, 6)))
        parsed = read(data)
        text = quotable(parsed)
        assert "Harbour Review" not in text
        assert not re.search(r"- \d -", text)
        assert all(said in " ".join(text.split()) for n in range(1, 6) for said in sentences(n, 8))
        found = [parsed.text[start:end] for start, end in parsed.furniture]
        assert found == [f"The Harbour Review, volume 7\n- {n} -" for n in range(1, 6)]
        document = make_document("a.pdf", parsed, "")
        assert [document.page(start) for start, _ in parsed.furniture] == [1, 2, 3, 4, 5]
        blocks = read_structure(parsed.text, furniture=parsed.furniture).blocks
        assert [b.span for b in blocks if b.kind == "furniture"] == [Span(*span) for span in parsed.furniture]

    def test_switched_off_they_are_text_like_any_other(self) -> None:
        data = pdf(*(headed(n, lines(*wrapped(" ".join(sentences(n, 8)), 80))) for n in range(1, 6)))
        parsed = read(data, keep_furniture=True)
        assert parsed.furniture == ()
        assert parsed.text.count("The Harbour Review, volume 7") == 5
        document = make_document("a.pdf", parsed, "", remove_furniture=False)
        kept = "\n".join(span.of(parsed.text) for span in document.prose)
        assert kept.count("The Harbour Review, volume 7") == 5
        assert "\n3 -\n" in kept

    def test_they_part_no_sentence_and_no_word(self) -> None:
        pages = [
            ["The committee met on the second of March in the town hall of Elm and decided to re-"],
            ["build the quay, the mole and the customs house, as the mayor had asked it to, and it an-"],
            ["nounced it in the autumn. Nobody was against it.", "", "A new paragraph stands here alone."],
        ]
        drawn = (headed(n, lines(*page)) for n, page in enumerate(pages, 1))
        parsed = read(pdf(*drawn))
        whole = f"{pages[0][0][:-1]}{pages[1][0][:-1]}nounced it in the autumn."
        assert whole in parsed.text
        assert len(parsed.furniture) == 2, "what waited for the paragraph's end stands together"
        document = make_document("a.pdf", parsed, "")
        assert whole in [span.of(parsed.text) for span in document.sentences]
        assert "Harbour Review" not in quotable(parsed)
        assert [
            document.page(parsed.text.index(words)) for words in ("The committee", "build", "nounced")
        ] == [1, 2, 3]

    def test_a_head_in_two_parts_over_columns_and_over_one(self) -> None:
        def page(n: int) -> Draw:
            head = both(lines("31 May 2024", y=815), lines("The Elm Letter", x=330, y=815))
            if n % 2:
                return both(head, lines(*wrapped(" ".join(sentences(n, 14)), 80)))
            return both(head, lines(*TestColumns.LEFT), lines(*TestColumns.RIGHT, x=320))

        text = quotable(read(pdf(*(page(n) for n in range(4)))))
        assert "31 May 2024" not in text
        assert "The Elm Letter" not in text

    def test_alternating_heads_go_and_what_stands_once_stays(self) -> None:
        def page(n: int) -> Draw:
            head = "Chapter of Storms" if n % 2 else "A. Moor: The Sea"
            own = f"Unique heading of page {'abcdefgh'[n]}"
            return both(lines(head, y=810), lines(own, y=770), lines(*wrapped(" ".join(sentences(n, 6)), 80)))

        text = quotable(read(pdf(*(page(n) for n in range(8)))))
        assert "Chapter of Storms" not in text
        assert "A. Moor: The Sea" not in text
        assert text.count("Unique heading of page") == 8

    def test_a_number_in_the_text_stays(self) -> None:
        text = read(
            pdf(
                lines(
                    "The answer they gave was this:", "42", "and it was not doubted by anyone there.", y=500
                )
            )
        ).text
        assert "42" in text

    @pytest.mark.parametrize(
        "first",
        [
            "In {year} the harbour of Lund was visited by {ships} ships.",
            "In {year} the harbour of Lund was dredged.",
            "{year} was a quiet year in the harbour of Lund.",
            "{ships} ships came to the harbour of Lund.",
            "In {year} the harbour of Lund was visited by {ships} ships, and the",
        ],
    )
    def test_first_lines_that_differ_in_what_they_count_are_text(self, first: str) -> None:
        said = [first.format(year=2018 + n, ships=ships) for n, ships in enumerate((412, 388, 97, 365))]
        drawn = (
            both(lines(line, y=800), lines(*wrapped(" ".join(sentences(n, 8)), 80)))
            for n, line in enumerate(said)
        )
        parsed = read(pdf(*drawn))
        assert parsed.furniture == ()
        assert all(line in " ".join(quotable(parsed).split()) for line in said)

    @pytest.mark.parametrize(
        "head",
        ["Page {page} of 12 | Rates of 2024", "Page {page} of 12. All rights reserved.", "{page} The Elm Letter",
         "Tools, version 3.1, {anew}", "ACME-2024-000{page}"],
    )  # fmt: skip
    def test_heads_with_the_page_number_anywhere_in_them_go(self, head: str) -> None:
        heads = [head.format(page=n, anew=1 + n % 3) for n in range(1, 7)]
        drawn = (
            both(lines(line, y=810), lines(*wrapped(" ".join(sentences(n, 8)), 80)))
            for n, line in enumerate(heads)
        )
        parsed = read(pdf(*drawn))
        assert [parsed.text[start:end] for start, end in parsed.furniture] == heads

    def test_a_watermark_across_the_pages_is_no_text(self) -> None:
        def page(n: int) -> Draw:
            def mark(canvas: Canvas) -> None:
                canvas.saveState()
                canvas.setFont("Helvetica", 60)
                canvas.translate(120, 250)
                canvas.rotate(52)
                canvas.drawString(0, 0, "CONFIDENTIAL")
                canvas.restoreState()

            return both(mark, lines(*wrapped(" ".join(sentences(n, 20)), 80)))

        text = " ".join(read(pdf(*(page(n) for n in range(1, 5)))).text.split())
        assert "CONFIDENTIAL" not in text
        assert all(" ".join(sentences(n, 20)) in text for n in range(1, 5))


class TestFacts:
    def test_title_author_and_date(self) -> None:
        data = pdf(lines("Some words."), title="On Bridges", author="Ada Moor")
        parsed = read(data)
        assert (parsed.title, parsed.author) == ("On Bridges", "Ada Moor")
        assert parsed.date is not None
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", parsed.date)

    @pytest.mark.parametrize("title", ["untitled", "Microsoft Word - draft3.doc", "report_final.pdf", "..."])
    def test_what_a_program_wrote_is_no_title(self, title: str) -> None:
        assert read(pdf(lines("Some words."), title=title)).title is None

    def test_a_large_line_is_the_title(self) -> None:
        def draw(canvas: Canvas) -> None:
            canvas.setFont("Helvetica-Bold", 22)
            canvas.drawString(72, 760, "The Repair of the Old Bridge")
            canvas.setFont("Helvetica", 10)
            lines(*wrapped(" ".join(sentences(1, 10)), 80), y=720)(canvas)

        document = make_document("a.pdf", read(pdf(draw)), "")
        assert document.title == "The Repair of the Old Bridge"

    def test_turned_pages_and_margin_stamps(self) -> None:
        def turned(canvas: Canvas) -> None:
            canvas.translate(500, 100)
            canvas.rotate(90)
            for i, line in enumerate(wrapped(" ".join(sentences(6, 8)), 80)):
                canvas.drawString(0, -14 * i, line)

        assert " ".join(sentences(6, 8)) in " ".join(read(pdf(turned)).text.split())

        def stamp(canvas: Canvas) -> None:
            canvas.saveState()
            canvas.translate(30, 300)
            canvas.rotate(90)
            canvas.drawString(0, 0, "arXiv:2401.00001 stamp")
            canvas.restoreState()
            lines(*wrapped(" ".join(sentences(7, 8)), 80))(canvas)

        text = read(pdf(stamp)).text
        assert " ".join(sentences(7, 8)) in " ".join(text.split())
        assert "arXiv:2401.00001 stamp" in text


class TestRefused:
    def test_encrypted(self) -> None:
        with pytest.raises(FileError, match="encrypted with a password; save it without one"):
            read(pdf(lines("Secret words."), password="hush"))

    def test_protected_against_changes_only_is_read(self) -> None:
        assert "Open words." in read(pdf(lines("Open words."), password="")).text

    def test_a_scan(self) -> None:
        with pytest.raises(
            FileError, match=r"no text layer was found on 2 pages \(a scan\?\); OCR would be needed"
        ):
            read(pdf(lambda canvas: canvas.rect(50, 50, 300, 300, fill=1), lambda canvas: None))

    def test_no_pdf(self) -> None:
        with pytest.raises(FileError, match="no PDF: it begins with"):
            read(b"Just some words.")

    def test_truncated(self) -> None:
        whole = pdf(*(lines(*sentences(n, 5)) for n in range(3)))
        n_read = 0
        for size in range(20, len(whole) - 10, max(1, len(whole) // 23)):
            try:
                parsed = read(whole[:size])
            except FileError as error:
                assert re.search("truncated|damaged|no PDF|no text", str(error))  # noqa: PT017
            else:
                n_read += 1
                assert any("may be truncated" in note for note in parsed.notes)
        assert n_read < 20
