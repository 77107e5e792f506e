"""What all tests share: a clean environment, fixtures by their files, and one small demo, run once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import hypothesis
import pytest
from filelock import FileLock

from tests.helpers.commands import ROOT, SMOKE, FinishedDemo, command_environment

pytest_plugins = [
    f"tests.helpers.{name}"
    for name in ("loopback_only", "object_stores", "upload_hub", "pictures", "small_tokenizer", "spark_session")
]
"""Fixtures that tests of more than one package use; what they need is imported when a test asks."""

# No test asks a hub, an update server or a tracker; Spark stays on loopback and runs this interpreter.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_ENDPOINT="http://127.0.0.1:9",
    NO_ALBUMENTATIONS_UPDATE="1",
    WANDB_MODE="offline",
    TOKENIZERS_PARALLELISM="false",
    SPARK_LOCAL_IP="127.0.0.1",
    SWITCHPOINT_HEARTBEAT_S="600",  # what a command says does not depend on how busy the machine is
    PYSPARK_PYTHON=sys.executable,
    PYSPARK_DRIVER_PYTHON=sys.executable,
)

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Gzip's header holds the time of day: tests named by it would be other tests for every worker."""
    return f"gzip of {len(val)} bytes" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


def pytest_configure(config: pytest.Config) -> None:
    """Tests compare numbers that a CPU makes, with two ranks where there may be one GPU: `-m gpu` alone sees any."""
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with a slow test first, so that no worker is alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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
