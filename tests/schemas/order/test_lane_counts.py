"""Lanes of draws: counted in closed form as by counting, and equal to the slices of a step where that is claimed."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.order.lane_counts import LaneCounts
from schemas.order.mixing import SHARE_UNIT
from schemas.order.timeline import Segment, Timeline
from tests.schemas.order.test_timeline import billionths, curricula, in_pieces


def lane_counts(timeline: Timeline, source: int, total: int, batch: int, lanes: int) -> LaneCounts:
    return LaneCounts(timeline.stretches(source), timeline.counts(total)[source], batch, lanes)


@settings(max_examples=60, deadline=None)
@given(curricula(max_sources=5, max_length=600), st.integers(1, 8), st.integers(1, 12), st.data())
def test_closed_forms_equal_counting(
    case: tuple[list[Segment], int], lanes: int, width: int, data: st.DataObject
) -> None:
    segments, sources = case
    timeline, total = Timeline(segments, sources), segments[-1].stop
    source = data.draw(st.integers(0, sources - 1))
    drawn = timeline.counts(total)[source]
    if not drawn:
        return
    counts = lane_counts(timeline, source, total, lanes * width, lanes)
    of = counts.lanes_of(0, drawn)
    table = np.concatenate([np.zeros((1, lanes), np.int64), np.cumsum(of[:, None] == np.arange(lanes), axis=0)])
    for ordinal in {0, drawn, *data.draw(st.lists(st.integers(0, drawn), max_size=12))}:
        assert counts.before(ordinal).tolist() == table[ordinal].tolist()
        lane = data.draw(st.integers(0, lanes - 1))
        assert counts.before_in(ordinal, lane) == table[ordinal][lane]
        if ordinal < drawn:
            assert counts.lane(ordinal) == of[ordinal]
            assert counts.lanes_of(ordinal, drawn).tolist() == of[ordinal:].tolist()


@settings(max_examples=60, deadline=None)
@example([(126, 670), (506, 180), (1, 501)], 2, 1)
@given(
    st.lists(st.tuples(st.integers(1, 700), st.integers(0, 1000)), min_size=1, max_size=5),
    st.integers(1, 8),
    st.integers(1, 12),
)
def test_with_two_sources_a_lane_is_exactly_a_slice_of_every_step(
    phases: list[tuple[int, int]], lanes: int, width: int
) -> None:
    segments, start = [], 0
    for length, weight in phases:
        segments.append(Segment(start, start + length, billionths([weight, 1000 - weight])))
        start += length
    timeline = Timeline(segments, 2)
    ids = timeline.sources(0, start)
    for source in range(2):
        places = np.flatnonzero(ids == source)
        for stretch in timeline.stretches(source):
            due = stretch.line is not None and stretch.line.before(0) == 1
            if due and stretch.first < len(places) and places[stretch.first] == stretch.start:
                places[stretch.first] -= 1  # was due by half before its phase began
        if len(places):
            of = lane_counts(timeline, source, start, lanes * width, lanes).lanes_of(0, len(places))
            assert of.tolist() == (places % (lanes * width) // width).tolist()


@settings(max_examples=40, deadline=None)
@given(curricula(max_sources=5, max_length=400), st.data())
def test_a_phase_cut_in_two_has_the_same_lanes(case: tuple[list[Segment], int], data: st.DataObject) -> None:
    segments, sources = case
    total = segments[-1].stop
    whole, cut = Timeline(segments, sources), Timeline(in_pieces(segments, data), sources)
    for source, drawn in enumerate(whole.counts(total)):
        if drawn:
            one, other = (lane_counts(timeline, source, total, 24, 4) for timeline in (whole, cut))
            assert one.lanes_of(0, drawn).tolist() == other.lanes_of(0, drawn).tolist()


@pytest.mark.parametrize("batch", [64, 8192])
def test_far_out_it_is_exact(batch: int) -> None:
    """2**31 steps and more, where sums no longer fit 64 bits, agree with their neighbourhood."""
    far = 10**12
    timeline = Timeline([Segment(0, far, [SHARE_UNIT * 9 // 10, SHARE_UNIT // 10])], 2)
    counts = lane_counts(timeline, 1, far, batch, 8)
    late = counts.total - 1000
    near = np.bincount(counts.lanes_of(late, counts.total), minlength=8)
    assert (counts.before(counts.total) - counts.before(late)).tolist() == near.tolist()
    assert counts.before(late).sum() == late
    assert [counts.before_in(late, lane) for lane in range(8)] == counts.before(late).tolist()
    assert abs(Fraction(int(counts.before(late)[0]), late) - Fraction(1, 8)) < Fraction(1, 1000)
