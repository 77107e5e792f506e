"""A dataset of pairs that the job has made, to be copied and taken rows from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from dataprep.pairs.config import PairsJob
from dataprep.pairs.job import run
from dataprep.tar.write import write_tar

HOSTS = ("a.example", "img.a.example", "b.example", "a.example.evil")


def uid_of(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture(scope="session")
def pairs_job(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes], tokenizer_dir: Path) -> PairsJob:
    """Settings of a job over two tars of 40 pairs each; pair n's URL lies on host n modulo 4."""
    folder = tmp_path_factory.mktemp("takedown")
    for tar in range(2):
        members: list[tuple[str, bytes]] = []
        for number in range(40 * tar, 40 * tar + 40):
            url = f"http://{HOSTS[number % 4]}/{number}.jpg"
            meta = {"uid": uid_of(number), "url": url, "caption": f"caption {number}"}
            members += [(f"{number}.jpg", picture(number)), (f"{number}.json", json.dumps(meta).encode())]
        with open(folder / f"{tar}.tar", "wb") as out:
            write_tar(out, members)
    base: dict[str, Any] = {"inputs": str(folder / "*.tar"), "out": str(folder / "out")}
    shape = {"seq_len": 64, "geometry": {"size": 32, "patch": 16}, "shard_bytes": 20_000}
    return PairsJob.model_validate({**base, **shape, "tokenizer": str(tokenizer_dir)})


@pytest.fixture(scope="session", params=[None, "zstd"], ids=["plain", "zstd"])
def made(request: pytest.FixtureRequest, spark: SparkSession, pairs_job: PairsJob) -> PairsJob:
    """The job with and without compression, after it has run."""
    out = f"{pairs_job.out}-{request.param}"
    job = pairs_job.model_copy(update={"out": out, "compression": request.param})
    run(spark, job)
    return job


@pytest.fixture
def dataset(made: PairsJob, tmp_path: Path) -> Path:
    """A copy of the finished dataset."""
    return Path(shutil.copytree(made.out, tmp_path / "dataset"))
