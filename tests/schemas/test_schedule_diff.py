"""Where two schedules part: what is written differently, what is drawn differently."""

from typing import Any

import numpy as np
import pytest

from schemas.order.learning_rate import Piece
from schemas.order.mixing import SHARE_UNIT
from schemas.schedule import Schedule
from schemas.schedule_diff import compare, shared_prefix
from tests.schemas.test_schedule import schedule, source


def run(share: int = 150_000_000, shape: Any = "linear") -> Schedule:
    sources = [source("text", [5000]), source("pairs", [1000])]
    phases = [
        {"length": 8000, "shares": [SHARE_UNIT, 0]},
        {"length": 2000, "shares": [SHARE_UNIT - share, share]},
    ]
    rate = [
        Piece(start=0, shape="constant", first=1, last=1, over=8000),
        Piece(start=8000, shape=shape, first=1, last=0, over=2000),
    ]
    return schedule(sources, phases, learning_rate=rate)


def test_finds_another_learning_rate() -> None:
    a, b = run(), run(shape="cosine")
    parting = compare(a, b)
    assert (parting.written, parting.sample) == (8000, None)
    assert parting.rate is not None
    assert a.lr(parting.rate) != b.lr(parting.rate)


@pytest.mark.parametrize("share", [151_000_000, 300_000_000, 0])
def test_the_first_other_sample_is_the_first(share: int) -> None:
    a, b = run(), run(share)
    parting = compare(a, b)
    assert parting.written == shared_prefix(a, b) == 8000
    ours, theirs = a.samples(0, 10_000), b.samples(0, 10_000)
    assert parting.sample == np.flatnonzero((ours[0] != theirs[0]) | (ours[1] != theirs[1]))[0]


def test_a_run_and_its_beginning() -> None:
    assert compare(run(), run()).written is None
    parting = compare(run(), run().cut(5000))
    assert (parting.written, parting.sample, parting.rate) == (5000, None, None)


def test_sources_are_the_same_by_what_they_hold_not_by_their_place() -> None:
    a = run()
    phases = [phase.model_copy(update={"shares": phase.shares[::-1]}) for phase in a.phases]
    assert compare(a, a.model_copy(update={"sources": a.sources[::-1], "phases": phases})).sample is None


def test_one_dataset_under_two_names_is_not_another_sample() -> None:
    a = run()
    twin = a.sources[0].model_copy(update={"name": "again"})
    both = a.model_copy(update={"sources": [twin, a.sources[0].model_copy(), a.sources[1]]})
    shares = [{"shares": [0, *phase.shares]} for phase in a.phases]
    both = both.model_copy(update={"phases": [p.model_copy(update=s) for p, s in zip(a.phases, shares, strict=True)]})
    late = [both.learning_rate[0], both.learning_rate[1].model_copy(update={"shape": "cosine"})]
    parting = compare(both, both.model_copy(update={"learning_rate": late}))
    assert parting.sample is None
    assert parting.rate is not None
