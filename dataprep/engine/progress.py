"""Shows on stderr how far a stage is: tasks, rows, tokens a second, time left.

Tasks report when they finish, through a Spark accumulator; a failed task's error travels the same way, so that the
driver can stop the stage at once instead of letting Spark repeat a task that is bound to fail again. When all is done,
the job can say how long each of its parts took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

from pyspark.accumulators import AccumulatorParam

from common.heartbeat import eta


@dataclass(frozen=True)
class Tally:
    """Adds up what tasks have reported so far: sums of the receipts' `rows` and `tokens`."""

    tasks: int = 0
    rows: int = 0
    tokens: int = 0
    errors: tuple[dict[str, Any], ...] = ()
    """`InputError` arguments of failed tasks."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.tasks + other.tasks, self.rows + other.rows, self.tokens + other.tokens, self.errors + other.errors
        )


Show = Callable[[Tally], None]


class TallyParam(AccumulatorParam[Tally]):
    """How Spark adds tallies up."""

    def zero(self, value: Tally) -> Tally:
        return Tally()

    def addInPlace(self, value1: Tally, value2: Tally) -> Tally:  # noqa: N802 (Spark's name)
        return value1 + value2


@dataclass
class Progress:
    """Shows a bar on a terminal, and elsewhere a line now and then."""

    every: float = 10.0
    """Seconds between two lines."""
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    laps: dict[str, float] = field(default_factory=dict)
    """Seconds that each part of the job took, in order."""
    _lap: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)
    _stages: int = 0

    def lap(self, part: str) -> None:
        """Say that `part` of the job is over: its time is what went by since the last part."""
        now = time.monotonic()
        self.laps[part] = self.laps.get(part, 0.0) + now - self._lap
        self._lap = now

    def say(self, text: str) -> None:
        """Tell what is being done where there are no tasks to count."""
        self.stream.write(f"{text}\n")
        self.stream.flush()
        self._said = time.monotonic()

    def silent_for(self) -> float:
        """Seconds since something was said; none while a stage is shown."""
        return 0.0 if self._stages else time.monotonic() - self._said

    @contextmanager
    def stage(self, name: str, total: int, done_before: int) -> Iterator[Show]:
        """Show a stage of `total` tasks while the block runs, `done_before` of them by earlier runs.

        The block gets a function and calls it often, with what this run's tasks have reported so far.
        """
        shown = self._bar if self.stream.isatty() else self._lines
        self._stages += 1
        try:
            with shown(name, total, done_before) as show:
                yield show
        finally:
            self._stages -= 1
            self._said = time.monotonic()

    @contextmanager
    def _bar(self, name: str, total: int, done_before: int) -> Iterator[Show]:
        from rich import progress  # where there is a terminal: executors import this module
        from rich.console import Console

        began = time.monotonic()
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rows]}"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=Console(file=self.stream), speed_estimate_period=600) as shown:
            task = shown.add_task(name, total=total, completed=done_before, rows="")

            def show(tally: Tally) -> None:
                rows = ", ".join(_rows(tally, time.monotonic() - began))
                shown.update(task, completed=done_before + tally.tasks, rows=rows)

            yield show

    @contextmanager
    def _lines(self, name: str, total: int, done_before: int) -> Iterator[Show]:
        began = last = time.monotonic()
        newest = Tally()

        def show(tally: Tally) -> None:
            nonlocal last, newest
            newest = tally
            if time.monotonic() - last >= self.every:
                last = time.monotonic()
                self.say(line(name, total, done_before, tally, last - began))

        yield show
        self.say(line(name, total, done_before, newest, time.monotonic() - began))


def line(stage: str, total: int, done_before: int, tally: Tally, seconds: float) -> str:
    """The progress line; rates count this run's tasks only."""
    parts = [f"{stage}: {done_before + tally.tasks}/{total} tasks"]
    if done_before:
        parts.append(f"{done_before} by an earlier run")
    parts += _rows(tally, seconds)
    left = total - done_before - tally.tasks
    parts.append(f"{seconds:.0f} s" if not left else f"ETA {eta(left, tally.tasks, seconds)}")
    return ", ".join(parts)


def _rows(tally: Tally, seconds: float) -> Iterator[str]:
    if tally.rows:
        rate = "" if tally.tokens else f" ({tally.rows / max(seconds, 1e-9):,.0f}/s)"
        yield f"{tally.rows:,} rows{rate}"
    if tally.tokens:
        yield f"{tally.tokens:,} tokens ({tally.tokens / max(seconds, 1e-9) / 1e6:.2f} M/s)"
