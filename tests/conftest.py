"""What tests of more than one package share: a clean environment, and one small demo, run once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under several workers a file stays together (fixtures are made once) and so does all that shares the demo."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        group = "demo" if "finished_demo" in fixtures else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory) -> FinishedDemo:
    """The README's first command, at the size of `recipes/smoke`."""
    work = tmp_path_factory.mktemp("demo") / "demo-run"
    env = command_environment(WORK=str(work), DEMO_ARGS=f"--recipes {SMOKE}")
    done = subprocess.run(["make", "demo"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)
    assert (work / "report.html").is_file(), done.stdout[-3000:] + done.stderr[-6000:]
    return FinishedDemo(work, done.returncode, done.stdout + done.stderr)
