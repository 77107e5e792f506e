"""Tests of what a finished run says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from dataprep.image_text.run import Outcome, summary
from schemas.manifest import InputFile, Manifest, Rows, ShardReceipt, TokenCounts
from tests.helpers.synthetic import TOKENIZER


def manifest(**more: Any) -> Manifest:
    given: dict[str, Any] = {
        "samples": 2,
        "tokens": TokenCounts(text=3, visual=8, caption=4, pad=1),
        "rows": Rows(read=5, written=2, rejected={"held_out": 1, "missing_image": 2}),
        "shards": [ShardReceipt(name="shard.00000.mds", samples=2, bytes=64, digest="0" * 16)],
        **more,
    }
    about = {"kind": "pairs", "plan": "p", "seed": 0, "seq_len": 8, "tokenizer": TOKENIZER, "images": 2}
    return Manifest(**about, inputs=[InputFile(path="0.tar", bytes=1, digest="d")], **given)


@pytest.mark.parametrize("resumed", ["new", "finished"])
def test_a_summary_accounts_for_every_row_and_id(resumed: Any) -> None:
    said = summary(Outcome(manifest(warnings=["w"]), resumed), "data/pairs").splitlines()
    begins = "already finished; " if resumed == "finished" else ""
    assert said == [
        f"{begins}data/pairs: 2 windows, 2 images in 1 shards",
        "ids: text 3, visual 8, caption 4, padding 1 (6.25%)",
        "rows: 5 read, 2 written, rejected: held_out 1, missing_image 2; unaccounted: 0",
        "held out: 1 rows in data/pairs/held_out",
        "warning: w",
    ]


def test_without_rejects_and_ids_it_says_so_too() -> None:
    empty = {"samples": 0, "tokens": TokenCounts(), "shards": [], "rows": Rows(read=2, written=2)}
    said = summary(Outcome(manifest(**empty), "new"), "data/pairs").splitlines()
    assert said[1:] == [
        "ids: text 0, visual 0, caption 0, padding 0 (0.00%)",
        "rows: 2 read, 2 written, rejected: none; unaccounted: 0",
    ]
