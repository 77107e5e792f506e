"""Places of a step's samples, and the documents behind them where there are any."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from curriculum.commands.arguments import read_schedule
from curriculum.views import explain


@given(st.integers(0, 10**9), st.integers(1, 5000), st.integers(1, 600))
def test_ranks_share_a_step_without_gap_or_overlap(start: int, rows: int, world: int) -> None:
    position = start
    for rank in range(world):
        low, high = explain.rank_slice(start, start + rows, rank, world)
        assert low == position
        assert high - low in (rows // world, -(-rows // world))
        position = high
    assert position == start + rows


def test_steps_cover_the_run(base: Path) -> None:
    schedule = read_schedule(base)
    assert explain.step_range(schedule, 0, 32) == (0, 32)
    assert explain.step_range(schedule, 2, 5000) == (10_000, schedule.total_samples)
    with pytest.raises(InputError, match="steps 0 to 2 of 5,000"):
        explain.step_range(schedule, 3, 5000)


def test_places_are_the_schedule_s(base: Path) -> None:
    schedule = read_schedule(base, ["epochs=3"])
    start = schedule.total_samples - 64
    ids, samples = schedule.samples(start, schedule.total_samples)
    for place, number, sample in zip(explain.places(schedule, start, start + 64), ids, samples, strict=True):
        assert place.source is schedule.sources[number]
        assert place.sample == sample == place.shard * 1000 + place.in_shard
        assert place.turn == 2


def test_shard_names_are_those_of_the_compiled_dataset(base: Path) -> None:
    source = read_schedule(base).sources[1]
    assert explain.shard_names(source) == ["0.mds"]
    manifest = Path("pairs/manifest.json")
    content = json.loads(manifest.read_text())
    content["shards"][0]["digest"] = "other"
    manifest.write_text(json.dumps(content))
    assert explain.shard_names(source) is None, "another dataset's names"
    manifest.unlink()
    assert explain.shard_names(source) is None


def test_commands_name_each_sample_of_a_dataset_once(base: Path) -> None:
    text, pairs, *_ = read_schedule(base).sources
    shown = [
        explain.Place(0, text, 0, 7, 0, 7),
        explain.Place(1, pairs.model_copy(update={"path": "a b"}), 0, 3, 0, 3),
        explain.Place(2, text, 0, 5, 0, 5),
        explain.Place(3, text, 1, 7, 0, 7),
    ]
    assert explain.why_commands(shown) == ["python -m dataprep why text 7 5", "python -m dataprep why 'a b' 3"]
