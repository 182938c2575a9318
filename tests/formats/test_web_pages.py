"""Web pages, saved pages: the content with its headings, lists and tables; no menus, scripts or hidden text."""

from __future__ import annotations

import pytest
from sample_files import PAGE

from rag.assembly import make_document
from rag.cleaning import search_copy
from rag.errors import FileError
from rag.formats import Parsed, ParseOptions
from rag.formats.charsets import decode_declared
from rag.formats.web_archive import parse as parse_archive
from rag.formats.web_page import parse

LONG = "The harbour was built in 1881 by the Elm company and served the town for a hundred years. " * 4


def read(page: str | bytes, **options: bool) -> Parsed:
    return parse(page.encode() if isinstance(page, str) else page, ParseOptions(**options))


class TestContent:
    def test_the_article_and_nothing_else(self) -> None:
        assert read(PAGE).text == (
            "# Bridge reopens after repairs\n\nBy Ada Moor\n\nThe old bridge over the Elm reopened on Friday after "
            "nine months of repairs, the harbour master said in a statement that was sent to residents of both "
            "banks of the river.\n\n## What was done\n\n- The deck was replaced.\n- Two piers were strengthened.\n\n"
            "Part | Cost\nDeck | 2.1 million\n\n"
            "Ferries ran free of charge during the closure.\nThey carried 4,000 people a day.\n"
        )

    def test_what_the_page_says_of_itself(self) -> None:
        found = make_document("a.html", read(PAGE), "")
        assert (found.title, found.author, found.date) == (
            "Bridge reopens after repairs",
            "Ada Moor",
            "2024-05-31",
        )
        assert (found.source, found.language, found.page(10)) == ("The Daily Harbour", "en", None)

    def test_furniture_can_be_kept(self) -> None:
        text = read(PAGE, keep_furniture=True).text
        for kept in ("News", "We use cookies", "Related stories", "All rights reserved", "Share on Facebook"):
            assert kept in text
        assert "never shown" not in text

    def test_json_ld_is_read_where_meta_is_silent(self) -> None:
        parsed = read(
            '<html><head><script type="application/ld+json">{"@graph": [{"@type": "WebPage"}, {"@type": "NewsArticle",'
            '"headline": "Rates rise", "datePublished": "2024-02-03T09:00:00+01:00", "author": [{"name": "A. Moor"},'
            f'{{"name": "B. Hill"}}], "publisher": {{"name": "Finance Today"}}}}]}}</script></head><p>{LONG}'
        )
        assert (parsed.title, parsed.author, parsed.date, parsed.source) == (
            "Rates rise", "A. Moor, B. Hill", "2024-02-03", "Finance Today"
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("author", "date"),
        [
            ("https://www.facebook.com/moor", "03/05/2024"),  # an address; March or May
            ("HTTPS://harbour.example/moor", "yesterday"),
            ("//harbour.example/moor", "2024"),  # not as exact as what follows
        ],
    )
    def test_json_ld_is_read_where_meta_says_nothing_of_use(self, author: str, date: str) -> None:
        parsed = read(
            f'<html><head><meta property="article:author" content="{author}"><meta name="date" content="{date}">'
            '<script type="application/ld+json">[{"@graph": [{"headline": "Rates rise", "author": [{"name": "A. Moor"},'
            '{"name": "https://harbour.example/hill"}], "datePublished": "2024-02-03T09:00:00+01:00"}]}]</script>'
            f"</head><p>{LONG}"
        )
        assert (parsed.author, parsed.date) == ("A. Moor", "2024-02-03")

    def test_the_next_author_where_the_first_is_an_address(self) -> None:
        meta = (
            '<meta name="author" content="https://x.example/moor"><meta name="dc.creator" content="Ada Moor">'
        )
        assert read(f"<html><head>{meta}</head><p>{LONG}").author == "Ada Moor"

    def test_a_date_in_words_is_read_where_it_is_certain(self) -> None:
        assert read(f'<meta name="date" content="May 3, 2021"><p>{LONG}').date == "2021-05-03"
        assert read(f'<meta name="date" content="3–5 May 2021"><p>{LONG}').date is None

    @pytest.mark.parametrize(
        ("times", "date"),
        [
            ('<p>By Ada Moor, <time datetime="2021-05-03T08:00Z">Monday</time></p>', "2021-05-03"),
            ('<time datetime="2021-05-03">3 May</time><time datetime="2021-05-09">9 May</time>', None),
            (
                '<time itemprop="datePublished" datetime="2021-05-03">3 May</time><time datetime="2021-05-09">9</time>',
                "2021-05-03",
            ),
            (f'<p>{LONG} Since <time datetime="1945-05-08">then</time> it is closed.</p>', None),
            ('<aside><time datetime="2021-05-03">3 May</time> Another story</aside>', None),
        ],
    )
    def test_the_date_that_an_article_shows(self, times: str, date: str | None) -> None:
        assert read(f"<body><article><h1>Low tide</h1>{times}<p>{LONG}</p></article></body>").date == date

    def test_the_language_of_xhtml(self) -> None:
        assert read(f'<html lang="" xml:lang="de-AT"><body><p>{LONG}</p></body></html>').language == "de"

    def test_a_page_without_structure(self) -> None:
        assert read("just words &amp; an entity").text == "just words & an entity\n"
        assert read("<p>one<p>two").text == "one\n\ntwo\n"

    def test_paragraphs_line_breaks_and_program_text(self) -> None:
        text = read(
            "<p>a\n  b<br>c<pre>def f():\n    return 1\n</pre><blockquote>quoted</blockquote><p>x<wbr>y z&shy;z"
        ).text
        assert text == "a b\nc\n\ndef f():\n    return 1\n\nquoted\n\nxy zz\n"

    def test_nested_lists_and_definition_lists(self) -> None:
        text = read(
            "<ul><li>one<ul><li>inner</li></ul></li><li><p>two</p></li></ul><dl><dt>Term<dd>Meaning</dl>"
        ).text
        assert text == "- one\n- inner\n- two\n\nTerm\n\nMeaning\n"

    def test_a_table_that_lays_out_the_page_is_read_as_text(self) -> None:
        menu = "<table><tr><td>Menu</td></tr></table>"
        page = f"<table><tr><td>{menu}</td><td><h1>Title</h1><p>{LONG}</p></td></tr></table>"
        text = read(page).text
        assert f"# Title\n\n{LONG.strip()}" in text
        assert " | " not in text

    @pytest.mark.parametrize(
        "hidden",
        [
            '<p style="display: none">SECRET</p>',
            "<p hidden>SECRET</p>",
            '<span style="color:red;VISIBILITY:hidden">SECRET</span>',
            '<div aria-hidden="true">SECRET</div>',
            "<template><p>SECRET</p></template>",
            "<noscript>SECRET</noscript>",
            "<!-- SECRET -->",
            "<style>SECRET</style>",
            "<textarea>SECRET</textarea>",
        ],
    )
    def test_what_a_reader_does_not_see_is_not_quoted(self, hidden: str) -> None:
        assert "SECRET" not in read(f"<body><p>before</p>{hidden}<p>after</p>").text
        assert "SECRET" not in read(f"<body><p>{LONG}</p>{hidden}", keep_furniture=True).text

    @pytest.mark.parametrize(
        "hidden",
        [
            '<tr style="display:none"><td>SECRET</td><td>9</td></tr>',
            '<tr style="visibility: collapse"><td>SECRET</td><td>9</td></tr>',
            "<tbody hidden><tr><td>SECRET</td><td>9</td></tr></tbody>",
            "<tr><td>Sloop</td><td hidden>SECRET</td><td>9</td></tr>",
            "<caption hidden>SECRET</caption>",
            '<caption>Boats<span style="display:none">SECRET</span><script>SECRET</script></caption>',
        ],
    )
    def test_what_a_table_hides_is_not_quoted(self, hidden: str) -> None:
        rows = "<tr><th>Boat</th><th>Price</th></tr><tr><td>Ketch</td><td>500</td></tr>"
        for page in (f"<table>{rows}{hidden}</table>", f"<table>{hidden}{rows}</table>"):
            text = read(f"<body><p>{LONG}</p>{page}</body>").text
            assert "Boat | Price\nKetch | 500\n" in text
            assert "SECRET" not in text
            assert ("Sloop | 9" in text) == ("Sloop" in hidden)

    @pytest.mark.parametrize(
        "section",
        [
            # As pandoc, Sphinx, docutils and wikis write them.
            '<section id="recommendations"><h2>Recommendations</h2><p>{}</p></section>',
            '<section id="share-prices" class="level2"><h2>Share prices</h2><p>{}</p></section>',
            '<section id="related-work"><h2><span class="nr">2.1</span> Related work<a href="#r">¶</a></h2>'
            "<p>{}</p></section>",
            '<div class="section" id="footer-design"><h3>Footer design</h3><ul><li>{}</li></ul></div>',
            '<section id="cookies-1"><h2>Cookies</h2><p>{}</p></section>',
            '<h3 id="menu">Menu</h3><p>{}</p>',
            '<h2><span class="mw-headline" id="Advertising">Advertising</span></h2><p>{}</p>',
            # Named by hand.
            '<section id="social"><h2>Housing</h2><p>{}</p></section>',
            '<div class="sponsor-info"><h3>Who paid</h3><p>{}<sup>2</sup></p></div>',
        ],
    )
    def test_a_section_is_not_furniture_for_its_name(self, section: str) -> None:
        said = "The commission recommends that the northern pier be rebuilt before 2031."
        text = read(f"<main><h1>Report</h1><p>{LONG * 2}</p>{section.format(said)}<p>{LONG}</p></main>").text
        assert said in text
        headings = (
            "Recommendations",
            "Share prices",
            "Related work",
            "Footer design",
            "Cookies",
            "Menu",
            "Advertising",
        )
        assert all(heading in text for heading in headings if heading in section)

    @pytest.mark.parametrize(
        "box",
        [
            '<section id="related"><h2>Related</h2><ul><li><a href="/1">SECRET tunnel</a></li></ul></section>',
            '<div class="newsletter"><h3>SECRET letters</h3><p>Get our best stories in your inbox every morning.</p>'
            '<form><input name="mail"></form></div>',
            '<div class="cookie-banner"><h2>SECRET</h2><p>We use cookies to make your visit to our pages better.</p>'
            "<button>Accept</button></div>",
            '<div class="footer"><h3>SECRET</h3><p>The Daily Harbour is the paper of the town since 1881.</p></div>',
            '<div class="promo"><h3>SECRET</h3><p>Boats by Elm are the best boats in the world, and cheap.</p></div>',
            '<div class="share"><h3>SECRET</h3><p>Pass it on</p></div>',
            '<div class="related-box"><h3>Read on</h3>'
            '<p><a href="/2">SECRET tunnel is planned for the year 2030.</a></p></div>',
        ],
    )
    def test_a_box_with_a_heading_is_furniture_by_a_second_sign(self, box: str) -> None:
        text = read(f"<main><h1>Report</h1><p>{LONG * 3}</p>{box}<p>{LONG}</p></main>").text
        assert "SECRET" not in text

    def test_a_list_of_links_around_the_text_is_left_out_but_one_in_an_article_stays(self) -> None:
        links = "<ul>" + "".join(f'<li><a href="/{i}">Link number {i}</a></li>' for i in range(5)) + "</ul>"
        assert "Link number" not in read(f"<body>{links}<p>{LONG * 2}</p></body>").text
        assert "Link number 3" in read(f"<body><article><p>{LONG * 2}</p>{links}</article></body>").text

    def test_a_page_of_many_articles_is_read_whole(self) -> None:
        page = "".join(f"<article><h2>Story {i}</h2><p>{LONG}</p></article>" for i in range(5))
        assert all(f"## Story {i}" in read(f"<body>{page}</body>").text for i in range(5))

    def test_a_page_in_one_form_is_read(self) -> None:
        assert (
            LONG.strip() in read(f'<body><form id="aspnetForm"><div><p>{LONG}</p></div></form></body>').text
        )

    def test_where_all_looks_like_furniture_it_is_kept(self) -> None:
        assert "Only a menu" in read("<body><nav>Only a menu here</nav></body>").text

    def test_words_about_markup_are_words(self) -> None:
        words = "A &lt;script&gt; ends with &lt;/script&gt; and &amp;amp; is an ampersand."
        page = f"<h1>Tags</h1><p>{LONG}</p><p>{words}</p>"
        document = make_document("a.html", read(page), "")
        (span,) = (span for span in document.sentences if "ampersand" in span.of(document.text))
        assert (
            span.of(document.text).replace("\u2060", "")
            == "A <script> ends with </script> and &amp; is an ampersand."
        )
        whole = search_copy(document.text, span)
        assert whole.text == "A <script> ends with </script> and &amp; is an ampersand."

    def test_a_page_without_text(self) -> None:
        with pytest.raises(FileError, match="shows no text; it may be built by a script"):
            read(
                "<html><head><title>App</title></head><body><div id=root></div><script>go()</script></body></html>"
            )

    def test_deeply_nested_elements(self) -> None:
        for tag in ("div", "b", "ul><li", "table><tr><td", "blockquote"):
            assert LONG.strip() in read(f"<{tag}>" * 500 + f"deep {LONG}").text, tag
            with pytest.raises(FileError, match="nested deeper than 2,000"):
                read(f"<{tag}>" * 30_000 + f"deep {LONG}")


class TestEncodings:
    WORDS = "Zürich liegt an der Limmat – „schön“"

    @pytest.mark.parametrize(
        ("encoding", "declared"),
        [
            ("utf-8", "utf-8"),
            ("utf-8", None),
            ("cp1252", "windows-1252"),
            ("cp1252", "iso-8859-1"),  # what pages say and do not mean
            ("utf-8-sig", "iso-8859-1"),
            ("utf-16", None),
            ("utf-16", "utf-8"),
        ],
    )
    def test_mark_then_declaration_then_utf8(self, encoding: str, declared: str | None) -> None:
        meta = f"<meta charset={declared}>" if declared else ""
        assert self.WORDS in read(f"<html><head>{meta}</head><p>{self.WORDS}".encode(encoding)).text

    def test_other_alphabets(self) -> None:
        page = '<meta http-equiv="Content-Type" content="text/html; charset={}"><p>{}'
        for encoding, words in (("shift_jis", "港は古い橋"), ("gb2312", "港口的老桥"), ("koi8-r", "старый мост"),
                                ("windows-1251", "старый мост"), ("euc-kr", "오래된 다리")):  # fmt: skip
            assert words in read(page.format(encoding, words).encode(encoding)).text, encoding

    def test_mixed_encodings_are_read_and_said(self) -> None:
        data = "<meta charset=utf-8><p>Zürich und ".encode() + "Köln".encode("latin-1") + b"</p>"
        parsed = read(data)
        assert "Zürich und Köln" in parsed.text
        assert any("encodings are mixed: 1 place" in note for note in parsed.notes)

    @pytest.mark.parametrize(
        "declared", ["no-such", "zlib", "rot13", "unicode_escape", "idna", "undefined", "\0", "a" * 99]
    )
    def test_a_declaration_that_is_no_character_set(self, declared: str) -> None:
        assert decode_declared(b"plain \\x41", declared)[0] == "plain \\x41"

    def test_names_that_browsers_know(self) -> None:
        """Japanese and Korean pages under the names that Windows' programs wrote; 뷁 is Windows' alone."""
        for encoding, declared, words in (
            ("cp932", "x-sjis", "港は古い橋①"),
            ("cp932", "Windows-31J", "港は古い橋①"),
            ("euc_jp", "x-euc-jp", "港は古い橋"),
            ("cp949", "ks_c_5601-1987", "오래된 다리 뷁"),
            ("cp949", "windows-949", "오래된 다리 뷁"),
            ("cp1251", "x-cp1251", "старый мост"),
            ("iso8859-8", "iso-8859-8-i", "גשר ישן"),
        ):
            parsed = read(f'<meta charset="{declared}"><p>{words}'.encode(encoding))
            assert parsed.text == f"{words}\n", declared
            assert parsed.notes == (), declared

    def test_a_name_that_nobody_knows_is_said(self) -> None:
        assert decode_declared("Köln".encode("cp1252"), "x-nowhere") == (
            "Köln", "the encoding it declares, 'x-nowhere', is not known; read as Windows-1252"
        )  # fmt: skip

    def test_no_declaration_and_not_utf8(self) -> None:
        assert decode_declared("Köln".encode("cp1252"), None) == (
            "Köln", "no encoding is declared; read as Windows-1252"
        )  # fmt: skip

    def test_binary(self) -> None:
        with pytest.raises(FileError, match="not text"):
            read(bytes(range(4)) * 500)


class TestArchives:
    def archive(self, page: bytes, encoding: str = "quoted-printable") -> bytes:
        import base64
        import quopri

        body = quopri.encodestring(page) if encoding == "quoted-printable" else base64.encodebytes(page)
        return (
            b"From: <Saved by Blink>\r\nSnapshot-Content-Location: https://www.harbour.example/story\r\n"
            b'Subject: Bridge\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="----B"\r\n\r\n'
            b"------B\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n"
            b"Content-Location: https://www.harbour.example/story\r\n\r\n" + body + b"\r\n------B\r\n"
            b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n------B--\r\n"
        )

    @pytest.mark.parametrize("encoding", ["quoted-printable", "base64"])
    def test_the_page_in_it(self, encoding: str) -> None:
        parsed = parse_archive(self.archive(PAGE.encode(), encoding), ParseOptions())
        assert parsed.text == read(PAGE).text
        assert parsed.title == "Bridge reopens after repairs"

    def test_the_site_is_where_it_was_saved(self) -> None:
        parsed = parse_archive(self.archive(f"<p>{LONG}".encode()), ParseOptions())
        assert parsed.source == "harbour.example"

    def test_no_page_in_it(self) -> None:
        with pytest.raises(FileError, match="no web page in it"):
            parse_archive(b"Subject: x\r\n\r\nwords", ParseOptions())
