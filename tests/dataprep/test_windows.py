from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataprep.mds.read import fixed_column
from dataprep.tasks import Scratch
from dataprep.tokenizer import TokenizerSpec
from dataprep.windows import Item, WindowSpec, write


def items_of(lengths: list[int], spec: WindowSpec) -> list[Item[int]]:
    """Items whose ids name them, each with one image (its own number)."""
    return [
        Item(
            f"row {n}",
            np.full(length, 3 + n % 200, spec.dtype),
            {"visual": 1, "text": length - 1},
            [n],
            np.ones(length, np.uint8) if spec.masked else None,
        )
        for n, length in enumerate(lengths)
    ]


@pytest.mark.parametrize("masked", [False, True])
@given(lengths=st.lists(st.integers(1, 32), max_size=40), shard_bytes=st.integers(100, 5000))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_receipts_and_shards_agree(
    tokenizer: TokenizerSpec, tmp_path: Path, masked: bool, lengths: list[int], shard_bytes: int
) -> None:
    spec = WindowSpec(32, tokenizer.identity, tokenizer.dtype, masked, shard_bytes, 8)
    read: list[int] = []

    def image(number: int) -> bytes:
        read.append(number)
        return bytes([number])

    receipt = write(items_of(lengths, spec), image, spec, Scratch(str(tmp_path / "out"), tmp_path), 7)
    assert sorted(read) == list(range(len(lengths)))
    assert sum(receipt["counts"].values()) == receipt["tokens"] == 32 * receipt["samples"]
    found, borne = 0, 0
    for number, shard in enumerate(receipt["shards"]):
        assert shard["name"] == f"shard.{7000 + number:05}.mds"
        raw = (tmp_path / "out" / shard["name"]).read_bytes()
        found += sum(int((ids != spec.tokenizer.pad_id).sum()) for ids in fixed_column(raw, shard["entry"], "tokens"))
        if masked:
            borne += sum(int(mask.sum()) for mask in fixed_column(raw, shard["entry"], "loss_mask"))
    assert found == sum(lengths)
    assert borne == (sum(lengths) if masked else 0)
