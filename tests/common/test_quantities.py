"""Sizes and shares with units are the numbers they stand for; what is none is refused with its remedy."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, ValidationError

from common.quantities import Bytes, Share


class Both(BaseModel):
    size: Bytes = Field(default=1 << 26, ge=1 << 10)
    part: Share = Field(default=0.0, ge=0, lt=1)


@pytest.mark.parametrize(
    ("written", "size"),
    [(4096, 4096), ("4096", 4096), ("64MiB", 64 << 20), ("64 MiB", 64 << 20), ("2GB", 2 * 10**9), ("1.5KiB", 1536)],
)
def test_sizes(written: object, size: int) -> None:
    assert Both.model_validate({"size": written}).size == size


@pytest.mark.parametrize(("written", "part"), [(0.02, 0.02), ("2%", 0.02), ("0.5 %", 0.005), ("0.02", 0.02)])
def test_shares(written: object, part: float) -> None:
    assert Both.model_validate({"part": written}).part == part


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"size": "64XB"}, "'64XB' is not a size; write bytes as 67108864, 64MiB or 2GB"),
        ({"size": "12B"}, "greater than or equal to 1024"),
        ({"part": "two"}, "'two' is not a share; write 0.02 or 2%"),
        ({"part": "100%"}, "less than 1"),
        ({"part": "nan%"}, "greater than or equal to 0|less than 1|finite"),
    ],
)
def test_what_is_none_is_refused(value: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Both.model_validate(value)
