"""The digest is the schedule's whoever adds it up, and an audit finds what does not fit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.run_log import Step
from tests.helpers import synthetic
from train.audit import sample_digest
from train.audit.run_audit import of_checkpoint, of_log


@pytest.fixture(scope="module")
def schedule(tmp_path_factory):
    return synthetic.schedule(tmp_path_factory.mktemp("data"))


def drawn(schedule, positions) -> int:
    found = [schedule.sample(int(position)) for position in positions]
    sources, samples = (np.array(column, np.int64) for column in zip(*found, strict=True))
    return sample_digest.total(
        sample_digest.row_digests(sample_digest.source_keys(schedule), np.array(positions), sources, samples)
    )


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 119), max_size=5, unique=True), seed=st.integers(0, 9))
def test_any_cutting_and_order_gives_the_schedules_digest(schedule, cuts, seed):
    edges = [0, *sorted(cuts), 120]
    mixed = np.random.default_rng(seed).permutation
    parts = [drawn(schedule, mixed(np.arange(low, high))) for low, high in pairwise(edges)]
    assert sum(parts) % sample_digest.MODULUS == sample_digest.due(schedule, 0, 120)


def test_lost_repeated_and_swapped_samples_show(schedule):
    keys, positions = sample_digest.source_keys(schedule), np.arange(40, 60)
    sources, samples = (column.astype(np.int64) for column in schedule.samples(40, 60))
    right = sample_digest.total(sample_digest.row_digests(keys, positions, sources, samples))
    assert right == sample_digest.due(schedule, 40, 60)
    for wrong in (np.r_[0, np.arange(19)], np.r_[1, 0, np.arange(2, 20)], np.arange(19)):
        assert right != sample_digest.total(
            sample_digest.row_digests(keys, positions[: len(wrong)], sources[wrong], samples[wrong])
        )


def test_digest_does_not_depend_on_the_order_of_sources(schedule):
    turned = schedule.model_copy(
        update={
            "sources": schedule.sources[::-1],
            "phases": [phase.model_copy(update={"shares": phase.shares[::-1]}) for phase in schedule.phases],
        }
    )
    assert sample_digest.due(turned, 0, 48) == sample_digest.due(schedule, 0, 48)


def test_a_checkpoint_is_proven_or_the_difference_named(schedule):
    position, past, counts = 80, schedule.prefix_hash(80), schedule.counts(80)
    right = sample_digest.text(sample_digest.due(schedule, 0, 80))
    assert of_checkpoint(schedule, position, past, counts, right).fault is None
    assert of_checkpoint(schedule, position, past, counts, "").digest is None
    assert "other samples" in of_checkpoint(schedule, position, past, counts, f"{1:016x}").fault
    assert "it counted" in of_checkpoint(schedule, position, past, {**counts, "text": 1}, right).fault
    assert "its past" in of_checkpoint(schedule, position, "other", counts, right).fault
    assert "the schedule ends" in of_checkpoint(schedule, 121, past, counts, right).fault


def log_of(schedule, start: int, batch: int, first: int = 1) -> list[Step]:
    fixed = {"phase": "", "loss": 1.0, "loss_by_source": {}, "images": 0, "real_tokens": 1, "gradient_norm": 1.0}
    steps = []
    for number, low in enumerate(range(start, 120, batch), first):
        high = min(low + batch, 120)
        steps.append(
            Step(
                step=number,
                position=high,
                tokens=high * 32,
                lr=schedule.lr(low),
                samples=schedule.counts(high),
                digest=sample_digest.text(sample_digest.due(schedule, low, high)),
                seconds=1,
                tokens_per_second=1,
                **fixed,
            )
        )
    return steps


def test_a_log_is_proven_step_by_step(schedule):
    steps = log_of(schedule, 0, 8)
    finding = of_log(schedule, steps)
    assert (finding.fault, finding.steps, finding.position) == (None, 15, 120)
    assert finding.digest == sample_digest.text(sample_digest.due(schedule, 0, 120))
    assert of_log(schedule, log_of(schedule, 48, 12, first=7)).fault is None  # a branch's log
    changes = [
        ({"digest": f"{7:016x}"}, "it read other samples than the schedule's 24 to 32"),
        ({"lr": 0.5}, "its learning rate was 0.5"),
        ({"samples": {"text": 31}}, "it had counted"),
        ({"step": 5}, "it follows step 3"),
        ({"position": 20}, "it ends at sample 20"),
    ]
    for change, message in changes:
        broken = [*steps[:3], steps[3].model_copy(update=change), *steps[4:]]
        assert message in of_log(schedule, broken).fault
    assert of_log(schedule, [*steps[:5], *steps[6:]]).fault.startswith("step 7: it follows step 5")
