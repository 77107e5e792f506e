"""The page of an image dataset: every row has a place, strangers' text is escaped, equal receipts give equal bytes."""

from __future__ import annotations

from typing import Any

import pytest

from dataprep.image_text.report import report
from schemas.manifest import InputFile, Manifest, Rows, ShardReceipt, TokenCounts, TokenizerIdentity

RECEIPTS: list[dict[str, Any]] = [
    {"lengths": {"3": 4, "9": 1}, "items_in_window": {"2": 2}, "captions": {"web": 4}},
    {"lengths": {"3": 1}, "items_in_window": {"1": 1}, "captions": {"synthetic": 1}},
]


def manifest(inputs: int = 1) -> Manifest:
    return Manifest(
        kind="pairs",
        plan="0123",
        seed=0,
        seq_len=32,
        samples=3,
        tokens=TokenCounts(text=60, pad=36),
        tokenizer=TokenizerIdentity(digest="t", vocabulary_size=60, end_of_text_id=0, pad_id=1, image_id=60),
        geometry=None,
        rows=Rows(read=8, written=5, rejected={"truncated": 2, "banned": 1}),
        inputs=[InputFile(path=f"<b>{n}.tar", bytes=1000, digest="d") for n in range(inputs)],
        shards=[ShardReceipt(name="shard.00000.mds", samples=3, bytes=9, digest="d")],
        warnings=["<script>x</script>"],
    )


def test_every_row_has_a_place() -> None:
    page = report(manifest(), RECEIPTS)
    for part in ("8 rows read: 5 written, 3 rejected", "37.50% padding", "truncated", "25.00%", "synthetic", "80.00%"):
        assert part in page, part
    assert "<script>x" not in page
    assert "<b>0.tar" not in page
    assert report(manifest(), RECEIPTS) == page


@pytest.mark.parametrize(("inputs", "more"), [(20, ""), (23, "and 3 more, listed in manifest.json")])
def test_inputs_that_are_not_shown_are_counted(inputs: int, more: str) -> None:
    assert ("more, listed" in report(manifest(inputs), [])) == bool(more)
    assert more in report(manifest(inputs), [])
