"""Tests that the digest is the schedule's whoever adds it up, and another one for other samples."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import synthetic
from train.audit import sample_digest


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


def test_a_digest_is_the_same_in_any_chunks(schedule, monkeypatch):
    whole = sample_digest.due(schedule, 0, 120)
    monkeypatch.setattr(sample_digest, "_CHUNK", 7)
    assert sample_digest.due(schedule, 0, 120) == whole < sample_digest.MODULUS


def test_a_digest_is_sixteen_digits_and_progress_is_told_to_the_end(schedule):
    heard: list[int] = []
    found = sample_digest.due(schedule, 0, 120, heard.append)
    assert heard[-1] == 120
    assert int(sample_digest.text(found), 16) == found
    assert sample_digest.text(255) == "00000000000000ff"
