"""Tests of sources and phases: what does not add up is refused, and a source is known by its samples, not its place."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.manifest import TokenCounts
from schemas.phases import Phase, Source

SOURCE = {"name": "text", "path": "data/text", "content": "c", "kind": "text", "samples": 12}
HALF = 500_000_000


def source(**changes: Any) -> Source:
    return Source.model_validate({**SOURCE, "shards": [(5, 2), (2, 1)], "tokens": TokenCounts(text=96), **changes})


def phase(**changes: Any) -> Phase:
    return Phase.model_validate({"name": "mixed", "start": 8, "stop": 24, "shares": [HALF, HALF], **changes})


def test_a_source_is_named_by_its_samples_and_their_places_in_shards() -> None:
    one = source()
    assert one.identity == source(path="s3://elsewhere", name="another").identity
    assert one.identity != source(content="d").identity
    assert one.identity != source(shards=[(2, 1), (5, 2)]).identity
    assert one.identity != source(shards=[(5, 1), (5, 1), (2, 1)]).identity


@pytest.mark.parametrize("shards", [[(5, 2)], [(5, 2), (2, 2)], []])
def test_shards_hold_all_samples(shards: list[tuple[int, int]]) -> None:
    with pytest.raises(ValidationError, match="samples, the source says 12"):
        source(shards=shards)


RAMP = {"shares_to": [0, 2 * HALF], "ramp": "linear"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stop": 8}, r"phase 'mixed' is empty: \[8, 8\)"),
        ({"ramp": "linear"}, "needs `ramp` and `shares_to` together"),
        ({"shares_to": [HALF, HALF]}, "needs `ramp` and `shares_to` together"),
        ({"ramp_over": 16}, "longer than its ramp"),
        ({**RAMP, "ramp_over": 15}, "longer than its ramp"),
        ({"shares": [HALF, HALF - 1]}, "billionths that sum to one"),
        ({"shares": [3 * HALF, -HALF]}, "billionths that sum to one"),
        ({**RAMP, "shares_to": [HALF, 0]}, "billionths that sum to one"),
        ({**RAMP, "ramp": "steep"}, "ramp"),
    ],
)
def test_what_is_no_mix_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        phase(**changes)


@pytest.mark.parametrize("changes", [{}, RAMP, {**RAMP, "ramp_over": 16}, {**RAMP, "ramp_over": 99}])
def test_a_mix_may_change_over_a_ramp_that_the_run_leaves_early(changes: dict[str, Any]) -> None:
    assert phase(**changes).ramp_over == changes.get("ramp_over")
