from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.engine.checksums import Checksums
from dataprep.engine.task_workspace import Scratch
from dataprep.image_text.write_windows import Item, WindowSpec, write
from dataprep.mds import read
from dataprep.mds.read import fixed_column
from dataprep.provenance import row_parts
from dataprep.tokens.tokenizer import TokenizerSpec


class Numbered(NamedTuple):
    """An image: `number`, as often as it has bytes."""

    number: int
    size: int

    @property
    def data(self) -> bytes:
        return bytes([self.number]) * self.size


def items_of(lengths: list[int], spec: WindowSpec) -> list[Item[Numbered]]:
    """Items whose ids name them, each with one image (its own number)."""
    return [
        Item(
            f"row {n}",
            np.full(length, 3 + n % 200, spec.dtype),
            {"visual": 1, "text": length - 1},
            [Numbered(n, 1)],
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

    def image(one: Numbered) -> bytes:
        read.append(one.number)
        return one.data

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


@given(lengths=st.lists(st.integers(2, 32), min_size=1, max_size=40), buffer=st.integers(1, 12), draw=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_stands_whole_in_one_window_with_its_mask_and_images(
    tokenizer: TokenizerSpec, tmp_path: Path, lengths: list[int], buffer: int, draw: st.DataObject
) -> None:
    spec = WindowSpec(32, tokenizer.identity, tokenizer.dtype, True, 700, buffer)
    bits = np.random.default_rng(draw.draw(st.integers(0, 99)))
    items = [
        Item(
            f"{n}",
            np.append(bits.integers(3, 200, length - 1), spec.tokenizer.end_of_text_id).astype(spec.dtype),
            {"text": length},
            [Numbered(one, one + 1) for one in range(n % 3)],
            bits.integers(0, 2, length).astype(np.uint8),
        )
        for n, length in enumerate(lengths)
    ]
    out = tmp_path / "out"
    receipt = write(items, lambda image: image.data, spec, Scratch(str(out), tmp_path), 0)
    samples = [
        read.decode(spec.layout, sample)
        for shard in receipt["shards"]
        for sample in read.samples((out / shard["name"]).read_bytes(), shard["entry"]["samples"])
    ]
    rows = row_parts.read_part(Checksums(str(out)), 0).to_pylist()
    assert sorted(int(row["row"]) for row in rows) == list(range(len(items)))
    used, pictures = [0] * len(samples), [b""] * len(samples)
    for row in rows:
        item, sample, at = items[int(row["row"])], row["sample"], row["start"]
        assert at == used[sample]  # rows follow each other without gaps
        here = slice(at, at + len(item.ids))
        assert np.array_equal(samples[sample]["tokens"][here], item.ids)
        assert np.array_equal(samples[sample]["loss_mask"][here], item.mask)
        used[sample] += len(item.ids)
        pictures[sample] += b"".join(image.data for image in item.images)
    for sample, end, images in zip(samples, used, pictures, strict=True):
        assert (sample["tokens"][end:] == spec.tokenizer.pad_id).all()
        assert not sample["loss_mask"][end:].any()
        assert sample["images"] == images
        assert sample["image_lengths"].sum() == len(images)
    assert receipt["counts"]["pad"] == sum(32 - end for end in used)
    assert receipt["counts"]["text"] == sum(lengths)


def test_an_image_that_changed_since_it_was_judged_is_not_taken(tokenizer: TokenizerSpec, tmp_path: Path) -> None:
    spec = WindowSpec(32, tokenizer.identity, tokenizer.dtype, False, 700, 8)
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"an image of row 0 had 1 bytes when it was judged and has 3 now"):
        write(items_of([5], spec), lambda _: b"new", spec, Scratch(str(out), tmp_path), 0)
    assert not out.exists(), "nothing was published"
