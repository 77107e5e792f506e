"""Models that refuse typing mistakes and cannot change under the reader."""

from functools import cached_property

import pytest
from pydantic import Field, ValidationError

from schemas.strict_model import Strict


class Box(Strict):
    side: int = Field(gt=0)
    """In metres."""

    @cached_property
    def area(self) -> int:
        return self.side**2


def test_unknown_keys_and_changes_are_refused() -> None:
    with pytest.raises(ValidationError, match="not permitted"):
        Box.model_validate({"side": 1, "sied": 2})
    with pytest.raises(ValidationError, match="frozen"):
        Box(side=1).side = 2  # type: ignore[misc]


def test_a_changed_copy_forgets_what_the_old_values_led_to() -> None:
    box = Box(side=3)
    assert box.area == 9
    assert box.model_copy(update={"side": 4}).area == 16
    assert box.area == 9


def test_the_text_below_a_field_describes_it() -> None:
    assert Box.model_json_schema()["properties"]["side"]["description"] == "In metres."
