"""Packs webdataset tars into image-text windows (`dataprep.pairs`): `spark-submit dataprep/jobs/pairs.py JOB.yaml`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:  # run as a script: the repository's root replaces this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from dataprep.engine.job_command import run_job
from dataprep.pairs import job
from dataprep.pairs.config import PairsJob

if __name__ == "__main__":
    sys.exit(run_job(PairsJob, job.describe, job.main))
