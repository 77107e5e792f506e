"""Property tests of the run's arithmetic over random curricula: exact at every prefix, whatever the phases."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.order.mixing import SHARE_UNIT
from schemas.order.timeline import Segment, Timeline


def billionths(weights: list[int]) -> list[int]:
    """Shares in billionths from positive weights; the largest takes what rounding leaves."""
    shares = [weight * SHARE_UNIT // sum(weights) for weight in weights]
    shares[int(np.argmax(shares))] += SHARE_UNIT - sum(shares)
    return shares


@st.composite
def curricula(draw: st.DrawFn, max_sources: int = 12, max_length: int = 3000) -> tuple[list[Segment], int]:
    sources = draw(st.integers(1, max_sources))
    weight = st.one_of(st.just(0), st.integers(1, 10_000))
    mixes = st.lists(weight, min_size=sources, max_size=sources).filter(any).map(billionths)
    segments, start = [], 0
    for _ in range(draw(st.integers(1, 6))):
        stop = start + draw(st.integers(1, max_length))
        ramp = draw(st.sampled_from([None, "linear", "cosine"]))
        shares, shares_to = draw(mixes), draw(mixes) if ramp else None
        segments.append(Segment(start, stop, shares, shares_to, ramp))
        start = stop
    return segments, sources


def draws(timeline: Timeline, start: int, stop: int, sources: int) -> tuple[np.ndarray, np.ndarray]:
    """Source of each position in [start, stop), and how many of that source came before it in the run."""
    ids = timeline.sources(start, stop)
    before = timeline.counts(start)
    ordinals = np.empty(stop - start, np.int64)
    for source in range(sources):
        here = np.flatnonzero(ids == source)
        ordinals[here] = np.arange(before[source], before[source] + len(here))
    return ids, ordinals


def brute_counts(ids: np.ndarray, sources: int) -> np.ndarray:
    """Counts before every position, by counting."""
    return np.concatenate([np.zeros((1, sources), np.int64), np.cumsum(ids[:, None] == np.arange(sources), axis=0)])


@settings(max_examples=60, deadline=None)
@given(curricula())
def test_every_prefix_is_within_the_stated_bound(case: tuple[list[Segment], int]) -> None:
    segments, sources = case
    timeline = Timeline(segments, sources)
    total = segments[-1].stop
    ids, ordinals = draws(timeline, 0, total, sources)
    counts = brute_counts(ids, sources)
    bound = timeline.error_bound()
    for position in {*np.linspace(0, total, 50, dtype=int).tolist(), *(s.start for s in segments), total}:
        assert timeline.counts(position) == counts[position].tolist()
        due = timeline.integrals(position)
        assert sum(due) == position
        assert all(abs(int(c) - d) <= bound for c, d in zip(counts[position], due, strict=True))
    for source in range(sources):
        assert ordinals[ids == source].tolist() == list(range(int(counts[-1, source])))
    for segment in segments:
        shares_to = segment.shares_to or segment.shares
        for source in set(ids[segment.start : segment.stop].tolist()):
            assert segment.shares[source] or shares_to[source], "a source was drawn where its share is zero"


@settings(max_examples=60, deadline=None)
@given(curricula(max_sources=2))
def test_two_sources_are_within_half_a_sample_at_every_single_prefix(case: tuple[list[Segment], int]) -> None:
    segments, sources = case
    timeline = Timeline(segments, sources)
    total = min(segments[-1].stop, 2000)
    counts = brute_counts(timeline.sources(0, total), sources)
    for position in range(total + 1):
        for count, due in zip(counts[position], timeline.integrals(position), strict=True):
            assert abs(int(count) - due) <= Fraction(1, 2) + Fraction(6, SHARE_UNIT)


@settings(max_examples=40, deadline=None)
@given(curricula(), st.data())
def test_any_range_equals_the_same_part_of_the_whole(case: tuple[list[Segment], int], data: st.DataObject) -> None:
    segments, sources = case
    timeline = Timeline(segments, sources)
    total = segments[-1].stop
    start = data.draw(st.integers(0, total))
    stop = data.draw(st.integers(start, total))
    whole_ids, whole_ordinals = draws(timeline, 0, total, sources)
    ids, ordinals = draws(timeline, start, stop, sources)
    assert np.array_equal(ids, whole_ids[start:stop])
    assert np.array_equal(ordinals, whole_ordinals[start:stop])


@settings(max_examples=40, deadline=None)
@given(curricula(), st.data())
def test_the_past_does_not_depend_on_the_future(case: tuple[list[Segment], int], data: st.DataObject) -> None:
    segments, sources = case
    constant = [s for s in segments if s.ramp is None]
    if not constant:
        return
    cut_in = data.draw(st.sampled_from(constant))
    cut = data.draw(st.integers(cut_in.start + 1, cut_in.stop))
    before = [s for s in segments if s.start < cut_in.start]
    shares = billionths([1] * sources)
    other = [*before, Segment(cut_in.start, cut, cut_in.shares), Segment(cut, cut + 500, shares)]
    ids = Timeline(segments, sources).sources(0, cut)
    again = Timeline(other, sources).sources(0, cut)
    assert np.array_equal(ids, again)


def in_pieces(segments: list[Segment], data: st.DataObject) -> list[Segment]:
    """The same curriculum, its constant phases cut in two at drawn places."""
    pieces: list[Segment] = []
    for segment in segments:
        middle = data.draw(st.integers(segment.start, segment.stop))
        if segment.ramp or middle in (segment.start, segment.stop):
            pieces.append(segment)
        else:
            pieces.append(Segment(segment.start, middle, segment.shares))
            pieces.append(Segment(middle, segment.stop, segment.shares))
    return pieces


@settings(max_examples=40, deadline=None)
@given(curricula(max_length=500), st.data())
def test_a_phase_cut_in_two_draws_what_it_drew_whole(case: tuple[list[Segment], int], data: st.DataObject) -> None:
    segments, sources = case
    pieces = in_pieces(segments, data)
    total = segments[-1].stop
    whole, cut = (Timeline(one, sources).sources(0, total) for one in (segments, pieces))
    assert np.array_equal(whole, cut)


def test_positions_far_out_cost_no_more_and_stay_exact() -> None:
    far = 2_000_000_000_000
    shares = billionths([9998, 1, 1])
    timeline = Timeline([Segment(0, far, shares), Segment(far, 2 * far, shares, billionths([1, 1, 1]), "cosine")], 3)
    for position in (far // 3, far - 1, far, far + far // 7, 2 * far):
        counts, due = timeline.counts(position), timeline.integrals(position)
        assert sum(counts) == position
        assert all(abs(c - d) <= timeline.error_bound() for c, d in zip(counts, due, strict=True))
    ids, ordinals = draws(timeline, far - 1000, far + 1000, 3)
    assert ordinals[ids == 1].tolist() == list(range(timeline.counts(far - 1000)[1], timeline.counts(far + 1000)[1]))
