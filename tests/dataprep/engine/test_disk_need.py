"""How much room the rest of a stage takes, roughly."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataprep.engine import disk_need
from dataprep.engine.paths import PLAN_NAME, STAGING
from dataprep.storage import files

MIB = 1 << 20


def test_what_is_left_is_reckoned_from_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_need, "used", lambda out: 7 * MIB)
    said = disk_need.needed(str(tmp_path), MIB, 3, 8)
    assert said == "the other 5 of 8 tasks of this stage need about 10.0 MiB"


def test_before_any_task_is_done_it_is_the_inputs(tmp_path: Path) -> None:
    out = str(tmp_path)
    assert disk_need.needed(out, disk_need.used(out), 0, 8) == "how much is needed is not known"
    files.publish_bytes(b'{"inputs": [{"bytes": 1024}, {"bytes": 2048}]}', files.join(out, STAGING, PLAN_NAME))
    assert disk_need.needed(out, disk_need.used(out), 0, 8) == "the inputs are 3.0 KiB"


def test_the_file_system_says_what_is_in_use(tmp_path: Path) -> None:
    assert disk_need.used(str(tmp_path)) > 0
    assert disk_need.used(str(tmp_path / "none")) == 0
    assert disk_need.used("s3://bucket/x") == 0
