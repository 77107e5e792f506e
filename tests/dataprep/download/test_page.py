from __future__ import annotations

from typing import Any

from dataprep.download.config import DownloadJob
from dataprep.download.contact_sheet import Thumbnail
from dataprep.download.page import html

REPORT: dict[str, Any] = {
    "plan": "0123",
    "rounds": 2,
    "input_rows": {"read": 12, "rejected": {"bad_row": 2}},
    "uids": {"read": 10, "success": 7, "failed": {"timeout": 2, "http_gone": 1}, "may_pass": 2, "unaccounted": 0},
    "hashes": {"match": 5, "mismatch": 2},
    "kinds": {"jpg": 7},
    "shorter_side": {">=4096": 1, "<64": 6},
    "kilobytes": {"32-63": 7},
    "turned_upright": 1,
    "image_bytes": 300_000,
    "hosts": {"<script>alert(1)</script>": {"success": 7, "timeout": 2}, "": {"http_gone": 1}},
}


def page(**job: Any) -> str:
    settings = DownloadJob.model_validate({"metadata": "m.parquet", "out": "o", **job})
    return html(settings, REPORT, [Thumbnail("data:image/jpeg;base64,AAAA", '"><script>x</script>', "a.example")])


def test_the_page_says_what_became_of_every_uid() -> None:
    text = page()
    for part in (
        "7 images of 10 URLs (70.0%)",
        "unaccounted: 0",
        "2 rounds",
        "20.0%",
        "may pass",
        "(others)",
        "bad_row",
    ):
        assert part in text, part
    assert text.index("&lt;64") < text.index("&gt;=4096")
    assert "not refused" not in text
    assert "not refused: 127.0.0.1" in page(allow_addresses=["127.0.0.1"])


def test_what_strangers_chose_is_text() -> None:
    assert "<script" not in page()
