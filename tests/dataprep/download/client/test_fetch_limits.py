"""A task's limits are the job's, and tasks that run at once share a host's rate."""

from __future__ import annotations

import dataclasses

import pytest

from dataprep.download.client.fetch_limits import FetchPolicy
from dataprep.download.config import DownloadJob


@pytest.mark.parametrize("tasks", [1, 3, 64])
def test_all_tasks_together_keep_to_a_hosts_rate(tasks: int) -> None:
    job = DownloadJob.model_validate({"metadata": "m", "out": "o", "host_rate": 2.0})
    assert tasks / job.policy(tasks).host_interval == pytest.approx(2.0)


def test_every_limit_comes_from_the_job() -> None:
    changed = {"timeout": 3, "total_timeout": 7, "max_redirects": 1, "retries": 9, "backoff": 0.5, "max_wait": 4}
    changed |= {
        "host_connections": 6,
        "host_failures": 8,
        "host_rate": 5,
        "robots_txt": True,
        "agent": "other",
        "ports": [80],
    }
    settings = {"metadata": "m", "out": "o", "opt_out": ["NoAI"], "images": {"max_bytes": 11}, **changed}
    policy = DownloadJob.model_validate(settings).policy(2)
    plain = FetchPolicy()
    same = [one.name for one in dataclasses.fields(policy) if getattr(policy, one.name) == getattr(plain, one.name)]
    assert same == []
    assert policy.opt_out == {"noai"}
