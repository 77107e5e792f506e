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


def test_the_plan_holds_what_decides_the_result_and_not_how_fast_or_patiently_it_comes() -> None:
    def plan(**more: Any) -> Any:
        return DownloadJob.model_validate({"out": "o", "dr": "a.tar", **more}).plan_config()

    assert plan(threads=3, out="p", rounds=3, host_rate=0.5, timeout=3, retries=9, max_wait=1) == plan()
    assert plan(robots_txt=True) != plan()
    assert plan(opt_out=[]) != plan()
    assert plan(on_hash_mismatch="reject") != plan()


def test_tasks_share_the_rate_of_a_host() -> None:
    job = DownloadJob.model_validate({"out": "o", "dr": "a.tar", "host_rate": 4})
    assert job.policy(tasks_at_once=8).host_interval == 2.0
    assert DownloadJob.model_validate({"out": "o", "dr": "a.tar"}).policy(8).host_interval == 0.0


def test_finished_downloads_of_before_the_setting_stay_finished() -> None:
    job = {"dr": "a.tar", "out": "o"}
    assert "ports" not in DownloadJob.model_validate({**job, "ports": [443, 80]}).plan_config()
    assert DownloadJob.model_validate({**job, "ports": [80, 8080]}).plan_config()["ports"] == [80, 8080]


def test_columns_decide_what_is_read_and_plans_of_before_stay_as_they_were() -> None:
    job = {"out": "o", "metadata": "a.parquet"}
    assert "columns" not in DownloadJob.model_validate({**job, "columns": {"uid": "uid"}}).plan_config()
    named = DownloadJob.model_validate({**job, "columns": {"uid": None, "url": "URL"}}).plan_config()
    assert named["columns"] == {"uid": None, "url": "URL", "caption": "text", "sha256": "sha256"}
    with pytest.raises(ValidationError, match="does not go with `dr`"):
        DownloadJob.model_validate({**job, "dr": "a.tar", "columns": {"uid": None}})
