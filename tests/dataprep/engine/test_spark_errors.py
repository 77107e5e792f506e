"""Mistakes in a cluster's set-up are one line; the texts are Spark's own, of version 4.3.0."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.errors import PySparkRuntimeError

from common.errors import InputError
from dataprep.engine.spark_errors import check_options, explained, no_java, one_line

NO_PROGRAM = """An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times
Caused by: java.io.IOException: Cannot run program "/nowhere/python": error=2, No such file or directory"""
NO_MASTER = """An error occurred while calling None.org.apache.spark.sql.classic.SparkSession.
: java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext."""
REMOVED = "Job aborted due to stage failure: Master removed our application: FAILED"
VERSIONS = PySparkRuntimeError(
    errorClass="PYTHON_VERSION_MISMATCH", messageParameters={"worker_version": "3.12", "driver_version": "3.11"}
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NO_PROGRAM, "the executors cannot start /nowhere/python; install switchpoint[spark] there"),
        (f"PythonException: {VERSIONS}", "the executors run Python 3.12, the driver Python 3.11; set PYSPARK_PYTHON"),
        ("ModuleNotFoundError: No module named 'orjson'", "the executors' Python has no package orjson; install"),
        ("/usr/bin/python3: No module named pyspark\n", "the executors' Python has no package pyspark; install"),
        ("org.apache.spark.SparkException: Could not parse Master URL: 'x'", "there is no such kind of Spark master"),
        (NO_MASTER, "Spark has given the application up: no master answers"),
        (REMOVED, "the master removed the application: its executors die as they start; they say why in"),
    ],
)
def test_a_known_mistake_is_one_line(text: str, said: str) -> None:
    error = explained(RuntimeError(text))
    assert error is not None
    assert str(error).startswith(said)
    assert error.remedy


def test_what_is_not_known_keeps_its_traceback() -> None:
    assert explained(RuntimeError("KeyError: 'rows'")) is None
    with pytest.raises(PySparkRuntimeError), one_line():
        raise PySparkRuntimeError(errorClass="RDD_TRANSFORM_ONLY_VALID_ON_DRIVER", messageParameters={})
    with pytest.raises(ModuleNotFoundError), one_line():  # the driver's own: it names the extra to install
        import no_such_package  # noqa: F401
    with pytest.raises(InputError, match=r"Python 3\.12"), one_line():
        raise VERSIONS


def test_java_is_looked_for_as_sparks_scripts_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "Spark needs Java" in str(no_java())
    assert "Spark needs Java" in str(explained(PySparkRuntimeError(errorClass="JAVA_GATEWAY_EXITED")))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert str(no_java()).startswith(f"{tmp_path}: JAVA_HOME: there is no bin/java; install a JDK 17")
    java = tmp_path / "bin/java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    assert no_java() is None
    assert explained(PySparkRuntimeError(errorClass="JAVA_GATEWAY_EXITED")) is None, "`failure` says what it was"


def test_a_misspelt_master_is_refused_before_java_starts() -> None:
    for master in (
        "spark://a:7077,b:7077",
        "k8s://https://h:6443",
        "yarn",
        "local",
        "local[*,2]",
        "local-cluster[2,1,9]",
    ):
        check_options(["--executor-memory", "8g", "--master", master])
    for options in (["--master", "sprak://a:7077"], ["--master=spark://a"], ["--master", "localhost"]):
        with pytest.raises(InputError, match=r"--master: there is no such kind of Spark master: .*; write spark://"):
            check_options(options)
