from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from pyspark.sql import SparkSession

from dataprep.text.config import TextJob
from dataprep.text.job import run
from dataprep.text.report import NAME


class Page(HTMLParser):
    """Tags, and the text of table rows and of passages."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.passages: list[str] = []
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [value for name, value in attrs if name in ("src", "href")], "nothing is fetched"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "pre"):
            self._into = self.rows[-1] if tag == "td" else self.passages
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "pre"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data


def test_the_page_tells_where_rows_went_and_shows_windows(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path
) -> None:
    (tmp_path / "in").mkdir()
    rows = [{"text": f"<script>alert({n})</script> the and thing"} for n in range(40)]
    rows[10] = rows[3]
    for number in range(2):
        lines = [*map(json.dumps, rows[number::2]), '{"text": 5}']
        (tmp_path / f"in/{number}.jsonl").write_text("\n".join(lines))
    settings = {"inputs": str(tmp_path / "in"), "tokenizer": str(tokenizer_dir), "seq_len": 64, "deduplicate": True}
    pages = []
    for out in ("a", "b"):
        manifest = run(spark, TextJob.model_validate({**settings, "out": str(tmp_path / out), "held_out": 0.1}))
        pages.append((tmp_path / out / NAME).read_bytes())
    assert pages[0] == pages[1]
    page = Page()
    page.feed(pages[0].decode())
    assert "script" not in page.tags
    assert ["text_not_a_string", "2", "4.76%", ""] in page.rows
    assert ["duplicate", "1", "2.38%", "the same text as an earlier document"] in page.rows
    ways = {row[0]: int(row[1]) for row in page.rows if len(row) == 4 and row[0] in ("written", "held_out")}
    assert ways == {"written": manifest.rows.written, "held_out": manifest.rows.rejected["held_out"]}
    assert ways["written"] + ways["held_out"] == 39
    # Rows 3 and 10 have the same text; files come in order, so line 6 of the first stays.
    assert [f"{tmp_path}/in/1.jsonl:2", f"{tmp_path}/in/0.jsonl:6 stays"] in page.rows
    assert [f"{tmp_path}/in/0.jsonl:21", "int"] in page.rows
    assert len(page.passages) == 8
    assert all("<|endoftext|>" in text for text in page.passages)
    assert "</script> the and thing<|endoftext|>" in page.passages[0]
