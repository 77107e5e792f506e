"""Reads what a run has left so far: its schedule, log, held-out losses, faults, checkpoints and scores.

A run that goes on writes while we read, so the last line of each log may be torn; it is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from common import json_lines, seal
from common.errors import InputError
from schemas import run_log
from schemas.results import RESULTS_NAME, Results
from schemas.run_log import Step
from schemas.schedule import Schedule
from train.checkpoint.digests import check_seal
from train.checkpoint.names import is_checkpoint
from train.config.model_config import ModelConfig

LOG = "metrics.jsonl"
Line = TypeVar("Line")


@dataclass(frozen=True)
class HeldOutLoss:
    """Losses on held-out data at one position, in nats per token by source."""

    position: int
    loss: dict[str, float]


@dataclass(frozen=True)
class Record:
    """All that the page shows."""

    folder: Path
    schedule: Schedule
    log: list[Step]
    held_out: list[HeldOutLoss]
    faults: list[dict[str, Any]]
    """Lines of `faults.jsonl`."""
    checkpoints: list[int]
    """Positions of the complete ones on disk, oldest first."""
    model: ModelConfig | None
    """None before the first checkpoint."""
    tokenizer: Path | None
    """Where the run's config has it."""
    fp8: bool
    """Whether part of the work was done in 8 bits."""
    scores: Results | None

    @property
    def start(self) -> int:
        """Position of the log's first sample: 0, or where the run left another one."""
        if not self.log:
            return 0
        rows = self.log[1].position - self.log[0].position if len(self.log) > 1 else self.schedule.global_batch
        return max(0, self.log[0].position - rows)

    @property
    def position(self) -> int:
        """Samples trained on so far."""
        return self.log[-1].position if self.log else self.start

    @property
    def finished(self) -> bool:
        """Whether the run has reached the end of its schedule."""
        return self.position >= self.schedule.total_samples


def read(folder: Path, schedule: Path | None = None) -> Record:
    """Read the run at `folder`; `schedule` for one that lies elsewhere.

    Raises:
        InputError: there is no log, no schedule is found, or a line that is not the last is damaged.
    """
    if not (folder / LOG).is_file():
        raise InputError(f"no {LOG} here", file=folder, remedy="name the folder that the run writes to (`out`)")
    found = folder / "checkpoints"
    saved = sorted(path for path in found.iterdir() if is_checkpoint(path.name)) if found.is_dir() else []
    saved = [path for path in saved if (path / "state.json").is_file()]
    scores = folder / "scores" / RESULTS_NAME
    return Record(
        folder,
        Schedule.load(schedule or _schedule(folder, saved)),
        _lines(folder / LOG, run_log.parsed),
        _lines(folder / "held_out.jsonl", _held_out),
        _lines(folder / "faults.jsonl", _fault),
        [int(path.name) for path in saved],
        *_config(saved[-1] if saved else None),
        Results.load(scores.parent) if scores.is_file() else None,
    )


def _schedule(folder: Path, saved: list[Path]) -> Path:
    """The schedule that the newest checkpoint carries, or one beside or above the run's folder (as sweeps have it)."""
    for place in (*saved[-1:], folder, folder.parent):
        if (place / "schedule.json").is_file():
            return place / "schedule.json"
    raise InputError("no schedule with this run", file=folder, remedy="name it: --schedule schedule.json")


def _lines(path: Path, parsed: Callable[[bytes], Line]) -> list[Line]:
    """Every whole line of a log; none where there is no file.

    Raises:
        InputError: one is damaged.
    """
    found: list[Line] = []
    try:
        for line in json_lines.whole(path.read_bytes() if path.is_file() else b"").splitlines():
            found.append(parsed(line))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        what = "step record" if path.name == LOG else "line of this log"
        problem = seal.told(error)[0] if isinstance(error, ValueError) else repr(error)
        raise InputError(f"not a {what}: {problem}", file=path, line=len(found) + 1) from None
    return found


def _held_out(line: bytes) -> HeldOutLoss:
    said = json.loads(json_lines.opened(line))
    return HeldOutLoss(int(said["position"]), {name: float(loss) for name, loss in said["loss"].items()})


def _fault(line: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(json_lines.opened(line))
    return said


def _config(checkpoint: Path | None) -> tuple[ModelConfig | None, Path | None, bool]:
    """Model, tokenizer and `fp8` as a checkpoint's state names them; nothing where an older one says it otherwise.

    Raises:
        DamagedError: it does not say what was saved.
    """
    if checkpoint is None:
        return None, None, False
    state = check_seal((checkpoint / "state.json").read_bytes(), checkpoint)
    try:
        said = state["run"]
        tokenizer = Path(said["tokenizer"]) if said.get("tokenizer") else None
        return ModelConfig.model_validate(said["model"]), tokenizer, bool(said.get("fp8"))
    except (ValidationError, KeyError, ValueError):
        return None, None, False
