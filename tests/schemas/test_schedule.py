"""The contract: passes, slices of a batch, hashes of the past, one sample at a time, and what a damaged file says."""

import json
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from schemas.manifest import TokenCounts, TokenizerIdentity
from schemas.order.learning_rate import Piece
from schemas.order.mixing import SHARE_UNIT
from schemas.phases import Phase, Source
from schemas.schedule import Schedule

TOKENIZER = TokenizerIdentity(digest="d" * 64, vocabulary_size=1000, end_of_text_id=0, pad_id=1, image_id=1000)


def source(name: str, shards: list[int]) -> Source:
    runs = [(size, 1) for size in shards]
    counts = TokenCounts(text=sum(shards) * 8)
    total = sum(shards)
    return Source(name=name, path=name, content=f"c-{name}", kind="text", samples=total, shards=runs, tokens=counts)


def billionths(weights: list[int]) -> list[int]:
    shares = [weight * SHARE_UNIT // sum(weights) for weight in weights]
    shares[int(np.argmax(shares))] += SHARE_UNIT - sum(shares)
    return shares


def schedule(sources: list[Source], phases: list[dict[str, Any]], **changes: Any) -> Schedule:
    placed, start = [], 0
    for number, phase in enumerate(phases):
        stop = start + phase.pop("length")
        placed.append(Phase(name=f"phase {number}", start=start, stop=stop, **phase))
        start = stop
    rate = [Piece(start=0, shape="cosine", first=1e-3, last=0, over=start)]
    given = {"seed": 7, "seq_len": 8, "global_batch": 16, "tokenizer": TOKENIZER, "learning_rate": rate}
    return Schedule(sources=sources, phases=placed, **(given | changes))


@st.composite
def schedules(draw: st.DrawFn, max_sources: int = 12) -> Schedule:
    shard_sizes = st.lists(st.integers(1, 60), min_size=1, max_size=8)
    sources = [source(f"s{i}", draw(shard_sizes)) for i in range(draw(st.integers(1, max_sources)))]
    weight = st.one_of(st.just(0), st.integers(1, 10_000))
    mixes = st.lists(weight, min_size=len(sources), max_size=len(sources)).filter(any).map(billionths)
    phases = []
    for _ in range(draw(st.integers(1, 4))):
        ramp = draw(st.sampled_from([None, None, "linear", "cosine"]))
        shares_to = draw(mixes) if ramp else None
        phases.append(
            {"length": draw(st.integers(1, 1500)), "shares": draw(mixes), "shares_to": shares_to, "ramp": ramp}
        )
    return schedule(sources, phases)


@settings(max_examples=50, deadline=None)
@given(schedules())
def test_a_pass_gives_every_sample_once_before_any_comes_again(run: Schedule) -> None:
    ids, chosen = run.samples(0, run.total_samples)
    for number, one in enumerate(run.sources):
        mine = chosen[ids == number]
        for start in range(0, len(mine), one.samples):
            turn = mine[start : start + one.samples]
            assert len(set(turn.tolist())) == len(turn)
            assert ((turn >= 0) & (turn < one.samples)).all()


@settings(max_examples=50, deadline=None)
@given(schedules(), st.data())
def test_any_slice_is_balanced(run: Schedule, data: st.DataObject) -> None:
    """A rank's slice of a batch holds its exact share to within one sample (two sources; twice the bound for more)."""
    start = data.draw(st.integers(0, run.total_samples))
    stop = data.draw(st.integers(start, min(run.total_samples, start + 300)))
    ids, _ = run.samples(start, stop)
    before, after = run._timeline.integrals(start), run._timeline.integrals(stop)
    active = [
        s for s in range(len(run.sources)) if any(p.shares[s] or (p.shares_to or p.shares)[s] for p in run.phases)
    ]
    bound = Fraction(1) + Fraction(1, 10**6) if len(active) <= 2 else 2 * run._timeline.error_bound()
    for number in range(len(run.sources)):
        due = after[number] - before[number]
        assert abs(int((ids == number).sum()) - due) <= bound


@settings(max_examples=50, deadline=None)
@given(schedules(), st.data())
def test_one_sample_is_the_same_alone_and_in_company(run: Schedule, data: st.DataObject) -> None:
    ids, chosen = run.samples(0, run.total_samples)
    positions = data.draw(st.lists(st.integers(0, run.total_samples - 1), min_size=1, max_size=20))
    assert [run.sample(p) for p in positions] == [(int(ids[p]), int(chosen[p])) for p in positions]
    low = data.draw(st.integers(0, run.total_samples))
    high = data.draw(st.integers(low, run.total_samples))
    part_ids, part = run.samples(low, high)
    assert np.array_equal(part_ids, ids[low:high])
    assert np.array_equal(part, chosen[low:high])


@settings(max_examples=50, deadline=None)
@given(schedules())
def test_a_positive_share_is_never_starved(run: Schedule) -> None:
    """A source whose due grows by more than twice the bound has been drawn."""
    bound = run.error_bound()
    start, stop = run.targets(0), run.targets(run.total_samples)
    counts = run.counts(run.total_samples)
    for name, due in stop.items():
        if due - start[name] > bound:
            assert counts[name] > 0
    assert sum(counts.values()) == run.total_samples


def golden() -> Schedule:
    sources = [source("text", [5, 7, 9]), source("pairs", [4, 4])]
    most = [900_000_000, 100_000_000]
    return schedule(
        sources,
        [
            {"length": 10, "shares": [SHARE_UNIT, 0]},
            {"length": 10, "shares": most, "shares_to": [SHARE_UNIT // 2] * 2, "ramp": "cosine"},
            {"length": 4, "shares": [0, SHARE_UNIT]},
        ],
    )


def test_golden_run() -> None:
    ids, chosen = golden().samples(0, 24)
    assert ids.tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1]
    assert chosen.tolist() == [6, 1, 13, 7, 0, 18, 17, 4, 12, 15, 20, 3, 16, 7, 10, 9, 4, 19, 3, 5, 1, 0, 6, 5]
    assert golden().hash == "b7edf829305e0909ea86d24e1b6903b79f7f715bd0c05fe13efc33c2693586da"


def test_a_chunk_boundary_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = golden().samples(0, 24)
    monkeypatch.setattr("schemas.schedule._CHUNK", 7)
    assert all(np.array_equal(a, b) for a, b in zip(golden().samples(0, 24), whole, strict=True))


def test_prefix_hash_sees_the_past_alone() -> None:
    sources = [source("text", [500]), source("pairs", [500])]
    text, mixed = [SHARE_UNIT, 0], [SHARE_UNIT // 2] * 2
    rate = [Piece(start=0, shape="constant", first=1, last=1, over=100)]
    one = schedule(sources, [{"length": 40, "shares": text}, {"length": 60, "shares": mixed}], learning_rate=rate)
    other = schedule(sources, [{"length": 50, "shares": text}, {"length": 30, "shares": mixed}], learning_rate=rate)
    assert one.prefix_hash(40) == other.prefix_hash(40)
    assert one.prefix_hash(41) != other.prefix_hash(41)
    moved = one.model_copy(update={"sources": [s.model_copy(update={"path": "elsewhere"}) for s in sources]})
    assert moved.hash == one.hash
    rebuilt = one.model_copy(update={"sources": [s.model_copy(update={"content": "new"}) for s in sources]})
    assert rebuilt.hash != one.hash
    assert one.model_copy(update={"seed": 8}).prefix_hash(1) != one.prefix_hash(1)


def test_a_ramp_may_be_left_early() -> None:
    sources = [source("a", [500]), source("b", [500])]
    ends: dict[str, Any] = {"shares": [SHARE_UNIT, 0], "shares_to": [0, SHARE_UNIT], "ramp": "linear"}
    whole = schedule(sources, [{"length": 100, **ends}])
    left = schedule(sources, [{"length": 60, "ramp_over": 100, **ends}])
    assert np.array_equal(whole.samples(0, 60)[0], left.samples(0, 60)[0])
    rate = {"learning_rate": [Piece(start=0, shape="constant", first=1, last=1, over=1)]}
    assert whole.model_copy(update=rate).prefix_hash(60) == left.model_copy(update=rate).prefix_hash(60)


def test_saves_and_loads(tmp_path: Path) -> None:
    golden().save(tmp_path / "new" / "s.json")
    again = Schedule.load(tmp_path / "new" / "s.json")
    assert again == golden()
    assert again.phase(0).name == "phase 0"
    assert again.phase(24).name == "phase 2"
    assert again.tokens(3) == 24


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("phases", [], "at least 1 item"),
        ("seed", "x", "integer"),
        ("extra", 1, "not permitted"),
        ("learning_rate", [{"start": 3, "shape": "constant", "first": 1, "last": 1, "over": 1}], "must start at 0"),
    ],
)
def test_a_damaged_file_is_refused_on_one_line(tmp_path: Path, key: str, value: Any, said: str) -> None:
    data = json.loads(golden().model_dump_json())
    (tmp_path / "s.json").write_text(json.dumps({**data, key: value}))
    with pytest.raises(InputError, match=said) as caught:
        Schedule.load(tmp_path / "s.json")
    assert "\n" not in str(caught.value)


def test_a_schedule_that_was_used_can_go_to_another_process() -> None:
    run = golden()
    expected = run.samples(0, 24)
    again = pickle.loads(pickle.dumps(run))  # noqa: S301 (bytes of our own)
    assert again == run
    assert all(np.array_equal(a, b) for a, b in zip(again.samples(0, 24), expected, strict=True))


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="python -m curriculum compile"):
        Schedule.load(tmp_path / "none.json")


def test_outside_the_run_is_an_index_error() -> None:
    run = golden()
    for call in (lambda: run.samples(0, 25), lambda: run.sample(24), lambda: run.counts(25), lambda: run.phase(-1)):
        with pytest.raises(IndexError):
            call()


@settings(max_examples=40, deadline=None)
@given(schedules(), st.data())
def test_a_cut_run_has_the_same_past(run: Schedule, data: st.DataObject) -> None:
    stop = data.draw(st.integers(1, run.total_samples))
    short = run.cut(stop)
    assert short.total_samples == stop
    assert short.hash == run.prefix_hash(stop)
    assert all(np.array_equal(a, b) for a, b in zip(short.samples(0, stop), run.samples(0, stop), strict=True))
    assert [short.lr(p) for p in range(0, stop, 97)] == [run.lr(p) for p in range(0, stop, 97)]
    assert Schedule.model_validate_json(short.model_dump_json()) == short
