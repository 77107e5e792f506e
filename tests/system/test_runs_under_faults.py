"""Runs that are killed at random, and runs whose files lose a bit: no step is lost, repeated or trained on in silence.

`SWITCHPOINT_KILLS` and `SWITCHPOINT_SEED` set how many kills there are, and which; both are printed.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from composer.devices import DeviceCPU
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from schemas.run_log import steps
from tests.helpers import ranks, synthetic
from train.checkpoint import state
from train.checkpoint.folder import complete
from train.checkpoint.remote_store import RemoteStore
from train.config.run_config import RunConfig
from train.run.launch import fit
from train.run.soundness import problems

KILLS = int(os.environ.get("SWITCHPOINT_KILLS", "40"))
SEED = int(os.environ.get("SWITCHPOINT_SEED", str(random.randrange(1 << 30))))
BATCH = 12
"""Divides by one, two and three ranks."""


def curve(board: Path) -> Counter[int]:
    """How often TensorBoard shows each step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (folder,) = {path.parent for path in board.rglob("events.out.tfevents.*")}
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return Counter(event.step for event in found.Scalars("step/lr"))


def drawn(out: Path) -> list[tuple[Any, ...]]:
    """What the log says of each step, but for what the number of ranks rounds otherwise."""
    return [(s.step, s.position, s.phase, s.lr, s.samples, s.images, s.digest) for s in steps(out / "metrics.jsonl")]


def written(out: Path) -> int:
    file = out / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def kill_once(run: dict[str, Any], dice: random.Random) -> str:
    """Start the run in some shape, and kill one of its processes after some steps; returns what was done."""
    out, count, workers = Path(run["out"]), dice.choice([1, 2, 3]), dice.choice([0, 1, 2])
    before = written(out)
    process = ranks.start({**run, "workers": workers}, count)
    launcher = psutil.Process(process.pid)
    least, until = before + dice.randrange(-2, 9), time.monotonic() + 240
    while written(out) < least and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(dice.uniform(0, 0.2))
    family = launcher.children(recursive=True) if process.poll() is None else []
    victims = [launcher, *(one for one in family if _is_ours(one))]
    victim = dice.choice(victims)
    with contextlib.suppress(psutil.NoSuchProcess):
        victim.send_signal(signal.SIGKILL)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:  # nobody misses an uploader
        process.kill()
        process.communicate(timeout=240)
    alive = psutil.wait_procs(family, timeout=60)[1]
    assert not alive, "something still runs"
    what = "launcher" if victim is launcher else "child"
    return f"{count} ranks, {workers} workers, {what} at step {written(out)}"


def _is_ours(process: psutil.Process) -> bool:
    """Whether it is a rank, a loader worker or an uploader."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(part in str(process.cmdline()) for part in ("main.py", "upload"))
    return False


@pytest.mark.soak
def test_random_kills_lose_and_repeat_nothing(tmp_path, s3_bucket):
    """Across both switches, with loader workers and a remote, on one to three ranks."""
    print("seed", SEED, "kills", KILLS)
    dice = random.Random(SEED)
    schedule = synthetic.schedule(tmp_path, lengths=(BATCH * 60, BATCH * 60, BATCH * 60), global_batch=BATCH)
    schedule.save(tmp_path / "schedule.json")
    common = {
        "checkpoint": {"every": 3, "keep": 2, "remote": f"s3://{s3_bucket}/killed"},
        "loggers": {"tensorboard": str(tmp_path / "board")},
    }
    run = ranks.settings(tmp_path / "schedule.json", tmp_path / "killed", **common)
    done = []
    for turn in range(KILLS):
        done.append(kill_once(run, dice))
        print(turn, done[-1], flush=True)
        if written(tmp_path / "killed") >= 170:
            break
    ranks.finish(run, 2)
    print(len(done), "kills")
    whole = ranks.settings(tmp_path / "schedule.json", tmp_path / "whole", checkpoint={"every": 3, "keep": 2})
    ranks.finish(whole, 1)
    assert drawn(tmp_path / "killed") == drawn(tmp_path / "whole")
    assert curve(tmp_path / "board") == Counter(range(1, 181))
    assert list(problems(tmp_path / "killed")) == []
    kept = [[path.name for path in complete(tmp_path / name / "checkpoints")] for name in ("killed", "whole")]
    assert kept[0] == kept[1]
    for name in kept[0]:
        one, other = (state.read(tmp_path / run / "checkpoints" / name) for run in ("killed", "whole"))
        assert (one.step, one.samples, one.drawn, one.tokens) == (other.step, other.samples, other.drawn, other.tokens)
    assert set(kept[0][-1:]) <= set(RemoteStore(f"s3://{s3_bucket}/killed").complete())


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that stands at half of its steps, its config, and how it ends."""
    root = tmp_path_factory.mktemp("stopped")
    schedule = synthetic.schedule(root, lengths=(16, 16, 16))
    run = config(root / "out")
    run.out.mkdir()
    fit(run, schedule, DeviceCPU())
    end = steps_of(run.out), tensors_of(run.out)
    for path in complete(run.out / "checkpoints"):
        if int(path.name) > 24:
            shutil.rmtree(path)
    return root, schedule, end


def config(out: Path) -> RunConfig:
    found = ranks.settings("", out, checkpoint={"every": 1, "keep": 2})
    return RunConfig.model_validate(found)


def tensors_of(out: Path) -> dict[str, str]:
    """The digests of the last checkpoint's tensors."""
    newest = state.read(complete(out / "checkpoints")[-1])
    return {name: value for name, value in newest.digests.items() if name.endswith(".safetensors")}


def steps_of(out: Path) -> list[str]:
    return [s.model_dump_json(exclude={"seconds", "tokens_per_second"}) for s in steps(out / "metrics.jsonl")]


@pytest.mark.soak
def test_a_flipped_bit_is_found_or_harmless(stopped, tmp_path_factory):
    """In any file of a run that is going on: it ends as it would have, or is refused in a line that names a file."""
    root, schedule, end = stopped
    files = sorted(p.relative_to(root / "out") for p in (root / "out").rglob("*") if p.is_file() and p.stat().st_size)
    assert {"run.json", "metrics.jsonl"} <= {str(file) for file in files}
    found: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.sampled_from(files), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
    def flip(file: Path, where: float, bit: int) -> None:
        out = tmp_path_factory.mktemp("flipped") / "out"
        shutil.copytree(root / "out", out)
        content = bytearray((out / file).read_bytes())
        content[int(where * len(content))] ^= 1 << bit
        (out / file).write_bytes(content)
        refusal = ""
        try:
            fit(config(out), schedule, DeviceCPU())
        except InputError as error:
            refusal = str(error)
        if refusal:
            assert len(refusal.splitlines()) == 1
        else:
            assert tensors_of(out) == end[1], f"{file}: trained on in silence"
            # A digit of a past step's loss is nobody's input; what a step was made of is the audit's to prove.
            assert written(out) == len(end[0])
            assert file.name == "metrics.jsonl" or steps_of(out) == end[0], file
        found["refused" if refusal else "harmless"] += 1
        shutil.rmtree(out.parent)

    flip()
    print(dict(found))
