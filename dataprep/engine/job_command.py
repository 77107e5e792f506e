"""Builds the command line that the image jobs share: `JOB.yaml`, `--dry-run`, errors as one line.

A dry run reads the settings, the inputs' names and the tokenizer, prints what would be done, and starts no work: what
can be wrong is found in a second instead of after a queue. It starts Spark only to try a `where`.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import operator
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from common import heartbeat, resources, yaml_file
from common.errors import InputError, exit_code
from common.settings_help import settings_help
from dataprep.engine import failure, lease
from dataprep.engine.heartbeat import heard
from dataprep.engine.progress import Progress
from dataprep.engine.room import watched
from dataprep.engine.spark_errors import no_java, one_line
from dataprep.engine.spark_session import session
from dataprep.storage import files
from schemas.strict_model import Strict

JobT = TypeVar("JobT", bound=Strict)


def run_job(
    model: type[JobT],
    describe: Callable[[JobT], str],
    run: Callable[[SparkSession, JobT, Progress], str],
    arguments: Sequence[str] | None = None,
    *,
    check: Callable[[JobT], object] | None = None,
    attempt: Callable[[SparkSession, JobT], object] | None = None,
) -> int:
    """Run a job's command; the exit status.

    Args:
        model: the job's settings.
        describe: what a run would do, in a few lines; checks all that can be checked without Spark.
        run: does it, and returns a summary to print.
        arguments: for tests; None takes those of the process.
        check: what a real run does instead of `describe` before Spark is started, where describing takes seconds.
        attempt: has Spark try the job's expressions on no rows, for a dry run of a job with `where`.
    """
    name = model.__name__.removesuffix("Job").lower()
    parser = argparse.ArgumentParser(
        prog=f"dataprep/jobs/{name}.py", description=model.__doc__, epilog=settings_help(model, "JOB.yaml")
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("job", metavar="JOB.yaml", help="the job's settings")
    parser.add_argument("--dry-run", action="store_true", help="check everything, print what would be done, do nothing")
    options = parser.parse_args(arguments)

    def main() -> None:
        try:
            with heartbeat.beating("reading the job's inputs"):
                job = checked()
            if job is not None:
                work(job)
        except InputError as error:
            raise placed(error, options.job) from None

    def checked() -> JobT | None:
        """The job, where there is work to do."""
        job = yaml_file.load(options.job, model)
        _check_out(str(getattr(job, "out", "")))
        if options.dry_run:
            said = describe(job)
            if attempt is not None and getattr(job, "where", None) is not None:
                _try(attempt, job)
            print(said)
            return None
        for line in str((check or describe)(job)).splitlines():
            if line.startswith("warning: "):
                print(line, file=sys.stderr)
        if "PYSPARK_GATEWAY_PORT" not in os.environ and (problem := no_java()):  # spark-submit has found it
            raise problem
        return job

    def work(job: JobT) -> None:
        scratch, out = failure.local_directory(), files.absolute(operator.attrgetter("out")(job))
        try:
            with lease.held(out, f"{name} job", say=lambda text: print(text, file=sys.stderr)), one_line():
                with heartbeat.beating("starting Spark"):
                    spark = session(f"switchpoint {name}")
                try:
                    scratch = failure.local_directory(spark)
                    progress = Progress()
                    with watched(spark), heard(spark, progress):
                        print(run(spark, job, progress))
                finally:
                    _stop(spark)
        except Exception as error:
            if (known := failure.explained(error, scratch)) is None:
                raise
            raise known from None

    return exit_code(main)


def placed(error: InputError, path: str | Path) -> InputError:
    """Returns `error` with file and line, where it is about a key of the job file `path` and names no file."""
    if error.file is not None or not error.field:
        return error
    node, loc = yaml_file.compose_node(path), error.field.split(".")
    is_written = node is not None and yaml_file.node_at(node, loc[:1]) is not None
    file, line = (yaml_file.place_of(node, loc) if is_written else None) or (path, None)
    return InputError(error.problem, file=file, line=line, field=error.field, remedy=error.remedy)


def _try(attempt: Callable[[SparkSession, JobT], object], job: JobT) -> None:
    """Start Spark for `attempt` alone; without Java, say that it was left out."""
    if "PYSPARK_GATEWAY_PORT" not in os.environ and (problem := no_java()):
        print(f"warning: `where` was not tried: {problem}", file=sys.stderr)
        return
    heartbeat.at("starting Spark, to try `where`")
    with one_line():
        spark = session("switchpoint dry run")
        try:
            attempt(spark, job)
        finally:
            _stop(spark)


def _stop(spark: SparkSession) -> None:
    """Ends Spark, where it has not ended by itself: that must not hide why."""
    with contextlib.suppress(Py4JError, OSError):
        spark.stop()


def _check_out(out: str) -> None:
    """Refuse an `out` that a folder cannot be made at."""
    place = Path(out)
    if not out or "://" in out:
        return
    below = next((one for one in (place, *place.parents) if one.exists()), place)
    if not below.is_dir():
        raise InputError("is a file", file=below, field="out", remedy="name a folder, or one to be made")
    if not os.access(below, os.W_OK):
        is_read_only = os.statvfs(below).f_flag & os.ST_RDONLY
        raise resources.not_writable(out, errno.EROFS if is_read_only else errno.EACCES)
