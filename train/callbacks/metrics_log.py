"""Writes `OUT/metrics.jsonl`: one line a step, complete and in order however often the run was killed.

A line is written whole and is on disk before the step's checkpoint, so a checkpoint at position p has every line up to
p behind it. On resume, lines past the checkpoint (of steps that will be trained again) are cut off, damaged or not; a
log that does not reach its checkpoint, or lacks a step before it, is refused.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple, TextIO

from composer.core import Callback, State
from composer.loggers import Logger
from composer.utils import dist

from common import json_lines
from common.errors import InputError
from schemas.run_log import Step
from schemas.schedule import Schedule
from train.audit.sample_digest import text
from train.callbacks.gradients import Gradients
from train.callbacks.learning_rate import ScheduledRate
from train.callbacks.step_facts import StepRecord

METRICS_NAME = "metrics.jsonl"
REMEDY = "copy the log from checkpoint.remote, or go on in a new `out` with `branch_from` this run's checkpoint"


class Metrics(Callback):
    """Writes the file on rank 0; `last` is the newest line, for the progress line."""

    def __init__(
        self,
        schedule: Schedule,
        out: Path,
        record: StepRecord,
        rate: ScheduledRate,
        gradients: Gradients,
        *,
        goes_on: bool = False,
    ) -> None:
        self.goes_on = goes_on
        """Whether the run starts from a checkpoint of its own, which its log has to reach."""
        self.schedule, self.path = schedule, out / METRICS_NAME
        self.record, self.rate, self.gradients = record, rate, gradients
        self.last: Step | None = None
        self.withheld = False
        """Whether this step's update was withheld; `Faults` says so."""
        self._file: TextIO | None = None
        self._clock = 0.0
        self._warned: set[str] = set()

    @property
    def loss_by_source(self) -> dict[str, float]:
        """Mean cross-entropy in nats over the loss-bearing tokens of each source in this step."""
        names = [source.name for source in self.schedule.sources]
        sums = zip(names, self.record.loss_sums, self.record.loss_tokens, strict=True)
        return {name: total / count for name, total, count in sums if count}

    def fit_start(self, state: State, logger: Logger) -> None:
        self._clock = time.perf_counter()
        if dist.get_global_rank() == 0:
            truncate(self.path, int(state.timestamp.sample), reaches=self.goes_on)
            self._file = self.path.open("a", encoding="utf-8")

    def batch_end(self, state: State, logger: Logger) -> None:
        now, record = time.perf_counter(), self.record
        seconds, self._clock = now - self._clock, now
        names = [source.name for source in self.schedule.sources]
        self.last = Step(
            step=int(state.timestamp.batch),
            position=record.stop,
            tokens=self.schedule.tokens(record.stop),
            phase=self.schedule.phase(record.start).name,
            lr=self.rate.rate,
            loss=record.loss,
            loss_by_source=self.loss_by_source,
            samples=dict(zip(names, record.seen, strict=True)),
            images=record.images,
            real_tokens=record.real_tokens,
            attended=record.attended,
            digest=text(record.digest),
            gradient_norm=self.gradients.norm,
            withheld=self.withheld,
            seconds=round(seconds, 6),
            tokens_per_second=round((record.stop - record.start) * self.schedule.seq_len / seconds, 1),
        )
        self._warn_of_idle_sources()
        facts = {"lr": self.last.lr, "gradient_norm": self.last.gradient_norm, "images": float(record.images)}
        facts |= {"tokens_per_second": self.last.tokens_per_second}
        facts |= {} if self.last.loss is None else {"loss": self.last.loss}
        logger.log_metrics({f"step/{name}": value for name, value in facts.items()})
        if self._file is not None:
            self._file.write(json_lines.line(self.last.model_dump_json()))
            self._file.flush()

    def _warn_of_idle_sources(self) -> None:
        """Say once of each source that it was drawn, and that nothing was to be learnt from what was drawn."""
        counts = zip(self.schedule.sources, self.record.samples, self.record.loss_tokens, strict=True)
        for source, samples, targets in counts:
            if samples and not targets and source.name not in self._warned:
                self._warned.add(source.name)
                if dist.get_global_rank() == 0:
                    said = f"source '{source.name}' had {samples:,} samples in the step up to sample"
                    rest = f"{self.record.stop:,}, and not one token that bears loss"
                    print(f"warning: {said} {rest}", file=sys.stderr, flush=True)

    def close(self, state: State, logger: Logger) -> None:
        if self._file is not None:
            self._file.close()


def truncate(path: Path, position: int, *, reaches: bool = False) -> None:
    """Keep the lines of steps that ended at or before `position` samples; the rest will be written again.

    Raises:
        InputError: see `sound_bytes`.
    """
    kept = sound_bytes(path, position, reaches=reaches)
    if path.exists():
        os.truncate(path, kept)


def sound_bytes(path: Path, position: int, *, reaches: bool = False) -> int:
    """The length of a log up to the last step that ended at or before `position` samples.

    Args:
        path: the log.
        position: where the checkpoint stands.
        reaches: whether there must be a line for every step up to `position`.

    Raises:
        InputError: there is not, or a line before `position` is damaged.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    kept, last = 0, None
    for number, line in enumerate(lines, 1):
        found = _place(line)
        lost = found is None and (number < len(lines) or not (reaches or json_lines.is_torn(line)))
        if lost and (last is None or last.position < position):
            raise InputError("damaged, and of a step before the checkpoint", file=path, line=number, remedy=REMEDY)
        if found is None or found.position > position:
            break
        if reaches and last is not None and found.step != last.step + 1:
            problem = f"step {found.step} follows step {last.step}"
            raise InputError(problem, file=path, line=number, remedy=REMEDY)
        kept, last = kept + len(line), found
    reached = last.position if last else 0
    if reaches and reached != position:
        problem = f"the log ends at sample {reached:,}, the checkpoint stands at {position:,}"
        raise InputError(problem, file=path, remedy=REMEDY)
    return kept


class _Place(NamedTuple):
    step: int
    position: int


def _place(line: bytes) -> _Place | None:
    """Where a line's step ended; None if the line is torn or damaged."""
    if not line.endswith(b"\n"):
        return None
    try:
        said = json.loads(json_lines.opened(line))
        return _Place(int(said["step"]), int(said["position"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
