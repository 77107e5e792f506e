"""Processes die at moments that nobody chose; the dataset is byte-identical to an undisturbed run's on one core.

A moment is a number of receipts: as soon as that many tasks are done, in whatever stage, the victim is killed.
Hypothesis draws it, as often as SWITCHPOINT_KILLS says; a failure names what was drawn. `test_killed.py` has chosen
moments and always runs.
The tokenizer is one that gigatoken does not support, so that tasks last long enough to be hit.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import zstandard
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from dataprep.engine.paths import STAGING
from schemas.manifest import Manifest
from tests.helpers.folders import tree
from tests.helpers.killing import LIMIT_S, submit

pytestmark = pytest.mark.soak
FILES = 6
CLUSTER = "local-cluster[2,1,1024]"
AS_A_FRACTION = st.floats(0, 1)
few = settings(
    max_examples=int(os.environ.get("SWITCHPOINT_KILLS", "1")),
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
numbers = itertools.count()


def prepare(folder: Path, tokenizer_dir: Path) -> None:
    """Inputs with copies, and an evaluation set that some of them hold."""
    parsed = json.loads((tokenizer_dir / "tokenizer.json").read_text())
    parsed["pre_tokenizer"] = {"type": "Whitespace"}
    (folder / "tokenizer.json").write_text(json.dumps(parsed))
    (folder / "evaluation.jsonl").write_text('{"q": "a question of no fewer than seven words"}\n')
    (folder / "in").mkdir()
    for file in range(FILES):
        texts = [f"{file * line % 901}.{line} the and thing " * 100 for line in range(250)]
        texts[7::50] = texts[6::50]
        texts[9::50] = [f"{text} a question of no fewer than seven words" for text in texts[9::50]]
        data = "\n".join(json.dumps({"text": text}) for text in texts).encode()
        (folder / "in" / f"{file}.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(data))


def job(folder: Path, out: Path) -> dict[str, Any]:
    rules: dict[str, object] = {"deduplicate": True, "where": "characters > 10"}
    sets = [{"name": "seven", "files": str(folder / "evaluation.jsonl"), "fields": "q"}]
    paths = {"inputs": str(folder / "in/*.zst"), "out": str(out), "tokenizer": str(folder / "tokenizer.json")}
    return {**paths, **rules, "decontaminate": {"sets": sets, "ngram": 7}, "seq_len": 128, "shard_bytes": 1 << 17}


def finish(folder: Path, out: Path, master: str) -> None:
    with submit("text", job(folder, out), master) as process:
        assert process.wait(LIMIT_S) == 0


def receipts(out: Path) -> int:
    return sum(1 for path in (out / STAGING).glob("*/*.json") if not path.name.startswith("."))


def wait_for(process: subprocess.Popen[bytes], out: Path, count: int) -> bool:
    """Until `count` tasks are done; whether the job is still running then."""
    deadline = time.monotonic() + LIMIT_S
    while process.poll() is None and not ((out / STAGING / "plan.json").exists() and receipts(out) >= count):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process.poll() is None


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]


def is_executor(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):  # Python workers come and go
        return any("CoarseGrainedExecutorBackend" in part for part in process.cmdline())
    return False


def end_of(process: subprocess.Popen[bytes], victim: str) -> int:
    """SIGKILL: one executor, the Python processes of one executor, or the driver with all its children at once.

    Returns the number of processes that were told to end.
    """
    members = family(process)
    if victim != "driver":
        executors = [one for one in members if is_executor(one)]
        members = executors[:1] if victim == "executor" else executors[0].children(recursive=True) if executors else []
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    psutil.wait_procs(members, 20)
    return len(members)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> Path:
    """Inputs, and the dataset `calm` of a run that nothing disturbed, on one core."""
    folder = tmp_path_factory.mktemp("killed")
    prepare(folder, tokenizer_dir)
    finish(folder, folder / "calm", "local[1]")
    return folder


@pytest.fixture(scope="module")
def tasks(prepared: Path) -> int:
    """Tasks of the job: three stages of one for each input, and the shards."""
    manifest = Manifest.load(prepared / "calm")
    assert manifest.rows.rejected.keys() == {"contaminated:seven", "duplicate"}
    return 3 * FILES + len(manifest.shards)


@few
@given(victim=st.sampled_from(["executor", "python"]), moment=AS_A_FRACTION)
def test_an_executor_or_its_python_processes_are_killed(prepared: Path, tasks: int, victim: str, moment: float) -> None:
    out = prepared / f"disturbed-{next(numbers)}"
    with submit("text", job(prepared, out), CLUSTER) as process:
        alive = wait_for(process, out, round(moment * (tasks - 1)))
        note(f"{victim} after {receipts(out)} of {tasks} tasks; the job was running: {alive}")
        if alive:
            note(f"{end_of(process, victim)} processes killed")
        assert process.wait(LIMIT_S) == 0
    assert tree(out) == tree(prepared / "calm")


@few
@given(moments=st.tuples(AS_A_FRACTION, AS_A_FRACTION).map(sorted))
def test_the_driver_is_killed_twice(prepared: Path, tasks: int, moments: list[float]) -> None:
    out = prepared / f"disturbed-{next(numbers)}"
    for moment, master in zip(moments, (CLUSTER, "local[2]"), strict=True):
        with submit("text", job(prepared, out), master) as process:
            alive = wait_for(process, out, round(moment * tasks))
            note(f"driver after {receipts(out)} of {tasks} tasks; the job was running: {alive}")
            if alive:
                end_of(process, "driver")
            process.wait(LIMIT_S)
    finish(prepared, out, "local[3]")
    assert tree(out) == tree(prepared / "calm")
