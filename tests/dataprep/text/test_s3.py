"""The text job with an S3 API server (loopback) as input and output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from pyspark.sql import SparkSession

from dataprep import files, verify
from dataprep.plan import STAGING
from dataprep.text.config import TextJob
from dataprep.text.job import run
from dataprep.text.why import why

ROOT = Path(__file__).resolve().parents[3]


def run_in_process(job: TextJob, folder: Path) -> None:
    (folder / "job.yaml").write_text(json.dumps(job.model_dump()))
    command = [sys.executable, str(ROOT / "dataprep/jobs/text.py"), str(folder / "job.yaml")]
    assert subprocess.run(command, cwd=folder, timeout=120, check=False).returncode == 0


@pytest.mark.slow
def test_from_s3_to_s3_as_on_local_disk(spark: SparkSession, bucket: str, tmp_path: Path, tokenizer_dir: Path) -> None:
    for number in range(3):
        rows = "\n".join(f'{{"text": "{number} {line} the thing and", "url": "u"}}' for line in range(200))
        data = zstandard.ZstdCompressor().compress(rows.encode())
        (tmp_path / f"{number}.jsonl.zst").write_bytes(data)
        files.publish_bytes(data, f"{bucket}/in/{number}.jsonl.zst")
    outs = {}
    for place in (str(tmp_path), bucket):
        settings = {"inputs": [f"{place}/**/*.zst"], "out": f"{place}/out", "tokenizer": str(tokenizer_dir)}
        job = TextJob.model_validate({**settings, "seq_len": 64, "shard_bytes": 1 << 10, "compression": "zstd"})
        if place == bucket:  # executors get their environment when the JVM starts: a process of its own
            run_in_process(job, tmp_path)
        else:
            run(spark, job)
        assert verify.verify(job.out)[1] == []
        assert why(job.out, 3)[0].fields["url"] == "u"
        assert [name for name in files.list_files(job.out) if STAGING in name] == [f"{job.out}/{STAGING}/plan.json"]
        shards = [name for name in files.list_files(job.out) if ".mds" in name or name.endswith("index.json")]
        outs[place] = {name.removeprefix(job.out): files.read_bytes(name) for name in shards}
    assert len(outs[bucket]) > 10
    assert outs[bucket] == outs[str(tmp_path)]
