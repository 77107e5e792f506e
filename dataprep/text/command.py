"""Command line of the text job."""

from __future__ import annotations

import argparse
import sys

from dataprep import files, spark
from dataprep.plan import begin
from dataprep.progress import Progress
from dataprep.text.config import TextJob
from dataprep.text.job import plan_job, run
from dataprep.tokenizer import load
from schemas import yaml_file
from schemas.errors import exit_code
from schemas.manifest import Manifest


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status (2 for a user's mistake, which is one line on stderr)."""
    parser = argparse.ArgumentParser(prog="text.py", description="Tokenize and pack documents into an MDS dataset.")
    parser.add_argument("job", metavar="JOB.yaml", help="see dataprep/text/config.py for the keys")
    parser.add_argument("--dry-run", action="store_true", help="check everything, show the plan, write nothing")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _command(options.job, dry_run=options.dry_run))


def _command(path: str, *, dry_run: bool) -> None:
    job = yaml_file.load(path, TextJob)
    spec = load(job.tokenizer, end_of_text=job.end_of_text, pad=job.pad)
    files.expand(job.inputs)  # a wrong path shows before the session starts
    session = spark.session("switchpoint-text")
    try:
        if dry_run:
            plan = plan_job(session, job, spec)
            size = sum(one.bytes for one in plan.inputs)
            state = begin(files.absolute(job.out), plan, write=False)
            print(f"plan {plan.hash}: {len(plan.inputs)} inputs, {size:,} bytes; {files.absolute(job.out)} is {state}")
        else:
            print(_summary(job, run(session, job, progress=Progress())), file=sys.stderr)
    finally:
        session.stop()


def _summary(job: TextJob, manifest: Manifest) -> str:
    rows, tokens = manifest.rows, manifest.tokens
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in rows.rejected.items()) or "none rejected"
    lines = [
        f"{job.out}: {manifest.samples:,} samples of {manifest.seq_len:,} in {len(manifest.shards):,} shards",
        f"  {rows.written:,} of {rows.read:,} rows written ({rejected})",
        f"  {tokens.text:,} tokens, {tokens.pad:,} padding",
    ]
    return "\n".join([*lines, *(f"  warning: {warning}" for warning in manifest.warnings)])
