"""Jobs of real processes: `rank.py` under the `composer` launcher, on one node or several that share this machine."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from schemas.schedule import Schedule
from tests.helpers.rank import facts
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset

ROOT = Path(__file__).resolve().parents[2]
COMPOSER = Path(sys.executable).with_name("composer")
Row = list[Any]
"""As `rank.facts` has it."""


class Job:
    """A job on `nodes` x `ranks` processes, each node by a launcher of its own, as on a cluster.

    Args:
        root: its schedule.json is read, unless `plan` names another.
        cases: as `case` makes them; read one after another.
        plan: further settings of `rank.py`.
    """

    def __init__(self, root: Path, ranks: int, cases: list[dict[str, Any]], nodes: int = 1, **plan: Any) -> None:
        name = f"plan-{random.getrandbits(32):08x}"
        settings = {"schedule": str(root / "schedule.json"), "cache": str(root / "cache"), "cases": cases, **plan}
        (root / f"{name}.json").write_text(json.dumps(settings))
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        script = [str(Path(__file__).with_name("rank.py")), str(root / f"{name}.json")]
        port = _free_port()
        self._launchers, self._outputs = [], []
        for node in range(nodes):
            place = ["--node_rank", node, "--base_rank", node * ranks, "--world_size", nodes * ranks]
            place += ["--master_addr", "127.0.0.1", "--master_port", port]
            argv = [str(COMPOSER), "-n", str(ranks), *map(str, place), *script]
            self._outputs.append(root / f"{name}.{node}.txt")
            with self._outputs[-1].open("w") as output:
                self._launchers.append(
                    subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=root)
                )

    @property
    def running(self) -> bool:
        """Whether a launcher still runs."""
        return any(launcher.poll() is None for launcher in self._launchers)

    def ranks(self) -> list[psutil.Process]:
        """Ranks and loader workers that run now."""
        found = []
        for launcher in self._launchers:
            try:
                children = psutil.Process(launcher.pid).children(recursive=True)
                found += [child for child in children if "rank.py" in str(child.cmdline())]
            except psutil.NoSuchProcess:
                continue
        return found

    def wait_for_rows(self, out: Path) -> None:
        """Wait until the job begins to write."""
        deadline = time.monotonic() + 200
        while not any(out.glob("rows.*")) and time.monotonic() < deadline and self.running:
            time.sleep(0.01)

    def kill_one(
        self,
        out: Path,
        dice: random.Random,
        number: signal.Signals = signal.SIGKILL,
        may: Callable[[psutil.Process], bool] = lambda process: True,
    ) -> None:
        """Send a random process of the job, of those that it `may` be, a signal, after the job began to write."""
        self.wait_for_rows(out)
        time.sleep(dice.uniform(0, 0.7))
        if victims := list(filter(may, self.ranks())):
            dice.choice(victims).send_signal(number)

    def finish(self, timeout: float = 200) -> tuple[bool, str]:
        """Wait for its end; returns whether all went well, and what was said."""
        deadline = time.monotonic() + timeout
        try:
            codes = [launcher.wait(max(1.0, deadline - time.monotonic())) for launcher in self._launchers]
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it hangs: {self._said()}") from None
        finally:  # an interrupted test leaves nothing behind
            for process in [*self.ranks(), *(launcher for launcher in self._launchers if launcher.poll() is None)]:
                process.kill()
        return not any(codes), self._said()

    def _said(self) -> str:
        return "".join(output.read_text() for output in self._outputs)


def case(out: Path, *, start: int = 0, workers: int = 0, global_batch: int, **others: Any) -> dict[str, Any]:
    """What a job reads, from `start` to the end of the run, and where it writes down what it read."""
    return {"out": str(out), "start": start, "workers": workers, "global_batch": global_batch, **others}


def batches(out: Path) -> list[list[Row]]:
    """Global batches as the ranks of one undisturbed job read them, rows in the order of the ranks."""
    logs = [[json.loads(line) for line in path.open()] for path in sorted(out.glob("rows.*.jsonl"))]
    return [[row for part in step for row in part] for step in zip(*logs, strict=True)]


def rows_read(out: Path) -> list[Row]:
    """All rows that all ranks of all jobs wrote to `out`."""
    return [row for path in out.glob("rows.*.jsonl") for line in path.open() for row in json.loads(line)]


def reached(out: Path) -> int:
    """The position of the last step that all ranks have taken: where a checkpoint would stand."""
    return int((out / "position").read_text()) if (out / "position").exists() else 0


def digests(steps: list[list[Row]]) -> list[str]:
    """A hash of each global batch."""
    return [hashlib.sha256(json.dumps(rows).encode()).hexdigest() for rows in steps]


def cut(rows: list[Row], size: int) -> list[list[Row]]:
    """Steps of `size` rows."""
    return [rows[low : low + size] for low in range(0, len(rows), size)]


def whole_run(schedule: Schedule, cache: Path) -> list[Row]:
    """The run as one process reads it, checked against the schedule's own samples."""
    dataset = ScheduleDataset(schedule, schedule.global_batch, cache=str(cache))
    try:
        rows = [row for batch in ScheduleLoader(dataset, 0) for row in facts(batch)]
    finally:
        dataset.close()
    sources, samples = schedule.samples(0, schedule.total_samples)
    assert [row[:3] for row in rows] == [[p, *pair] for p, pair in enumerate(zip(sources, samples, strict=True))]
    return rows


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
