"""One progress line on stderr while a stage runs: tasks, rows, tokens a second, time left.

Tasks report when they finish, through a Spark accumulator; a failed task's error travels the same way, so that the
driver can stop the stage at once instead of letting Spark repeat a task that is bound to fail again. When all is done,
the job can say how long each of its parts took.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any, TextIO

from pyspark.accumulators import AccumulatorParam


@dataclass(frozen=True)
class Tally:
    """What tasks have reported so far; sums of the receipts' `rows` and `tokens`."""

    tasks: int = 0
    rows: int = 0
    tokens: int = 0
    errors: tuple[dict[str, Any], ...] = ()
    """`InputError` arguments of failed tasks."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.tasks + other.tasks, self.rows + other.rows, self.tokens + other.tokens, self.errors + other.errors
        )


class TallyParam(AccumulatorParam[Tally]):
    """How Spark adds tallies up."""

    def zero(self, value: Tally) -> Tally:
        return Tally()

    def addInPlace(self, value1: Tally, value2: Tally) -> Tally:  # noqa: N802 (Spark's name)
        return value1 + value2


@dataclass
class Progress:
    """Prints the line: rewritten in place on a terminal, a new line every `every` seconds elsewhere."""

    every: float = 5.0
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _last: float = field(default_factory=time.monotonic)
    laps: dict[str, float] = field(default_factory=dict)
    """Seconds that each part of the job took, in order."""
    _lap: float = field(default_factory=time.monotonic)

    def lap(self, part: str) -> None:
        """Say that `part` of the job is over: its time is what went by since the last part."""
        now = time.monotonic()
        self.laps[part] = self.laps.get(part, 0.0) + now - self._lap
        self._lap = now

    def say(self, text: str) -> None:
        """Tell what is being done where there are no tasks to count."""
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def update(self, stage: str, total: int, done_before: int, tally: Tally, seconds: float, *, last: bool) -> None:
        """Show the state of `stage`: `total` tasks, `done_before` of them by earlier runs, `seconds` since it began."""
        terminal = self.stream.isatty()
        now = time.monotonic()
        if not last and now - self._last < (0.5 if terminal else self.every):
            return
        self._last = now
        text = line(stage, total, done_before, tally, seconds)
        self.stream.write(f"\r\x1b[K{text}" + ("\n" if last else "") if terminal else f"{text}\n")
        self.stream.flush()


def line(stage: str, total: int, done_before: int, tally: Tally, seconds: float) -> str:
    """The progress line; rates count this run's tasks only."""
    parts = [f"{stage}: {done_before + tally.tasks}/{total} tasks"]
    if done_before:
        parts.append(f"{done_before} by an earlier run")
    if tally.rows:
        rate = "" if tally.tokens else f" ({tally.rows / max(seconds, 1e-9):,.0f}/s)"
        parts.append(f"{tally.rows:,} rows{rate}")
    if tally.tokens:
        parts.append(f"{tally.tokens:,} tokens ({tally.tokens / max(seconds, 1e-9) / 1e6:.2f} M/s)")
    left = total - done_before - tally.tasks
    parts.append(f"{seconds:.0f} s" if not left else f"ETA {_eta(left, tally.tasks, seconds)}")
    return ", ".join(parts)


def _eta(left: int, done: int, seconds: float) -> str:
    if not done:
        return "?"
    estimate = round(seconds / done * left)
    hours, minutes = divmod(estimate // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {estimate % 60:02} s"
