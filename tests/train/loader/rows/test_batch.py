"""Tests of batches: a row keeps its images through every split, and Composer's counts are of what bears loss."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.loader.rows.batch import IGNORED, Batch, idle, make_batch, samples_in_batch, split_batch, tokens_in_batch


def batch(images: list[int], targets: list[int]) -> Batch:
    """Rows of six ids: the r-th has `images[r]` images, all of pixels r, and its first `targets[r]` ids bear loss."""
    rows = len(images)
    labels = torch.full((rows, 6), IGNORED)
    for row, count in enumerate(targets):
        labels[row, :count] = 10 * row + torch.arange(count)
    return make_batch(
        input_ids=torch.arange(6 * rows).reshape(rows, 6),
        labels=labels,
        pixels=torch.repeat_interleave(torch.arange(rows, dtype=torch.uint8), torch.tensor(images))[
            :, None, None, None
        ].expand(-1, 3, 2, 2),
        images_per_row=torch.tensor(images),
        sources=torch.arange(rows) % 3,
        samples=torch.arange(rows) + 100,
        positions=torch.arange(rows) + 1000,
        real_tokens=torch.tensor(targets) + 1,
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=9), st.integers(1, 10))
def test_micro_batches_are_the_rows_with_their_own_images_and_targets(rows: list[tuple[int, int]], size: int) -> None:
    whole = batch([images for images, _ in rows], [targets for _, targets in rows])
    parts = split_batch(whole, size)
    assert [samples_in_batch(part) for part in parts] == [min(size, len(rows) - at) for at in range(0, len(rows), size)]
    for key in ("input_ids", "labels", "pixels", "images_per_row", "sources", "samples", "positions", "real_tokens"):
        assert torch.equal(torch.cat([part[key] for part in parts]), whole[key]), key  # type: ignore[literal-required]
    for number, part in enumerate(parts):
        owners = torch.repeat_interleave(torch.arange(samples_in_batch(part)), part["images_per_row"]) + number * size
        assert torch.equal(part["pixels"][:, 0, 0, 0].long(), owners)
        assert torch.equal(part["labels"].flatten()[part["loss_index"]], part["loss_targets"])
        assert (part["loss_targets"] != IGNORED).all()
        assert len(part["loss_targets"]) == int((part["labels"] != IGNORED).sum())


def test_a_batch_that_fits_is_itself() -> None:
    whole = batch([1, 0], [2, 3])
    assert split_batch(whole, 2)[0] is whole


def test_tokens_are_counted_as_composer_weighs_micro_batches() -> None:
    assert tokens_in_batch(batch([1, 0], [2, 3])) == {"total": 7, "loss_generating": 5.0}
    empty = tokens_in_batch(batch([0], [0]))["loss_generating"]
    assert 0 < empty < 1e-20, "no weight beside a token, and no division by zero"


def test_an_idle_row_has_neither_images_nor_loss() -> None:
    found = idle(batch([2, 1], [6, 6]))
    assert (samples_in_batch(found), len(found["pixels"]), int(found["images_per_row"].sum())) == (1, 0, 0)
    assert len(found["loss_index"]) == 0
    assert found["input_ids"].tolist() == [[0, 1, 2, 3, 4, 5]]
    assert tokens_in_batch(found)["loss_generating"] == pytest.approx(0, abs=1e-20)
