from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataprep.download.config import DownloadJob


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dr": "a.tar", "allow_addresses": ["localhost"]},
        {"dr": "a.tar", "agent": "two words"},
        {"dr": "a.tar", "retries": -1},
        {"dr": "a.tar", "tiemout": 1},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DownloadJob.model_validate({"out": "o", **settings})


def test_the_plan_holds_what_decides_the_result_and_not_how_fast_it_comes() -> None:
    def plan(**more: Any) -> Any:
        return DownloadJob.model_validate({"out": "o", "dr": "a.tar", **more}).plan_config()

    assert plan(threads=3, out="p") == plan()
    assert plan(opt_out=[]) != plan()
    assert plan(on_hash_mismatch="reject") != plan()
