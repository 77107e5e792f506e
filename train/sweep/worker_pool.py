"""Trains a sweep's stretches and scores its runs by a few workers on one machine, trunks before branches.

Small runs are shorter than the start of a process, so workers stay: each trains one stretch after another in one
process (one rank, its own GPU where there are several). A stretch is ready when its parent is done. Finished ones leave
the file `done`, as the sweep's own launch files do, so the two can be mixed, and a killed call goes on from there.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from common import heartbeat
from common.errors import InputError
from common.file_lock import exclusive
from schemas.sweep_file import SweepFile
from train.evaluation import official_files
from train.sweep.scoring import SCORES, Scoring, is_scored, score_run

DONE = "done"


@dataclass(frozen=True)
class Stretch:
    """A node of the sweep."""

    id: str
    parent: str | None
    ends: bool
    """Whether a run is complete here."""
    tokens: int


def read(folder: Path) -> list[Stretch]:
    """The nodes of the sweep at `folder`.

    Raises:
        InputError: there is none, or it was written without run configs.
    """
    found = [Stretch(node.id, node.parent, bool(node.ends), node.tokens) for node in SweepFile.load(folder).nodes]
    for stretch in found:
        if not (folder / "nodes" / stretch.id / "run.yaml").is_file():
            raise InputError("no run.yaml here", file=folder / "nodes" / stretch.id, remedy="give the sweep a `train:`")
    return found


def work(folder: Path, *, workers: int = 1, threads: int | None = None, scoring: Scoring | None = None) -> float:
    """Train and score what is left to do; returns the seconds that it took.

    Raises:
        InputError: a stretch cannot be trained or scored (the others that do not depend on it are finished first), or
            another process works on the sweep.
    """
    stretches = read(folder)
    with exclusive(folder / ".lock", "training of the sweep"):
        return _work_through(folder, stretches, workers, threads, scoring or Scoring())


def _work_through(folder: Path, stretches: list[Stretch], workers: int, threads: int | None, scoring: Scoring) -> float:
    digest = cache(official_files.digest)  # runs share their official files
    finished = {one.id for one in stretches if _is_done(folder, one, scoring, digest)}
    began, total = time.monotonic(), sum(one.tokens for one in stretches)
    if finished:
        print(f"{len(finished)} of {len(stretches)} stretches are done already", file=sys.stderr)
    heartbeat.at("training, stretches", total=len(stretches))
    heartbeat.done(len(finished))
    waiting = [one for one in stretches if one.id not in finished]
    ahead = longest(stretches)
    running: dict[Future[float], Stretch] = {}
    failed: dict[str, BaseException] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_settle, initargs=(threads,)) as pool:
        while waiting or running:
            ready = [one for one in waiting if one.parent is None or one.parent in finished]
            for one in sorted(ready, key=lambda one: -ahead[one.id])[: workers - len(running)]:
                running[pool.submit(_stretch, folder, one, scoring)] = one
                waiting.remove(one)
            if not running:  # what is left waits for a stretch that failed
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                one = running.pop(future)
                if error := future.exception():
                    failed[one.id] = error
                    continue
                finished.add(one.id)
                heartbeat.done()
                share = sum(other.tokens for other in stretches if other.id in finished) / total
                spent = time.monotonic() - began
                print(f"{one.id}: {future.result():.0f} s; {len(finished)} of {len(stretches)} stretches, "
                      f"{share:.0%} of the tokens, {spent:.0f} s", file=sys.stderr)  # fmt: skip
    if failed:
        name, error = next(iter(failed.items()))
        if isinstance(error, InputError):
            raise error
        if isinstance(error, BrokenProcessPool):
            raise InputError("a worker was killed", file=folder / "nodes" / name, remedy="start again to go on")
        raise error
    return time.monotonic() - began


def longest(stretches: Sequence[Stretch]) -> dict[str, int]:
    """Tokens of the longest chain from each stretch on, itself included: those with the most go first.

    Parents come before their children in `stretches`, as in `sweep.json`.
    """
    found: dict[str, int] = {}
    after: dict[str | None, int] = {}
    for one in reversed(stretches):
        found[one.id] = one.tokens + after.get(one.id, 0)
        after[one.parent] = max(after.get(one.parent, 0), found[one.id])
    return found


def _is_done(folder: Path, stretch: Stretch, scoring: Scoring, digest: Callable[[Path], str]) -> bool:
    place = folder / "nodes" / stretch.id
    if not (place / DONE).exists():
        return False
    return not (stretch.ends and scoring.wanted) or is_scored(place / SCORES, scoring, digest)


def _settle(threads: int | None) -> None:
    """A worker's first words."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    if torch.cuda.is_available():
        number: Any = multiprocessing.current_process()._identity[0]  # type: ignore[attr-defined]
        torch.cuda.set_device((number - 1) % torch.cuda.device_count())


def _stretch(folder: Path, stretch: Stretch, scoring: Scoring) -> float:
    """Train a stretch, and score the run that ends there; returns seconds."""
    from train.config.run_config import read_run
    from train.run.launch import launch

    began = time.monotonic()
    place = folder / "nodes" / stretch.id
    if not (place / DONE).exists():
        launch(*read_run(place / "run.yaml"))
        (place / DONE).touch()
    if stretch.ends and scoring.wanted:
        score_run(place, scoring)
    return time.monotonic() - began
