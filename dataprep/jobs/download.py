"""Fetches the images behind DataComp's URLs into tars (`dataprep.download`): `spark-submit dataprep/jobs/download.py
JOB.yaml`.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:  # run as a script: the repository's root replaces this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from dataprep.download import job
from dataprep.download.config import DownloadJob
from dataprep.engine.job_command import run_job

if __name__ == "__main__":
    sys.exit(run_job(DownloadJob, job.describe, job.main))
