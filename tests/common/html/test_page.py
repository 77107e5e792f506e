"""The page is self-contained and hostile text stays text."""

from html.parser import HTMLParser

from common.html import page


class Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_text_is_escaped_and_nothing_is_fetched() -> None:
    html = page.page("<t>", [page.heading("a & b"), page.table(["h"], [["<script>alert(1)</script>"]])])
    parsed = Collector()
    parsed.feed(html)
    assert "script" not in parsed.tags
    assert not parsed.links
    assert "a &amp; b" in html


def test_a_bad_verdict_looks_different() -> None:
    assert page.verdict("x", True) != page.verdict("x", False)


def test_a_passage_shows_foreign_text_without_control_characters() -> None:
    shown = page.passage("<script>\n\ta\x00b\x1b[31m")
    assert shown == '<pre class="passage">&lt;script&gt;\n\ta\ufffdb\ufffd[31m</pre>'


def test_a_gallery_shows_pictures_and_text_and_no_markup_of_others() -> None:
    shown = page.gallery([("data:image/jpeg;base64,AAAA", "a <b>"), ('x" onerror="y', "")])
    assert shown.count("<figure>") == 2
    assert 'src="data:image/jpeg;base64,AAAA"' in shown
    assert "a &lt;b&gt;" in shown
    assert 'onerror="' not in shown


def test_links_are_escaped() -> None:
    shown = page.links([("data/a b.html", "a <b>"), ('x" onclick="y', "z")])
    assert '<a href="data/a b.html">a &lt;b&gt;</a> · <a href="x&quot; onclick=&quot;y">z</a>' in shown


def test_only_a_page_that_goes_on_is_loaded_again() -> None:
    assert "http-equiv" not in page.page("t", [])
    assert '<meta http-equiv="refresh" content="7">' in page.page("t", [], refresh=7)
