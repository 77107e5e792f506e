"""A run's folder as the trainer leaves it: a schedule, and the log of its first steps."""

from __future__ import annotations

from pathlib import Path

from schemas.run_log import Step
from schemas.schedule import Schedule
from tests.helpers import synthetic

LENGTHS = (44, 40, 36)
"""Samples of each phase: with steps of 8, both switches lie inside a step."""


def write_run(folder: Path, *, steps: int = 15, batch: int = 8) -> Schedule:
    """A run's folder: schedule and log of its first `steps` steps, as the trainer writes them."""
    schedule = synthetic.schedule(folder / "data", lengths=LENGTHS)
    out = folder / "run"
    out.mkdir()
    schedule.save(out / "schedule.json")
    lines = [step(schedule, number, batch).model_dump_json() + "\n" for number in range(1, steps + 1)]
    (out / "metrics.jsonl").write_text("".join(lines))
    return schedule


def step(schedule: Schedule, number: int, batch: int) -> Step:
    start, stop = (number - 1) * batch, number * batch
    now, before = schedule.counts(stop), schedule.counts(start)
    return Step(
        step=number, position=stop, tokens=schedule.tokens(stop), phase=schedule.phase(start).name,
        lr=schedule.lr(start), loss=2.0, samples=now, images=0, real_tokens=100, gradient_norm=1.0, seconds=0.5,
        loss_by_source={name: 3.0 - number / 10 for name in now if now[name] > before[name]}, tokens_per_second=512.0,
    )  # fmt: skip
