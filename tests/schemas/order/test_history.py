"""What counts as a run's past, and what does not."""

from typing import Any

import pytest

from schemas.order.history import past
from schemas.order.learning_rate import Piece
from schemas.order.mixing import SHARE_UNIT
from schemas.schedule import Schedule
from tests.schemas.test_schedule import schedule, source

TEXT, MIXED = [SHARE_UNIT, 0], [SHARE_UNIT // 2] * 2


def run(**changes: Any) -> Schedule:
    sources = [source("text", [500]), source("pairs", [500])]
    phases: list[dict[str, Any]] = [{"length": 40, "shares": TEXT}, {"length": 60, "shares": MIXED}]
    rate = [
        Piece(start=0, shape="constant", first=1, last=1, over=100),
        Piece(start=40, shape="linear", first=1, last=0, over=60),
    ]
    return schedule(sources, phases, learning_rate=rate, **changes)


def test_the_future_is_not_in_it() -> None:
    whole = past(run(), 40)
    assert len(whole["phases"]) == len(whole["learning_rate"]) == 1
    assert set(whole["phases"][0]["shares"]) == {"text"}, "a source that was not drawn has no past"
    assert len(past(run(), 41)["phases"]) == 2
    assert past(run(), 0)["phases"] == []


def test_a_phase_cut_in_two_is_one() -> None:
    one = run()
    first = one.phases[0]
    cut = [first.model_copy(update={"stop": 25}), first.model_copy(update={"name": "again", "start": 25})]
    assert past(one.model_copy(update={"phases": [*cut, one.phases[1]]}), 100) == past(one, 100)
    reset = [cut[0], cut[1].model_copy(update={"reset_optimizer": True})]
    assert past(one.model_copy(update={"phases": [*reset, one.phases[1]]}), 100) != past(one, 100)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"seed": 8}, True),
        ({"lanes": 4}, True),
        ({"global_batch": 32}, False),
        ({"seq_len": 16}, True),
    ],
)
def test_what_decides_the_run_counts(changes: dict[str, Any], counts: bool) -> None:
    assert (past(run(**changes), 10) != past(run(), 10)) == counts


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"freeze": ["encoder"]}, True),
        ({"evaluate_at": [16]}, False),
        ({"checkpoint_at": [16]}, False),
        ({"name": "other"}, False),
    ],
)
def test_of_a_phase_what_is_learnt_counts(changes: dict[str, Any], counts: bool) -> None:
    one = run()
    other = one.model_copy(update={"phases": [one.phases[0].model_copy(update=changes), one.phases[1]]})
    assert (past(other, 10) != past(one, 10)) == counts


def test_of_a_source_its_content_and_name_count_not_its_place() -> None:
    one = run()

    def changed(**changes: Any) -> dict[str, Any]:
        return past(one.model_copy(update={"sources": [one.sources[0].model_copy(update=changes), one.sources[1]]}), 10)

    assert changed(path="elsewhere") == past(one, 10)
    for changes in ({"content": "new"}, {"name": "new"}, {"shards": [(250, 2)]}):
        assert changed(**changes) != past(one, 10)
