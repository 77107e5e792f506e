"""Tests of a step's facts: sums by source over micro-batches, counts since the run's start, and the samples' digest."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.audit import sample_digest
from train.callbacks.step_facts import StepRecord
from train.loader.rows.batch import IGNORED, Batch, make_batch, split_batch

NO_LOGGER: Any = None


def rows(schedule: Schedule, start: int, stop: int) -> Batch:
    """The schedule's rows, of four ids each: r % 4 of the r-th bear loss, one more is real; it has r % 2 images."""
    sources, samples = schedule.samples(start, stop)
    count = stop - start
    labels = torch.full((count, 4), IGNORED)
    for row in range(count):
        labels[row, : row % 4] = 7
    images = torch.arange(count) % 2
    return make_batch(
        input_ids=torch.zeros(count, 4, dtype=torch.int64),
        labels=labels,
        pixels=torch.zeros(int(images.sum()), 3, 2, 2, dtype=torch.uint8),
        images_per_row=images,
        sources=torch.from_numpy(sources.astype("int64")),
        samples=torch.from_numpy(samples.astype("int64")),
        positions=torch.arange(start, stop),
        real_tokens=torch.arange(count) % 4 + 1,
    )


def take(record: StepRecord, batch: Batch, start: int, *, microbatch: int = 3, loss: float = 0.5) -> None:
    """Hands a step to `record` as the trainer does; each token's loss is `loss`."""
    state: Any = SimpleNamespace(timestamp=SimpleNamespace(sample=start), batch=batch)
    state.device = SimpleNamespace(tensor_to_device=lambda tensor: tensor)
    record.batch_start(state, NO_LOGGER)
    for part in split_batch(batch, microbatch):
        state.batch, state.outputs = part, SimpleNamespace(nll=torch.full((len(part["loss_targets"]),), loss))
        record.after_loss(state, NO_LOGGER)
    record.after_train_batch(state, NO_LOGGER)


@pytest.mark.parametrize("microbatch", [1, 3, 8])
def test_sums_are_by_source_and_the_same_for_any_micro_batch(tmp_path: Path, microbatch: int) -> None:
    schedule = synthetic.schedule(tmp_path)
    record, batch = StepRecord(schedule), rows(schedule, 48, 56)
    take(record, batch, 48, microbatch=microbatch)
    of = [(batch["sources"] == source) for source in range(3)]
    bears = (batch["labels"] != IGNORED).sum(1)
    assert record.samples == [int(mask.sum()) for mask in of]
    assert record.samples[0] > 0 < record.samples[1]
    assert record.tokens == [int(batch["real_tokens"][mask].sum()) for mask in of]
    assert record.loss_tokens == [int(bears[mask].sum()) for mask in of]
    assert record.loss_sums == pytest.approx([0.5 * count for count in record.loss_tokens])
    assert (record.start, record.stop, record.images) == (48, 56, 4)
    assert (record.real_tokens, record.loss) == (20, pytest.approx(0.5))


def test_counts_and_digest_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    schedule = synthetic.schedule(tmp_path)
    before = sample_digest.text(sample_digest.due(schedule, 0, 48))
    record = StepRecord(schedule, schedule.counts(48), before)
    for start in (48, 56):
        take(record, rows(schedule, start, start + 8), start)
        assert record.digest == sample_digest.due(schedule, start, start + 8), (
            "of 64 bits, exact though summed as floats"
        )
    names = [source.name for source in schedule.sources]
    assert dict(zip(names, record.seen, strict=True)) == schedule.counts(64)
    assert record.drawn == sample_digest.due(schedule, 0, 64)


def test_a_step_without_targets_has_no_loss_and_a_raised_hand_is_everybodys(tmp_path: Path) -> None:
    schedule = synthetic.schedule(tmp_path)
    record = StepRecord(schedule)
    take(record, rows(schedule, 0, 1), 0)
    assert (record.loss, record.leave, record.images) == (None, False, 0)
    record.hand = True
    take(record, rows(schedule, 1, 2), 1)
    assert record.leave
