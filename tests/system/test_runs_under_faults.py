"""Runs that are killed at random: no step is lost or repeated.

`SWITCHPOINT_KILLS` and `SWITCHPOINT_SEED` set how many kills there are, and which; both are printed. With
`SWITCHPOINT_KILLED=FOLDER` the run is kept there, and a test that was interrupted goes on from its last kill.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from schemas.run_log import steps
from tests.helpers import ranks, synthetic
from train.checkpoint import state
from train.checkpoint.folder import complete
from train.checkpoint.remote_store import RemoteStore
from train.run.soundness import problems

KILLS = int(os.environ.get("SWITCHPOINT_KILLS", "40"))
SEED = int(os.environ.get("SWITCHPOINT_SEED", str(random.randrange(1 << 30))))
KEPT = os.environ.get("SWITCHPOINT_KILLED")
STEPS = 600
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


def kill_once(run: dict[str, Any], turn: int) -> str:
    """Start the run in some shape, and kill one or all of its processes at some moment; returns what was done.

    The moment is some seconds after the start, or a step: the kills share the run's length among them.
    """
    dice = random.Random(f"{SEED}-{turn}")
    out, count, workers = Path(run["out"]), dice.choice([1, 1, 1, 2, 2, 3]), dice.choice([0, 1, 2])
    before, began = written(out), time.monotonic()
    least = max(before - 2, round(STEPS * (turn + dice.random()) / (KILLS + 1)))
    seconds = dice.uniform(0, 15) if dice.random() < 0.2 else 240.0
    process = ranks.start({**run, "workers": workers}, count)
    try:
        launcher = psutil.Process(process.pid)
        while written(out) < least and process.poll() is None and time.monotonic() < began + seconds:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.2))
        family = launcher.children(recursive=True) if process.poll() is None else []
        victims = [launcher, *(one for one in family if _is_ours(one))]
        victim = dice.choice(victims)
        everything = dice.random() < 0.2
        role = "everything" if everything else _role(victim, launcher)
        for one in victims if everything else [victim]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        if role == "uploader":  # nobody misses it: the run goes on until its launcher dies, too
            time.sleep(dice.uniform(0, 1))
            process.kill()
        output, _ = process.communicate(timeout=240)
    finally:
        process.kill()  # its ranks hear of it from the kernel
    alive = psutil.wait_procs(family, timeout=60)[1]
    assert not alive, "something still runs"
    assert process.returncode, f"nothing was killed: {output}"
    took = time.monotonic() - began
    return f"{count} ranks, {workers} workers, {role}, from step {before} to {written(out)}, {took:.0f} s"


def _is_ours(process: psutil.Process) -> bool:
    """Whether it is a rank, a loader worker or an uploader."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(part in str(process.cmdline()) for part in ("main.py", "upload"))
    return False


def _role(process: psutil.Process, launcher: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        if process.pid == launcher.pid:
            return "launcher"
        if "upload" in str(process.cmdline()):
            return "uploader"
        return "rank" if process.ppid() == launcher.pid else "worker"
    return "gone"


@pytest.mark.soak
def test_random_kills_lose_and_repeat_nothing(tmp_path, s3_bucket):
    """Across both switches, with loader workers and a remote, on one to three ranks."""
    root = Path(KEPT or tmp_path)
    root.mkdir(parents=True, exist_ok=True)
    seen = root / "kills.txt"
    schedule = synthetic.schedule(root, lengths=(BATCH * STEPS // 3,) * 3, global_batch=BATCH)
    schedule.save(root / "schedule.json")
    common = {
        "checkpoint": {"every": 3, "keep": 2, "remote": f"s3://{s3_bucket}/killed"},
        "loggers": {"tensorboard": str(root / "board")},
    }
    run = ranks.settings(root / "schedule.json", root / "killed", **common)
    done = seen.read_text().splitlines() if seen.exists() else []
    print("seed", SEED, "kills", KILLS, "of which done before", len(done), flush=True)
    for turn in range(len(done), KILLS):
        done.append(f"{SEED}-{turn}: {kill_once(run, turn)}")
        print(done[-1], flush=True)
        seen.write_text("\n".join(done) + "\n")
    ranks.finish(run, 2)
    whole = ranks.settings(root / "schedule.json", root / "whole", checkpoint={"every": 3, "keep": 2})
    ranks.finish(whole, 1)
    assert drawn(root / "killed") == drawn(root / "whole")
    assert curve(root / "board") == Counter(range(1, STEPS + 1))
    assert list(problems(root / "killed")) == []
    kept = [[path.name for path in complete(root / name / "checkpoints")] for name in ("killed", "whole")]
    assert kept[0] == kept[1]
    for name in kept[0]:
        one, other = (state.read(root / run / "checkpoints" / name) for run in ("killed", "whole"))
        assert (one.step, one.samples, one.drawn, one.tokens) == (other.step, other.samples, other.drawn, other.tokens)
    assert set(kept[0][-1:]) <= set(RemoteStore(f"s3://{s3_bucket}/killed").complete())
