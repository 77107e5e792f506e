"""Turns what Spark reports of a failed job into the line that a user needs: the one place that does.

A worker's OSError reaches the driver inside a Java exception of a hundred lines, and a full local directory of Spark
itself as a Java exception without a path. What is recognised here (a machine that lacks something, a process that was
killed) becomes one line with its remedy; everything else is a bug, and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import tempfile
import time
import traceback

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from common import resources
from common.errors import InputError, ResourceError, StorageError

_OURS = re.compile(r"^\s*(?:common\.errors\.)?(?:InputError|StorageError|ResourceError): (?P<line>.+)$", re.MULTILINE)
_PYTHON = re.compile(
    r"\b(?:\w+Error): \[Errno (?P<number>\d+)\] (?P<words>[^:\n]+?)(?:: '(?P<place>[^'\n]+)')?\s*$", re.M
)
_NUMBERS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE),
)
_JAVA = re.compile(
    r"^.*?(?:java\.\S+Exception: )(?:(?P<place>/[^\n]*?) \()?(?P<words>"
    + "|".join(re.escape(os.strerror(number)) for number in _NUMBERS)
    + r")\)?\s*$",
    re.MULTILINE,
)
_HEAP = re.compile(r"java\.lang\.OutOfMemoryError: ([^\n]+)")
_MEMORY = re.compile(r"^\s*(?:numpy\S*|pyarrow\S*|_\w*)?\.?\w*MemoryError(?:: ([^\n]+))?$", re.MULTILINE)
_KILLED = re.compile(
    r"Python worker exited unexpectedly|ExecutorLostFailure|Python worker process terminated due to "
    r"unexpected|[Cc]ontainer killed by YARN|exit (?:code|status):? 137|OOMKilled"
)
_GONE = re.compile(r"Answer from Java side is empty|Error while sending or receiving|JAVA_GATEWAY_EXITED")


def explained(error: BaseException, scratch: str) -> InputError | StorageError | None:
    """The line for an `error` that ended a job, or None for a bug.

    Args:
        scratch: `local_directory()` while Spark ran.
    """
    if isinstance(error, InputError | StorageError):
        return error
    if isinstance(error, Py4JError | PySparkException) and (known := _of_spark(str(error), scratch)):
        return known
    if isinstance(error, ConnectionError | EOFError) and _came_through("py4j", error):
        return _gone(scratch)
    if isinstance(error, OSError) and not error.filename and _came_through("pyspark", error):
        lacks = resources.refused(error, scratch)  # what pyspark hands to the JVM goes through Spark's directory
        return lacks and _with_spark(lacks)
    if known := resources.refused(error):
        return known
    through_spark = _came_through("py4j", error) or _came_through("pyspark", error)
    return _gone(scratch) if through_spark and _jvm_has_ended() else None


def _jvm_has_ended() -> bool:
    """Whether a JVM was started that no longer answers. What fails then may say anything, `x does not exist` too."""
    gateway = SparkContext._gateway
    if gateway is None:
        return False
    for _ in range(10):  # the kernel closes the connections of what it ends one after another
        try:
            socket.create_connection((gateway.gateway_parameters.address, gateway.gateway_parameters.port), 5).close()
        except OSError:
            return True
        time.sleep(0.05)
    return False


def _came_through(package: str, error: BaseException) -> bool:
    """Whether code of `package` (py4j: a connection to the JVM) is what failed."""
    return any(f"/{package}/" in frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__))


def _of_spark(text: str, scratch: str) -> InputError | StorageError | None:
    if ours := _OURS.search(text):
        return InputError(ours["line"])
    if found := _PYTHON.search(text):
        place = found["place"] or ""
        known = resources.refused(OSError(int(found["number"]), found["words"], place or None), scratch)
        if known:
            return known
    if found := _JAVA.search(text):
        number = next(number for number in _NUMBERS if os.strerror(number) == found["words"])
        place = found["place"] or scratch
        known = resources.refused(OSError(number, found["words"], place))
        if known:
            return _with_spark(known) if place.startswith(scratch) else known
    if heap := _HEAP.search(text):
        remedy = "give it more (`--driver-memory`, `--executor-memory`), then run the same command again"
        return ResourceError(f"the JVM is out of memory ({heap[1]})", file="Spark", remedy=remedy)
    if memory := _MEMORY.search(text):
        return resources.no_memory("Spark", memory[1] or "")
    if _KILLED.search(text):
        return resources.no_memory("Spark", "a worker process was killed, which is what the kernel does without memory")
    return _gone(scratch) if _GONE.search(text) else None


def _gone(place: str) -> InputError | StorageError:
    """The JVM has ended: for want of a local directory, or because it was killed."""
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(bytes(1 << 20))
            probe.flush()
    except OSError as error:
        if lacks := resources.refused(OSError(error.errno, error.strerror), place):
            return _with_spark(lacks)
        return InputError(
            f"Spark's local directory cannot be used ({error.strerror})", file=place, remedy="set SPARK_LOCAL_DIRS"
        )
    return ResourceError(
        "the JVM ended: it was killed, or could not start",
        file="Spark",
        remedy="see what it wrote above; without a word, the kernel ended it for memory; the same command goes on",
    )


def _with_spark(error: StorageError) -> StorageError:
    """The same, with the setting that names another directory."""
    if not isinstance(error, ResourceError):
        return error
    remedy = f"let SPARK_LOCAL_DIRS (or spark.local.dir) name another directory, or {error.remedy}"
    return ResourceError(f"Spark's local directory: {error.problem}", file=error.file, remedy=remedy)


def local_directory(spark: SparkSession | None = None) -> str:
    """Where Spark keeps its shuffle and spill files on this machine: the first of its local directories."""
    set_for_all = os.environ.get("SPARK_LOCAL_DIRS") or os.environ.get("LOCAL_DIRS")
    named = set_for_all or (spark.sparkContext.getConf().get("spark.local.dir") if spark else None)
    return (named or tempfile.gettempdir()).split(",")[0].strip()
