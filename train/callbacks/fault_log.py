"""Records the steps that were given up, and what was done about each.

A step is faulty if its loss or gradient is not finite, or if a source's loss stands out from that source's own recent
past (so a switch to another source is no spike). A fault can stop the run, be skipped (the step is drawn and counted,
its update withheld), or roll the run back: to its last checkpoint, from which it goes the same way again, with the
update withheld when it gets there. `OUT/faults.jsonl` lists the stretches whose updates are withheld. It is written
before anything follows from it, so a run that is killed and started again withholds the same ones: the run stays a
function of its schedule and this list.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from common import atomic_files, json_lines
from common.errors import InputError
from schemas.strict_model import Strict

FAULTS_NAME = "faults.jsonl"


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
        try:
            whole = json_lines.whole(content)
            self.faults = [Fault.model_validate_json(json_lines.opened(line)) for line in whole.splitlines()]
        except ValueError:
            raise InputError("not a list of faults", file=self.path, remedy="delete it to start without one") from None
        if whole != content:
            with atomic_files.new_file(self.path) as partial:
                partial.write_bytes(whole)

    def add(self, fault: Fault, *, write: bool) -> None:
        """Remember `fault`; with `write` on disk too, before this returns."""
        self.faults.append(fault)
        if write:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json_lines.line(fault.model_dump_json()))

    def covers(self, start: int, stop: int) -> bool:
        """Whether the update of a step over samples [start, stop) is withheld."""
        return any(fault.start < stop and start < fault.stop for fault in self.faults)
