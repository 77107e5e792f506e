"""The frame of a job's command: what is wrong is said in one line, before Spark is started."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.engine import failure, job_command, lease
from dataprep.engine.job_command import placed, run_job
from dataprep.engine.progress import Progress
from schemas.strict_model import Strict


class StoneJob(Strict):
    """`spark-submit dataprep/jobs/stone.py JOB.yaml`: turn stones over."""

    out: str
    """Where they are put."""
    stones: int = 3


class Session:
    """Stands for Spark's where a test is about what surrounds it."""

    stopped = False
    sparkContext = SimpleNamespace(  # noqa: N815 (Spark's name)
        master="local[1]", statusTracker=lambda: SimpleNamespace(getActiveStageIds=list)
    )

    def stop(self) -> None:
        self.stopped = True


def never(spark: SparkSession, job: StoneJob, progress: Progress) -> str:
    raise AssertionError("the job must not run")


@pytest.fixture
def no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> SparkSession:
        raise AssertionError("Spark must not be started")

    monkeypatch.setattr(job_command, "session", refuse)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "stone.yaml"
    path.write_text(f"out: {tmp_path}/there\n")
    return path


@pytest.mark.usefixtures("no_spark")
def test_a_dry_run_describes(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run_job(StoneJob, lambda job: f"{job.stones} stones to {job.out}", never, [str(recipe), "--dry-run"])
    assert (status, capsys.readouterr().out) == (0, f"3 stones to {recipe.parent}/there\n")


@pytest.mark.usefixtures("no_spark")
def test_mistakes_are_one_line_and_come_first(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def missing(job: StoneJob) -> str:
        raise InputError("no stones", file="quarry", remedy="find some")

    assert run_job(StoneJob, missing, never, [str(recipe)]) == 2
    assert capsys.readouterr().err == "error: quarry: no stones; find some\n"
    recipe.write_text("out: there\nstone: 4\n")
    assert run_job(StoneJob, str, never, [str(recipe)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "stone.yaml:2: stone" in said


def test_a_real_run_checks_instead_of_describing_and_shows_warnings(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Session()
    monkeypatch.setattr(job_command, "session", lambda name: one)
    monkeypatch.setattr(failure, "local_directory", lambda spark=None: "/scratch")

    def slow(job: StoneJob) -> str:
        raise AssertionError("describing takes too long for a real run")

    def crashes(spark: object, job: StoneJob, progress: Progress) -> str:
        assert not one.stopped
        raise InputError("a stone broke")

    status = run_job(StoneJob, slow, crashes, [str(recipe)], check=lambda job: "a line\nwarning: heavy stones")
    said = capsys.readouterr()
    assert (status, said.out, said.err) == (2, "", "warning: heavy stones\nerror: a stone broke\n")
    assert one.stopped, "Spark ends with the job, however that ends"


@pytest.mark.usefixtures("no_spark")
def test_a_second_driver_hears_who_works_there(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with lease.held(str(tmp_path / "there"), "takedown"):
        assert run_job(StoneJob, str, never, [str(recipe)]) == 2
    said = capsys.readouterr().err
    assert re.match(
        rf"error: {tmp_path}/there: a takedown by process {os.getpid()} of \S+ on \S+ works here since", said
    )
    assert said.count("\n") == 1


def test_what_the_machine_lacks_is_one_line_and_a_bug_is_not(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_command, "session", lambda name: Session())
    monkeypatch.setattr(failure, "local_directory", lambda spark=None: "/scratch")

    def full(spark: object, job: StoneJob, progress: Progress) -> str:
        raise Py4JError("x\nCaused by: java.io.IOException: No space left on device\n\tat y")

    def bug(spark: object, job: StoneJob, progress: Progress) -> str:
        raise Py4JError("NullPointerException")

    assert run_job(StoneJob, str, full, [str(recipe)]) == 2
    assert capsys.readouterr().err.startswith("error: /scratch: Spark's local directory: no space is left (")
    with pytest.raises(Py4JError):
        run_job(StoneJob, str, bug, [str(recipe)])


def test_help_lists_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run_job(StoneJob, str, never, ["--help"])
    said = capsys.readouterr().out
    assert "turn stones over" in said
    assert "Where they are put. (required)" in said
    assert "(default 3)" in said


def test_an_error_about_a_key_gets_the_place_of_the_key(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("rate: 2\npets:\n  - lives: 3\n")

    def said(**of: Any) -> str:
        return str(placed(InputError("wrong", remedy="mend it", **of), path))

    assert said(field="pets") == f"{path}:2: pets: wrong; mend it"
    assert said(field="kind") == f"{path}: kind: wrong; mend it", "a default"
    assert said(field="rate", file="other.yaml") == "other.yaml: rate: wrong; mend it"
    assert said() == "wrong; mend it"
