"""Packs webdataset tars into image-text windows (`dataprep.pairs`): `spark-submit dataprep/jobs/pairs.py JOB.yaml`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:  # run as a script: this folder leaves the import path
    _root = str(Path(__file__).resolve().parents[2])
    # An installed package is on the path already, behind the standard library, which its neighbours must not shadow.
    sys.path[0:1] = [] if _root in map(os.path.realpath, sys.path[1:]) else [_root]

from common.errors import exit_code


def main() -> int:
    """Run the job; returns its exit status."""
    from dataprep.engine.job_command import run_job
    from dataprep.pairs import job
    from dataprep.pairs.config import PairsJob
    from dataprep.pairs.selection.select import check

    return run_job(PairsJob, job.describe, job.main, attempt=check)


if __name__ == "__main__":
    sys.exit(exit_code(main))  # what an installation lacks is one line, too
