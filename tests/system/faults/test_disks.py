"""Outputs that are full, read-only or another driver's: one line, exit status 2, and afterwards the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dataprep.engine import job_command, lease
from tests.helpers import fault_worlds
from tests.helpers.folders import tree
from tests.helpers.stranger import Stranger, running

pytestmark = pytest.mark.slow
SOAK = [pytest.param(job, marks=pytest.mark.soak) for job in ("pairs", "conversations", "download")]
AGAIN = "then run the same command again: it goes on where it stopped"


@pytest.fixture(scope="module")
def server() -> Iterator[Stranger]:
    with running() as stranger:
        yield stranger


@pytest.fixture(autouse=True)
def one_session(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands share the tests' session, and leave it running."""
    monkeypatch.setattr(job_command, "session", lambda name: spark)
    monkeypatch.setattr(job_command, "_stop", lambda spark: None)


def the_line(said: str) -> str:
    """What a command said of its failure: one line, and no traceback before it."""
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    assert "\tat " not in said
    return lines[0]


@pytest.mark.parametrize("job", ["text", *SOAK])
def test_a_disk_that_fills_up(
    job: str, tmp_path: Path, tokenizer_dir: Path, server: Stranger, capfd: pytest.CaptureFixture[str]
) -> None:
    given = fault_worlds.settings(job, tmp_path / "in", tokenizer_dir, server)
    assert fault_worlds.command(job, given, tmp_path / "calm", tmp_path) == 0
    calm = tree(tmp_path / "calm")
    size = sum(-(-len(data) // 4096) * 4096 for data in calm.values())
    with fault_worlds.small_disk(tmp_path / "disk", size * 6 // 10) as disk:
        capfd.readouterr()
        assert fault_worlds.command(job, given, disk / "out", tmp_path) == 2
        line = the_line(capfd.readouterr().err)
        assert re.search(rf"{disk}/out\S*: no space is left \(tmpfs at {disk}, \S+ \w+ of \S+ KiB free\)", line), line
        assert re.search(r"tasks of this stage need about \S+ (Ki|Mi)B; |the inputs are \S+ KiB; ", line), line
        assert line.endswith(f"make room or name a larger disk, {AGAIN}")
        fault_worlds.remount(disk, "size=64m")
        assert fault_worlds.command(job, given, disk / "out", tmp_path) == 0
        assert tree(disk / "out") == calm


@pytest.mark.parametrize("job", fault_worlds.JOBS)
def test_an_output_that_may_not_be_written(
    job: str, tmp_path: Path, tokenizer_dir: Path, server: Stranger, capfd: pytest.CaptureFixture[str]
) -> None:
    given = fault_worlds.settings(job, tmp_path / "in", tokenizer_dir, server)
    with fault_worlds.small_disk(tmp_path / "disk", 1 << 26) as disk:
        fault_worlds.remount(disk, "ro")
        assert fault_worlds.command(job, given, disk / "out", tmp_path) == 2
        line = the_line(capfd.readouterr().err)
        said = rf"error: {disk}/out\S*: it cannot be written \(read-only file system: tmpfs at {disk}\); name a place"
        assert re.match(said, line), line


@pytest.mark.parametrize("job", fault_worlds.JOBS)
def test_an_output_that_another_driver_holds(
    job: str, tmp_path: Path, tokenizer_dir: Path, server: Stranger, capfd: pytest.CaptureFixture[str]
) -> None:
    given, out = fault_worlds.settings(job, tmp_path / "in", tokenizer_dir, server), tmp_path / "out"
    with lease.held(str(out), f"{job} job"):
        before = tree(out)
        assert fault_worlds.command(job, given, out, tmp_path) == 2
        line = the_line(capfd.readouterr().err)
        assert re.match(rf"error: {out}: a {job} job by process \d+ of \S+ on \S+ works here since 20\d\d-", line), line
        assert tree(out) == before
