"""`prepare`: runs a data job on Spark."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from common.errors import InputError
from dataprep.engine.spark_errors import check_options, no_java
from switchpoint.commands.jobs import JOBS, script

HELP = "run a data job: raw releases in, an MDS dataset with a manifest out"
HANDS_ON = True
EXAMPLE = """\
Options for Spark follow `--`. Without any the job runs on this machine.

examples:
  switchpoint prepare text recipes/demo/text.yaml --dry-run
  switchpoint prepare text recipes/demo/text.yaml -- --master spark://host:7077 --executor-memory 8g
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("kind", choices=JOBS, help="which job")
    parser.add_argument("job", metavar="JOB.yaml", help="the job's settings")
    parser.add_argument("--dry-run", action="store_true", help="check everything, print what would be done, do nothing")


def run(options: argparse.Namespace) -> int:
    """Become `spark-submit` (its exit status is the job's)."""
    submit = Path(sys.executable).with_name("spark-submit")
    found = str(submit) if submit.exists() else shutil.which("spark-submit")
    if found is None:
        raise InputError("spark-submit is not installed", remedy="pip install 'switchpoint[spark]'")
    check_options(options.rest)
    if problem := no_java():
        raise problem
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    more = ["--dry-run"] if options.dry_run else []
    sys.stdout.flush()
    os.execv(found, [found, *options.rest, script(options.kind), options.job, *more])
