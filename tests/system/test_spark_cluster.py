"""A job on a cluster of real processes whose set-up is wrong: one line says so, and a right set-up then goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT, command_environment
from tests.helpers.spark_cluster import LIMIT_S, Cluster, cluster


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def job(tmp_path: Path, tokenizer_dir: Path) -> Path:
    documents = "".join(json.dumps({"text": f"The box {number} is red."}) + "\n" for number in range(300))
    (tmp_path / "docs.jsonl").write_text(documents)
    settings = {"inputs": "docs.jsonl", "out": "out", "tokenizer": str(tokenizer_dir), "seq_len": 64, "seed": 7}
    (tmp_path / "job.yaml").write_text(json.dumps(settings))
    return tmp_path / "job.yaml"


def submitted(job: Path, options: list[str], **environment: str) -> subprocess.Popen[str]:
    """The job under spark-submit, which passes what it says on to its own standard output."""
    program = str(Path(sys.executable).with_name("spark-submit"))
    command = [program, *options, str(ROOT / "dataprep/jobs/text.py"), job.name]
    env = command_environment(SPARK_LOCAL_IP="127.0.0.1", PYSPARK_DRIVER_PYTHON=sys.executable, **environment)
    return subprocess.Popen(
        command, cwd=job.parent, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def refused(job: Path, options: list[str], **environment: str) -> str:
    """The one line of a job that ends with status 2; nothing but Spark's log lines beside it."""
    process = submitted(job, options, **environment)
    said, _ = process.communicate(timeout=5 * LIMIT_S)
    assert process.returncode == 2, said
    assert "Traceback" not in said
    assert "\tat " not in said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.soak
def test_an_executor_that_fits_nowhere_is_said_every_15_seconds(running: Cluster, job: Path) -> None:
    process = submitted(job, [*running.options, "--executor-memory", "8g"])
    assert process.stdout is not None
    heard: list[str] = []
    try:
        deadline = time.monotonic() + LIMIT_S
        while len(heard) < 2 and time.monotonic() < deadline:
            line = process.stdout.readline()
            assert line, "the job ended"
            heard += [line] if " without an executor: " in line else []
    finally:
        process.kill()
        process.communicate()
    assert [line.split()[0] for line in heard] == ["15", "30"]
    assert "all cores of a worker and 8.0 GiB (--executor-cores, --executor-memory); spark://127.0.0.1:" in heard[0]
    assert "has 2 workers, free: 1 core of 1 and 1.0 GiB of 1.0 GiB; it fits on none of them: ask for less" in heard[0]


@pytest.mark.soak
def test_executors_with_the_wrong_python_are_one_line_and_the_right_one_goes_on(running: Cluster, job: Path) -> None:
    options = [*running.options, "--executor-memory", "600m"]
    assert "cannot start /nowhere/python; install switchpoint[spark] there" in refused(
        job, options, PYSPARK_PYTHON="/nowhere/python"
    )
    bare = job.with_name("bare")
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", str(bare)], check=True)  # type: ignore[attr-defined]
    line = refused(job, options, PYSPARK_PYTHON=str(bare / "bin/python"))
    assert "the executors' Python has no package " in line
    others = [
        python for python in Path.home().glob(".pyenv/versions/3.1[023]*/bin/python") if os.access(python, os.X_OK)
    ]
    if others:
        assert ", the driver Python 3.11; set PYSPARK_PYTHON" in refused(job, options, PYSPARK_PYTHON=str(others[0]))
    process = submitted(job, options, PYSPARK_PYTHON=sys.executable)
    said, _ = process.communicate(timeout=5 * LIMIT_S)
    assert process.returncode == 0, said
    assert "300 of 300 rows written" in said


@pytest.mark.soak
def test_a_master_that_does_not_answer_is_one_line(job: Path) -> None:
    assert "no master answers" in refused(job, ["--master", "spark://127.0.0.1:1"])
