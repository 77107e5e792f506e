"""Processes of data jobs are killed again and again, at random; every byte is that of an undisturbed run on one core.

A seed draws where each start of the job runs, victims and moments. A killed Python process or executor costs a task,
which Spark repeats (a thousand times, if need be), so that one run survives many; after the JVM, the driver or
everything was killed, the same command starts again.

`SWITCHPOINT_KILL_MINUTES` says how long it goes on, a quarter for each job, with seeds after the job's last one in the
ledger (`docs/kills.csv`), or from `SWITCHPOINT_KILL_SEED`; `SWITCHPOINT_KILL_LEDGER` names the ledger that is added to.
Moments are times and events of a running job: a seed repeats what is drawn, not the microsecond.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from dataprep.engine.output_version import OUTPUT_VERSION
from dataprep.engine.paths import INDEX_NAME, PLAN_NAME, STAGING
from schemas.manifest import MANIFEST_NAME
from tests.helpers import fault_worlds, kill_ledger
from tests.helpers.folders import tree
from tests.helpers.job_session import by_role, ended, family, kill, said, started, the_line
from tests.helpers.kill_ledger import EQUAL, Entry
from tests.helpers.killing import LIMIT_S
from tests.helpers.stranger import encode, running

pytestmark = pytest.mark.soak
MINUTES = float(os.environ.get("SWITCHPOINT_KILL_MINUTES", "1.5"))
LEAST = 10
"""Kills of each job, however few the minutes."""
LOCAL, CLUSTER = "local[2,1000]", "local-cluster[2,1,1024]"
TIMES = {"text": 32, "pairs": 20, "conversations": 20, "download": 8}
"""How much longer than in a test of one fault a job lasts."""
WEIGHTS = {"worker": 12.0, "daemon": 3.0, "executor": 2.0, "jvm": 0.6, "driver": 0.3, "everything": 0.3}
FATAL = {"jvm", "driver", "everything"}
EXECUTORS = 3
"""At most so many die in a run: Spark tries a stage four times for want of what an executor had."""
World = tuple[str, dict[str, Any], Path]


@pytest.fixture(scope="module", params=fault_worlds.JOBS)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path
) -> Iterator[World]:
    """A job, its settings, and a folder with `calm`, which a run on one core made that nothing disturbed."""
    job, folder = request.param, tmp_path_factory.mktemp(request.param)
    with running(slowly) as server:
        tokenizer = fault_worlds.slow_tokenizer(folder, tokenizer_dir)
        given = fault_worlds.settings(job, folder / "in", tokenizer, server, TIMES[job])
        given |= fault_worlds.selecting(job, folder)
        with started(job, given, folder / "calm", **on("local[1]")) as process:
            assert process.wait(LIMIT_S) == 0, said(folder / "calm")
        staging = {name for name in tree(folder / "calm") if name.startswith(STAGING)}
        assert job == "download" or staging == {f"{STAGING}/{PLAN_NAME}"}, "who never sweeps is not told by comparing"
        yield job, given, folder


def slowly(seed: int) -> bytes:
    """Make a picture as a distant server does."""
    time.sleep(0.1)
    return encode(seed)


def on(master: str) -> dict[str, str]:
    """The environment in which a plain `python JOB.py` runs on `master`."""
    failures = "--conf spark.task.maxFailures=1000" if master == CLUSTER else ""
    return {"PYSPARK_SUBMIT_ARGS": f"--master {master} {failures} pyspark-shell"}


def test_kills_change_no_byte(world: World) -> None:
    began, total, kept = time.monotonic(), Counter[str](), os.environ.get("SWITCHPOINT_KILL_LEDGER")
    known = [one.seed for one in kill_ledger.read(Path(kept or kill_ledger.LEDGER)) if one.job == world[0]]
    first = seed = int(os.environ.get("SWITCHPOINT_KILL_SEED") or max(known, default=0) + 1)
    until = began + 60 * MINUTES / len(fault_worlds.JOBS)
    while time.monotonic() < until or total.total() < LEAST:
        entry = entry_of(seed, world, until)
        if kept:
            kill_ledger.append(Path(kept), entry)
        print(entry.line(), end="", flush=True)
        assert entry.result == EQUAL, f"SWITCHPOINT_KILL_SEED={seed}"
        total.update(entry.killed)
        seed += 1
    took = time.monotonic() - began
    print(f"{world[0]}: {total.total()} kills: {dict(total)}; seeds {first} to {seed - 1}, {took:.0f} s")


def entry_of(seed: int, world: World, until: float) -> Entry:
    """Run the job under the kills of a seed, to its end; of `LEAST` kills and more, none comes after `until`."""
    job, given, folder = world
    dice, out, began = random.Random(f"{job}-{seed}"), folder / f"{seed}", time.monotonic()
    fatal = dice.choice([0, 1, 1, 2, 3])
    killed, starts, result, done = Counter[str](), 0, "failed", False
    try:
        while not done:
            starts += 1
            with started(job, given, out, **on(dice.choices([LOCAL, CLUSTER], [7, 1])[0])) as process:
                shots = random.Random(f"{job}-{seed}-{starts}")
                last = under_fire(process, out, shots, killed, fatal=fatal > 0, until=until)
                done = outcome(process, out, last)
            fatal -= last in FATAL
        result = EQUAL if tree(out) == tree(folder / "calm") else "differs"
    except (AssertionError, subprocess.TimeoutExpired) as error:
        print(f"seed {seed}: {error}\n{said(out)[-4000:]}")
    if result == EQUAL:
        shutil.rmtree(out)
    seconds = round(time.monotonic() - began)
    return Entry(seed, job, killed, starts, seconds, OUTPUT_VERSION[job], result)


def under_fire(
    process: subprocess.Popen[bytes],
    out: Path,
    dice: random.Random,
    killed: Counter[str],
    *,
    fatal: bool,
    until: float,
) -> str | None:
    """Kill processes of a run until it ends or has had enough; the last victim."""
    most, mine, last = dice.randint(20, 80), Counter[str](), None
    longest = 10.0
    at_commit, patience = fatal and dice.random() < 0.15, dice.choice([0, dice.randint(1, 40)])
    while process.poll() is None and mine.total() < most:
        if time.monotonic() > until and killed.total() >= LEAST:
            break
        wait_for_moment(process, out, dice, longest=longest, at_commit=at_commit)
        longest = 1.5
        spared = (WEIGHTS.keys() - FATAL) if at_commit else set() if fatal and mine.total() >= patience else FATAL
        enough = {"executor"} if mine["executor"] == EXECUTORS else set()
        if victim := strike(process, dice, spared | enough):
            last = victim
            mine[victim] += 1
            killed[victim] += 1
            if victim in FATAL:
                break
    return last


def wait_for_moment(
    process: subprocess.Popen[bytes], out: Path, dice: random.Random, *, longest: float, at_commit: bool
) -> None:
    """At once, a time after the last kill, the beginning of an attempt, a receipt, or the commit."""
    kind = "commit" if at_commit else dice.choices(["at once", "time", "attempt", "receipt"], [3, 3, 6, 2])[0]
    limits = {"at once": 0.0, "time": dice.uniform(0, longest), "commit": LIMIT_S}
    limit = time.monotonic() + limits.get(kind, 3.0)
    attempts, receipts = set(named(out, "tmp/*")), len(named(out, "*/*.json"))
    last, later = out / dice.choice([INDEX_NAME, MANIFEST_NAME]), dice.choice([0, dice.uniform(0, 0.5)])
    while process.poll() is None and time.monotonic() < limit:
        if kind == "attempt" and set(named(out, "tmp/*")) - attempts:
            time.sleep(later)
            return
        if kind == "receipt" and len(named(out, "*/*.json")) > receipts:
            return
        if kind == "commit" and last.exists():
            return
        time.sleep(0.01)


def named(out: Path, pattern: str) -> list[str]:
    """Files and folders of the staging area that a pattern names, whoever removes them meanwhile."""
    with suppress(FileNotFoundError):
        return [str(path) for path in (out / STAGING).glob(pattern)]
    return []


def strike(process: subprocess.Popen[bytes], dice: random.Random, spared: set[str]) -> str | None:
    """Kill a process of a drawn role, or all of the job's, if one is alive and not spared; which role it had.

    What a killed process has started ends, too: nothing of a daemon, an executor or a driver may outlive it.
    """
    living = by_role(process.pid)
    living["everything"] = living["driver"]
    victim = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    children = kill(dice.choice(living[victim])) if living[victim] and victim not in spared else None
    if children is None:
        time.sleep(0.02)
        return None
    if victim == "everything":
        for one in family(process.pid):
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
    ended(children)
    return victim


def outcome(process: subprocess.Popen[bytes], out: Path, last: str | None) -> bool:
    """Whether the job is done; if not, it has said why in one line, unless its driver was killed."""
    status = process.wait(LIMIT_S)
    if last in ("driver", "everything"):
        assert status == -signal.SIGKILL, status
        return False
    if last == "jvm" and status:
        assert status == 2, status
        assert re.match(r"error: .*the JVM ended: it was killed, or could not start; ", the_line(out)), said(out)
        return False
    assert status == 0, status
    assert not re.search(r"^error: ", said(out), re.MULTILINE)
    return True
