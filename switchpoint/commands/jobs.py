"""`jobs`: prints the path of a job's script, which is what `spark-submit` wants."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from common.errors import InputError

HELP = "print the path of a job's script, for spark-submit"
JOBS = ("text", "download", "pairs", "conversations")
EXAMPLE = """\
example:
  spark-submit --master spark://host:7077 "$(switchpoint jobs text)" text.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("job", choices=JOBS)


def run(options: argparse.Namespace) -> None:
    """Prints the path of a job script."""
    print(script(options.job))


def script(job: str) -> str:
    """Find the script of a job, as an absolute path."""
    found = find_spec("dataprep")
    if found is None or not found.submodule_search_locations:
        raise InputError("the package dataprep is not installed", remedy="pip install 'switchpoint[spark]'")
    return f"{found.submodule_search_locations[0]}/jobs/{job}.py"
