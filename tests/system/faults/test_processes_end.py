"""Processes are killed, another driver comes, Spark's disk is full: one line, the same bytes, nothing runs on."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import fault_worlds
from tests.helpers.folders import tree
from tests.helpers.job_session import by_role, kill, said, started, the_line, until
from tests.helpers.killing import LIMIT_S, working
from tests.helpers.stranger import Stranger, running

pytestmark = pytest.mark.soak
STAGES = {"text": "tokenize", "pairs": "pairs", "conversations": "conversations", "download": "download"}


@pytest.fixture(scope="module")
def server() -> Iterator[Stranger]:
    with running() as stranger:
        yield stranger


@pytest.fixture(scope="module", params=fault_worlds.JOBS)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path, server: Stranger
) -> tuple[str, dict[str, Any], Path]:
    """A job, its settings, and a folder with `calm`, which a run made that nothing disturbed."""
    job, folder = request.param, tmp_path_factory.mktemp(request.param)
    given = fault_worlds.settings(job, folder / "in", fault_worlds.slow_tokenizer(folder, tokenizer_dir), server, 12)
    with started(job, given, folder / "calm") as process:
        assert process.wait(LIMIT_S) == 0, said(folder / "calm")
    return job, given, folder


LINES = {
    "driver": (-signal.SIGKILL, None),
    "jvm": (2, r"error: Spark: the JVM ended: it was killed, or could not start; .*the same command goes on"),
    "daemon": (2, r"error: Spark: out of memory \(a worker process was killed, .*\); use fewer cores at a time"),
    "worker": (2, r"error: Spark: out of memory \(a worker process was killed, .*\); use fewer cores at a time"),
}
"""Exit status and line after each was killed; whoever is killed says nothing."""


@pytest.mark.parametrize("whom", LINES)
def test_killed(world: tuple[str, dict[str, Any], Path], whom: str) -> None:
    job, given, folder = world
    out = folder / whom
    status, line = LINES[whom]
    with started(job, given, out) as process:
        until(process, lambda: working(out, STAGES[job]) and bool(by_role(process.pid)[whom]))
        killed = [kill(one) for one in by_role(process.pid)[whom]]
        assert any(children is not None for children in killed)
        assert process.wait(LIMIT_S) == status, said(out)
    if line:
        assert re.match(line, the_line(out)), said(out)
    with started(job, given, out) as process:
        assert process.wait(LIMIT_S) == 0, said(out)
    assert tree(out) == tree(folder / "calm")


def test_a_second_driver_comes(world: tuple[str, dict[str, Any], Path]) -> None:
    """The same command, while the first is at work: refused, and the first goes on."""
    job, given, folder = world
    out, second = folder / "first", folder / "second"
    with started(job, given, out) as process:
        until(process, lambda: working(out, STAGES[job]))
        with started(job, given | {"out": str(out)}, second) as other:
            assert other.wait(LIMIT_S) == 2, said(second)
        assert re.match(rf"error: {out}: a {job} job by process {process.pid} of ", the_line(second))
        assert process.wait(LIMIT_S) == 0, said(out)
    assert tree(out) == tree(folder / "calm")


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_sparks_own_disk(world: tuple[str, dict[str, Any], Path], fault: str) -> None:
    job, given, folder = world
    out = folder / f"spark-{fault}"
    with fault_worlds.small_disk(folder / "disk", 1 << 13) as disk:
        if fault == "full":
            (disk / "ballast").write_bytes(bytes(4096))
        else:
            fault_worlds.remount(disk, "ro")
        with started(job, given, out, SPARK_LOCAL_DIRS=str(disk)) as process:
            assert process.wait(LIMIT_S) == 2, said(out)
        what = {"full": "no space is left", "read-only": r"it cannot be written \(read-only file system: tmpfs at"}[
            fault
        ]
        assert re.match(rf"error: {disk}\S*: Spark's local directory: {what}.*; let SPARK_LOCAL_DIRS", the_line(out))
    with started(job, given, out) as process:
        assert process.wait(LIMIT_S) == 0, said(out)
    assert tree(out) == tree(folder / "calm")
