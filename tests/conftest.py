"""What tests of more than one package share: a clean environment, and one small demo, run once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from filelock import FileLock

from tests.support import ROOT, SMOKE, FinishedDemo, command_environment

# No test asks a hub, an update server or a tracker; Spark stays on loopback and runs this interpreter.
os.environ.update(
    HF_HUB_OFFLINE="1",
    NO_ALBUMENTATIONS_UPDATE="1",
    WANDB_MODE="offline",
    TOKENIZERS_PARALLELISM="false",
    SPARK_LOCAL_IP="127.0.0.1",
    PYSPARK_PYTHON=sys.executable,
    PYSPARK_DRIVER_PYTHON=sys.executable,
)

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Tests compare numbers that a CPU makes, with two ranks where there may be one GPU: `-m gpu` alone sees any."""
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture
def s3_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Client of an S3 server of the test's own, on loopback; every library finds the server in the environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "S3_ENDPOINT_URL": f"http://{host}:{port}",  # Streaming's name for it
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("s3", endpoint_url=settings["AWS_ENDPOINT_URL"])
    server.stop()


@pytest.fixture
def s3_bucket(s3_client: Any) -> str:
    """Name of a new bucket: the server's memory outlives the server."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> FinishedDemo:
    """The README's first command, at the size of `recipes/smoke`; made once, whichever worker asks first."""
    own = tmp_path_factory.getbasetemp()
    folder = own if worker_id == "master" else own.parent
    work, said = folder / "demo-run", folder / "demo.json"
    with FileLock(folder / "demo.lock"):
        if not said.exists():
            env = command_environment(WORK=str(work), DEMO_ARGS=f"--recipes {SMOKE}")
            done = subprocess.run(["make", "demo"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
            assert (work / "report.html").is_file(), done.stdout[-3000:] + done.stderr[-6000:]
            said.write_text(json.dumps([done.returncode, done.stdout + done.stderr]))
    status, output = json.loads(said.read_text())
    return FinishedDemo(work, status, output)
