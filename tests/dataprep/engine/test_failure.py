"""What Spark reports of a machine that lacks something is one line; the texts are Spark's own."""

from __future__ import annotations

import errno
import io
import logging
import socket
import struct
import threading
from pathlib import Path

import pytest
from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark import SparkContext
from pyspark.serializers import CPickleSerializer
from pyspark.sql import SparkSession

from common.errors import InputError, StorageError
from dataprep.engine import failure, spark_session

WORKER = """An error occurred while calling o42.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed 1 times, most recent
failure: Lost task 0.0 in stage 1.0 (TID 1) (localhost executor driver): org.apache.spark.api.python.PythonException:
Traceback (most recent call last):
  File "worker.py", line 1, in main
{}

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:581)
"""
SHUFFLE = """An error occurred while calling o42.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 3 in stage 4.0 failed 1 times
Caused by: java.io.IOException: No space left on device
\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)
"""
FILES = """An error occurred while calling o42.collectToPython.
: java.io.FileNotFoundException: /scratch/blockmgr-1/0c/temp_shuffle_1 (Too many open files)
\tat java.base/java.io.FileOutputStream.open0(Native Method)
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WORKER.format("OSError: [Errno 28] No space left on device: '/data/x'"), "/data/x: no space is left ("),
        (WORKER.format("OSError: [Errno 24] Too many open files"), "/scratch: too many open files (ulimit -n is"),
        (WORKER.format("PermissionError: [Errno 13] Permission denied: '/d'"), "/d: it cannot be written (permission"),
        (WORKER.format("MemoryError"), "Spark: out of memory ("),
        (
            WORKER.format("numpy._core._exceptions._ArrayMemoryError: Unable to allocate"),
            "Spark: out of memory (",
        ),
        (WORKER.format("pyarrow.lib.ArrowMemoryError: malloc of size 64 failed"), "Spark: out of memory (malloc of"),
        (WORKER.format("common.errors.InputError: a.jsonl:3: bad; mend it"), "a.jsonl:3: bad; mend it"),
        (WORKER.format("common.errors.StorageError: s3://b/k: storage failed (x)"), "s3://b/k: storage failed (x)"),
        (SHUFFLE, "/scratch: Spark's local directory: no space is left ("),
        (FILES, "/scratch/blockmgr-1/0c/temp_shuffle_1: Spark's local directory: too many open files (ulimit -n"),
        ("x\nCaused by: java.lang.OutOfMemoryError: Java heap space\n", "Spark: the JVM is out of memory (Java heap"),
        ("SparkException: Python worker exited unexpectedly (crashed)", "Spark: out of memory (a worker process was"),
        ("ExecutorLostFailure (executor 1 exited caused by one of the running tasks) exit code 137", "Spark: out of"),
    ],
)
def test_what_a_machine_lacks_is_one_line(text: str, said: str) -> None:
    found = failure.explained(Py4JError(text), "/scratch")
    assert isinstance(found, InputError | StorageError)
    assert str(found).startswith(said)
    assert "\n" not in str(found)


def test_a_bug_is_not_explained() -> None:
    for error in (Py4JError(WORKER.format("KeyError: 'rows'")), KeyError("rows"), ZeroDivisionError()):
        assert failure.explained(error, "/scratch") is None


def test_a_jvm_that_is_gone(tmp_path: Path) -> None:
    gone = Py4JNetworkError("Answer from Java side is empty")
    assert str(failure.explained(gone, str(tmp_path))).startswith("Spark: the JVM ended: it was killed, or could not")
    said = str(failure.explained(gone, str(tmp_path / "none")))
    assert said.startswith(f"{tmp_path}/none: Spark's local directory cannot be used (No such file or directory); set ")


def test_a_connection_to_the_jvm_that_is_refused_is_told_from_others(tmp_path: Path) -> None:
    raised = []
    for file in ("site-packages/py4j/clientserver.py", "dataprep/elsewhere.py"):
        with pytest.raises(ConnectionRefusedError) as caught:
            exec(compile("raise ConnectionRefusedError(111, 'Connection refused')", file, "exec"))
        raised.append(failure.explained(caught.value, str(tmp_path)))
    assert str(raised[0]).startswith("Spark: the JVM ended: it was killed")
    assert raised[1] is None


@pytest.mark.parametrize("answers", [True, False])
def test_whatever_fails_when_the_jvm_hangs_up(
    answers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the middle of a command py4j blames the name that was asked for, and logs a traceback to the root."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = GatewayParameters(address="127.0.0.1", port=server.getsockname()[1])
        monkeypatch.setattr(SparkContext, "_gateway", gateway := JavaGateway(gateway_parameters=place))
        monkeypatch.setattr(logging.getLogger(), "filters", [])
        logging.getLogger().addFilter(spark_session._is_no_hang_up)
        hang_up = threading.Thread(target=reset, args=(server, answers))
        hang_up.start()
        with pytest.raises(Py4JError, match="System does not exist in the JVM") as caught:
            gateway.jvm.System  # noqa: B018
        found = failure.explained(caught.value, str(tmp_path))
        hang_up.join()
    assert (found is None) if answers else str(found).startswith("Spark: the JVM ended: it was killed, or could not")
    assert not caplog.records


def reset(server: socket.socket, answers: bool) -> None:
    """Reset the first connection, as a process that is killed does; the port goes with it unless it `answers`."""
    connection, _ = server.accept()
    connection.recv(1024)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if not answers:
        server.close()
    connection.close()


def test_a_session_is_silent_about_hang_ups(spark: SparkSession) -> None:
    assert spark_session._is_no_hang_up in logging.getLogger().filters


def test_the_local_directory_is_sparks(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", "/a, /b")
    assert failure.local_directory() == "/a"
    monkeypatch.delenv("SPARK_LOCAL_DIRS")
    monkeypatch.delenv("LOCAL_DIRS", raising=False)
    assert Path(failure.local_directory(spark)).is_dir()


def test_what_pyspark_writes_for_the_jvm_goes_through_sparks_directory(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        CPickleSerializer().dump_stream(iter([1]), Full())
    said = str(failure.explained(caught.value, str(tmp_path)))
    assert said.startswith(f"{tmp_path}: Spark's local directory: no space is left (")
    assert "let SPARK_LOCAL_DIRS" in said
    elsewhere = failure.explained(OSError(errno.ENOSPC, "No space left on device", "/data/x"), str(tmp_path))
    assert str(elsewhere).startswith("/data/x: no space is left (")
