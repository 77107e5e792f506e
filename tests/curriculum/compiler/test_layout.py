"""Phases on the run: exact ends, exhaustion to the sample, whatever the order of events."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curriculum.compiler.layout import Draft, MisplacedError, Placed, ShortageError, Supply, lay_out, nearest
from schemas.order.mixing import SHARE_UNIT
from schemas.order.timeline import Segment, Timeline

HALF = [SHARE_UNIT // 2] * 2
FIRST = [SHARE_UNIT, 0]


def supply(name: str, samples: int, exhausted: str = "error", max_passes: int | None = None) -> Supply:
    return Supply(name, samples, exhausted, max_passes)  # type: ignore[arg-type]


def test_roundings_do_not_add_up() -> None:
    third = Draft([FIRST], length=Fraction(100, 3))
    layout = lay_out([third] * 30, [supply("a", 10**6), supply("b", 10**6)])
    stops = [one.segment.stop for one in layout.placed]
    assert stops == [nearest(Fraction(100, 3) * (i + 1)) for i in range(30)]
    assert stops[-1] == 1000


@settings(max_examples=50, deadline=None)
@given(st.integers(1, SHARE_UNIT), st.integers(1, 500), st.integers(0, 300))
def test_passes_end_with_the_last_sample(share: int, samples: int, before: int) -> None:
    mix = [SHARE_UNIT - share, share]
    if SHARE_UNIT // share * samples > 10**9:
        return
    drafts = [Draft([HALF], length=Fraction(before), may_be_empty=True), Draft([mix], draw=(1, samples))]
    many = supply("a", 10**15)
    segments = [one.segment for one in lay_out(drafts, [many, supply("b", 10**15)]).placed]
    timeline = Timeline(segments, 2)
    start, stop = segments[-1].start, segments[-1].stop
    drawn = timeline.counts(start)[1]
    assert timeline.counts(stop)[1] == drawn + samples
    assert timeline.counts(stop - 1)[1] == drawn + samples - 1


def test_reweight_hands_on_and_stop_ends() -> None:
    drafts = [Draft([HALF], length=Fraction(1000)), Draft([HALF], length=Fraction(100))]
    layout = lay_out(drafts, [supply("a", 10**6), supply("b", 300, "reweight")])
    assert [(one.draft, one.segment.stop, list(one.segment.shares)) for one in layout.placed][1:] == [
        (0, 1000, FIRST),
        (1, 1100, FIRST),
    ]
    assert Timeline([one.segment for one in layout.placed], 2).counts(1100)[1] == 300
    layout = lay_out(drafts, [supply("a", 10**6), supply("b", 300, "stop")])
    assert Timeline([layout.placed[0].segment], 2).counts(layout.placed[0].segment.stop)[1] == 300
    assert layout.dropped == [1]


def test_shortages_name_the_position() -> None:
    draft = Draft([HALF], length=Fraction(1000))
    with pytest.raises(ShortageError) as caught:
        lay_out([draft], [supply("a", 10**6), supply("b", 300)])
    assert caught.value.source == 1
    assert caught.value.wanted == 500
    assert 599 <= caught.value.position <= 601
    lay_out([draft], [supply("a", 10**6), supply("b", 250, "repeat", 2)])
    with pytest.raises(ShortageError):
        lay_out([draft], [supply("a", 10**6), supply("b", 249, "repeat", 2)])
    lay_out([draft], [supply("a", 10**6), supply("b", 3, "repeat")])
    with pytest.raises(ShortageError):  # nothing is left to go on with
        lay_out([Draft([FIRST], length=Fraction(10))], [supply("a", 5, "reweight"), supply("b", 5)])


def test_a_ramp_is_cut_where_a_source_stops() -> None:
    draft = Draft([FIRST, HALF], "linear", length=Fraction(1000))
    (placed,) = lay_out([draft], [supply("a", 10**6), supply("b", 10, "stop")]).placed
    assert placed.segment.ramp_over == 1000
    assert placed.segment.stop < 1000
    with pytest.raises(ShortageError):
        lay_out([draft], [supply("a", 10**6), supply("b", 10, "reweight")])


def test_stairs_have_equal_lengths() -> None:
    draft = Draft([FIRST, HALF, FIRST], length=Fraction(100))
    layout = lay_out([draft], [supply("a", 10**6), supply("b", 10**6)])
    assert [one.segment.stop for one in layout.placed] == [33, 67, 100]


@pytest.mark.parametrize("length", [Fraction(0), Fraction(1, 3)])
def test_empty_phases(length: Fraction) -> None:
    with pytest.raises(MisplacedError):
        lay_out([Draft([FIRST], length=length)], [supply("a", 5), supply("b", 5)])
    drafts = [Draft([FIRST], length=length, may_be_empty=True), Draft([FIRST], until=Fraction(3))]
    assert [one.draft for one in lay_out(drafts, [supply("a", 5), supply("b", 5)]).placed] == [1]


def test_overlap() -> None:
    with pytest.raises(MisplacedError):
        lay_out(
            [Draft([FIRST], length=Fraction(10)), Draft([FIRST], until=Fraction(5))], [supply("a", 99), supply("b", 9)]
        )


@st.composite
def exhausting(draw: st.DrawFn) -> tuple[list[Draft], list[Supply]]:
    """Phases of up to four sources, of which the first never runs out and some of the others do."""
    sources = draw(st.integers(2, 4))
    supplies = [supply("endless", 10**9)]
    for number in range(1, sources):
        policy = draw(st.sampled_from(["error", "repeat", "stop", "reweight"]))
        cap = draw(st.integers(1, 3)) if policy == "repeat" else None
        supplies.append(supply(f"s{number}", draw(st.integers(1, 200)), policy, cap))
    drafts = []
    for _ in range(draw(st.integers(1, 3))):
        weights = [1, *draw(st.lists(st.integers(0, 20), min_size=sources - 1, max_size=sources - 1))]
        mix = [weight * SHARE_UNIT // sum(weights) for weight in weights]
        mix[0] += SHARE_UNIT - sum(mix)
        drafts.append(Draft([mix], length=Fraction(draw(st.integers(1, 600)))))
    return drafts, supplies


@settings(max_examples=150, deadline=None)
@given(exhausting())
def test_every_policy_holds_to_the_sample(case: tuple[list[Draft], list[Supply]]) -> None:
    """Nothing is drawn beyond what may be, nothing is kept back, and each policy does what it says where it says."""
    drafts, supplies = case
    wanted = Timeline(_laid(drafts, [supply(s.name, 10**9) for s in supplies]), len(supplies))
    total = int(sum(draft.length or 0 for draft in drafts))
    short: ShortageError | None = None
    try:
        layout = lay_out(drafts, supplies)
    except ShortageError as error:
        short = error
    if short is not None:
        limit = supplies[short.source].limit
        assert supplies[short.source].exhausted in ("error", "repeat")
        assert limit is not None
        if all(one.exhausted in ("error", "repeat") for one in supplies):
            assert wanted.counts(short.position)[short.source] == limit
            assert wanted.counts(short.position + 1)[short.source] == limit + 1
            for number, one in enumerate(supplies):  # it is the first that gives out
                assert one.limit is None or wanted.counts(short.position)[number] <= one.limit
        return
    timeline = Timeline([one.segment for one in layout.placed], len(supplies))
    stop = layout.placed[-1].segment.stop
    counts = timeline.counts(stop)
    ids = timeline.sources(0, stop)
    for number, one in enumerate(supplies):
        assert one.limit is None or counts[number] <= one.limit
        if one.exhausted == "reweight":
            drained = [
                placed.segment
                for placed in layout.placed
                if _wants(drafts, placed, number) and not placed.segment.shares[number]
            ]
            if drained:
                assert counts[number] == one.samples, "its share went to others before it had given all"
                assert (ids[drained[0].start :] != number).all()
    ended = [one for number, one in enumerate(supplies) if one.exhausted == "stop" and counts[number] == one.samples]
    assert stop == total or ended, "only a source with policy stop may end the run"
    assert bool(layout.dropped) <= bool(ended)


def _laid(drafts: list[Draft], supplies: list[Supply]) -> list[Segment]:
    return [one.segment for one in lay_out(drafts, supplies).placed]


def _wants(drafts: list[Draft], placed: Placed, source: int) -> bool:
    return drafts[placed.draft].mixes[0][source] > 0


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 999))
def test_after_a_source_ran_out_the_others_keep_their_proportion(samples: int, weight: int) -> None:
    mix = [3 * 10**6 * (1000 - weight) // 10, 7 * 10**6 * (1000 - weight) // 10, 0]
    mix[2] = SHARE_UNIT - sum(mix)
    length = (samples + 2) * 1000 // weight + 500
    supplies = [supply("a", 10**9), supply("b", 10**9), supply("c", samples, "reweight")]
    layout = lay_out([Draft([mix], length=Fraction(length))], supplies)
    first, second = layout.placed
    assert second.segment.shares[2] == 0
    assert sum(second.segment.shares) == SHARE_UNIT
    assert abs(second.segment.shares[0] * 7 - second.segment.shares[1] * 3) <= 10
    timeline = Timeline([first.segment, second.segment], 3)
    assert timeline.counts(first.segment.stop)[2] == samples == timeline.counts(length)[2]
