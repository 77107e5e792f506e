"""Makes the Spark session of every job: the same settings under `spark-submit`, plain `python`, and in tests.

What spark-submit or the user's configuration says wins; the defaults here only fill gaps, except for what correctness
needs: speculation is off (two live attempts of one task waste work), and partitions are never merged behind our back.
The project's packages travel to the executors of a cluster as a zip, so that a bare checkout works there; workers on
this machine import them from where they are, which is faster: compiled modules are not looked for in a zip.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import logging
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JNetworkError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

DEFAULTS = {
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "64",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
    "spark.python.worker.faulthandler.enabled": "true",
}
REQUIRED = {
    # Spark's bar and our progress line would overwrite each other (spark-submit's default is on).
    "spark.ui.showConsoleProgress": "false",
    "spark.speculation": "false",
    # A partition's number is a shard's identity: adaptive execution must not merge partitions.
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
}
_PACKAGES = ("dataprep", "schemas", "common")
_STORAGE_SETTINGS = {
    "AWS_ENDPOINT_URL",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "STORAGE_EMULATOR_HOST",
    "SWITCHPOINT_S3_UNSIGNED",
    "HF_ENDPOINT",
}
"""Environment that executors share with the driver. Credentials do not travel: executors have their own."""
_LOGGING = """rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
"""


def session(app: str, settings: Mapping[str, str] | None = None) -> SparkSession:
    """The running session, or a new one named `app`; without a master from spark-submit it is `local[*]`.

    `settings` are the caller's own Spark properties; they override the defaults, not spark-submit's.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    logging.getLogger("py4j").setLevel(logging.ERROR)
    logging.getLogger().addFilter(_is_no_hang_up)  # py4j says this one to the root
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # JVM stack traces of users' mistakes
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # plain python: this process starts the JVM
        options = os.environ.get("SPARK_SUBMIT_OPTS", "")
        if "log4j2.configurationFile" not in options:
            os.environ["SPARK_SUBMIT_OPTS"] = f"{options} -Dlog4j2.configurationFile={_quiet_logging()}".lstrip()
    SparkContext._ensure_initialized()  # before it, a SparkConf does not see what spark-submit was told
    conf = SparkConf()
    if not conf.contains("spark.master"):
        conf.setMaster((settings or {}).get("spark.master", "local[*]"))
    if conf.get("spark.master", "").startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        conf.setIfMissing("spark.log.level", "OFF")  # all that ends a job reaches Python; see `failure`
        conf.setIfMissing("spark.driver.host", "127.0.0.1")
    for name in _STORAGE_SETTINGS & os.environ.keys():
        conf.setIfMissing(f"spark.executorEnv.{name}", os.environ[name])
    for key, value in {**DEFAULTS, **(settings or {})}.items():
        conf.setIfMissing(key, value)
    for key, value in REQUIRED.items():
        conf.set(key, value)
    spark = SparkSession.builder.appName(app).config(conf=conf).getOrCreate()
    _ship_packages(spark)
    _be_silent_about_hang_ups(spark)
    return spark


def _is_no_hang_up(record: logging.LogRecord) -> bool:
    """Whether a line of the log says more than that the JVM is gone, which `failure` says."""
    error = record.exc_info[1] if record.exc_info else None
    return not (f"{os.sep}py4j{os.sep}" in record.pathname and isinstance(error, Py4JNetworkError | OSError | EOFError))


def _be_silent_about_hang_ups(spark: SparkSession) -> None:
    """Keep pyspark's thread that hears counters from printing a traceback when the JVM is gone: `failure` says so."""
    server: Any = getattr(spark.sparkContext, "_accumulatorServer", None)
    if server is None or hasattr(server, "_switchpoint_silent"):
        return
    tell, server._switchpoint_silent = server.handle_error, True

    def handle_error(request: Any, client: Any) -> None:
        if not isinstance(sys.exc_info()[1], EOFError | ConnectionError | PySparkRuntimeError):
            tell(request, client)

    server.handle_error = handle_error


def _ship_packages(spark: SparkSession) -> None:
    """Send our packages to the executors unless they are installed there the way they are here (site-packages)."""
    roots = {name: Path(importlib.import_module(name).__file__ or "").parent for name in _PACKAGES}
    if all("site-packages" in root.parts for root in roots.values()) or getattr(spark, "_switchpoint_shipped", False):
        return
    context = spark.sparkContext
    spark._switchpoint_shipped = True  # type: ignore[attr-defined]
    if re.fullmatch(r"local(\[.*\])?", context.master or ""):  # not local-cluster, whose executors are like a cluster's
        paths = [*dict.fromkeys(str(root.parent) for root in roots.values()), context.environment.get("PYTHONPATH", "")]
        context.environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return
    archive = _temporary_folder() / "switchpoint_packages.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for name, root in roots.items():
            for source in sorted(root.rglob("*.py")):
                bundle.write(source, f"{name}/{source.relative_to(root).as_posix()}")
    context.addPyFile(str(archive))


def _quiet_logging() -> str:
    """A log4j configuration without Spark's start-up chatter: URL of a file that lives as long as the process."""
    folder = _temporary_folder()
    path = folder / "log4j2.properties"
    path.write_text(_LOGGING)
    return path.as_uri()


@functools.cache
def _temporary_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="switchpoint-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
