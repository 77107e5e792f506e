"""What to do about a step that went wrong, and the record of steps that were given up.

A step is faulty if its loss or gradient is not finite, or if a source's loss stands out from that source's own recent
past (so a switch to another source is no spike). A fault can stop the run, be skipped (the step is drawn and counted,
its update withheld), or roll the run back: to its last checkpoint, from which it goes the same way again, with the
update withheld when it gets there. `OUT/faults.jsonl` lists the stretches whose updates are withheld. It is written
before anything follows from it, so a run that is killed and started again withholds the same ones: the run stays a
function of its schedule and this list.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean, pstdev
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from common.errors import InputError
from schemas.run_log import Step
from schemas.strict_model import Strict

FAULTS_NAME = "faults.jsonl"
LEAST = 20
"""Steps of a source before its loss is judged."""
Action = Literal["stop", "skip", "roll_back"]


class FaultConfig(Strict):
    """When a step counts as faulty, and what follows."""

    non_finite: Action = "stop"
    """Loss or gradient norm is NaN or infinite."""
    spike: Literal["ignore", "stop", "skip", "roll_back"] = "ignore"
    """A source's loss is far above its average over the last `window` steps."""
    deviations: float = Field(default=6.0, gt=0)
    """How far, in standard deviations of the window (of at least 1 % of the average)."""
    window: int = Field(default=200, ge=LEAST)
    """Steps that a loss is compared with."""
    give_up: int = Field(default=1, gt=0)
    """After a roll-back: steps whose updates are withheld, the last of them the faulty one."""
    limit: int = Field(default=20, gt=0)
    """Faults in a run before it stops whatever the policy: so many are no accident."""


class Fault(Strict):
    """A line of `faults.jsonl`: updates of the steps from sample `start` to `stop` are withheld."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    start: int = Field(ge=0)
    stop: int = Field(gt=0)
    step: int = Field(ge=1)
    """The faulty step, the last of the stretch."""
    reason: str
    loss: float
    gradient_norm: float
    action: Literal["skip", "roll_back"]


class RolledBack(Exception):  # noqa: N818 - control flow: the launcher builds the run again from its last checkpoint
    """The run has to go back to its last checkpoint."""


class FaultLog:
    """The faults of a run, oldest first."""

    def __init__(self, out: Path) -> None:
        self.path = out / FAULTS_NAME
        self.faults: list[Fault] = []

    def read(self) -> None:
        """Load the file, if there is one; a torn last line was never acted on and is cut off.

        Raises:
            InputError: another line is damaged.
        """
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            self.path.write_bytes(whole)
        try:
            self.faults = [Fault.model_validate_json(line) for line in whole.splitlines()]
        except ValidationError:
            raise InputError("not a list of faults", file=self.path, remedy="delete it to start without one") from None

    def add(self, fault: Fault, *, write: bool) -> None:
        """Remember `fault`; with `write` on disk too, before this returns."""
        self.faults.append(fault)
        if write:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(fault.model_dump_json() + "\n")

    def covers(self, start: int, stop: int) -> bool:
        """Whether the update of a step over samples [start, stop) is withheld."""
        return any(fault.start < stop and start < fault.stop for fault in self.faults)


class Judge:
    """Recent losses of each source, and what stands out from them."""

    def __init__(self, config: FaultConfig) -> None:
        self.config = config
        self._recent: dict[str, deque[float]] = {}

    def recall(self, steps: Iterable[Step]) -> None:
        """Become what a judge is that has seen all these steps of a run, from its first on."""
        for step in steps:
            if not step.withheld:
                self.learn(step.loss_by_source)

    def learn(self, loss_by_source: Mapping[str, float]) -> None:
        """Take the losses of a sound step into account."""
        for source, loss in loss_by_source.items():
            self._recent.setdefault(source, deque(maxlen=self.config.window)).append(loss)

    def verdict(self, loss_by_source: Mapping[str, float], gradient_norm: float) -> tuple[str, Action] | None:
        """What is wrong with a step, and what to do; None if nothing is, or it is to be ignored."""
        if not all(map(math.isfinite, (*loss_by_source.values(), gradient_norm))):
            return "loss or gradient is not finite", self.config.non_finite
        if self.config.spike == "ignore":
            return None
        for source, loss in loss_by_source.items():
            recent = self._recent.get(source, ())
            if len(recent) < LEAST:
                continue
            average = fmean(recent)
            deviation = max(pstdev(recent, average), 0.01 * average)
            if loss > average + self.config.deviations * deviation:
                apart = (loss - average) / deviation
                return f"loss of '{source}' is {loss:.3f}, {apart:.1f} deviations above average", self.config.spike
        return None
