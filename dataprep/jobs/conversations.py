"""Packs LLaVA's JSON into windows (`dataprep.conversations`): `spark-submit dataprep/jobs/conversations.py
JOB.yaml`.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:  # run as a script: the repository's root replaces this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from dataprep.conversations import job
from dataprep.conversations.config import ConversationsJob
from dataprep.engine.job_command import run_job

if __name__ == "__main__":
    sys.exit(run_job(ConversationsJob, job.describe, job.main))
