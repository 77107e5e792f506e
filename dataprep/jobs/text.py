"""Turns documents into MDS: `spark-submit dataprep/jobs/text.py JOB.yaml` (or `python`, which runs it on this
machine).
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:  # run as a script: the repository's root replaces this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from dataprep.engine.job_command import run_job
from dataprep.text import job
from dataprep.text.config import TextJob
from dataprep.text.estimate import describe

if __name__ == "__main__":
    sys.exit(run_job(TextJob, describe, job.main, check=job.check))
