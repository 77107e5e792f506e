"""Reads what a run has left so far: its schedule, log, held-out losses, faults, checkpoints and scores.

A run that goes on writes while we read, so the last line of each log may be torn; it is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from common.errors import InputError
from schemas.results import RESULTS_NAME, Results
from schemas.run_log import Step
from schemas.schedule import Schedule
from train.checkpoint.names import is_checkpoint
from train.config.model_config import ModelConfig

LOG = "metrics.jsonl"


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
        [_step(line, folder / LOG, number) for number, line in _lines(folder / LOG)],
        [_held_out(json.loads(line)) for _, line in _lines(folder / "held_out.jsonl")],
        [json.loads(line) for _, line in _lines(folder / "faults.jsonl")],
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


def _lines(path: Path) -> list[tuple[int, str]]:
    """(number, line) of every whole line; none where there is no file."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]
    return list(enumerate(whole.splitlines(), 1))


def _step(line: str, path: Path, number: int) -> Step:
    try:
        return Step.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise InputError(f"not a step record: {problem}", file=path, line=number) from None


def _held_out(said: dict[str, Any]) -> HeldOutLoss:
    return HeldOutLoss(int(said["position"]), {name: float(loss) for name, loss in said["loss"].items()})


def _config(checkpoint: Path | None) -> tuple[ModelConfig | None, Path | None, bool]:
    """Model, tokenizer and `fp8` as a checkpoint's state names them; nothing where an older one says it otherwise."""
    if checkpoint is None:
        return None, None, False
    try:
        said = json.loads((checkpoint / "state.json").read_bytes())["run"]
        tokenizer = Path(said["tokenizer"]) if said.get("tokenizer") else None
        return ModelConfig.model_validate(said["model"]), tokenizer, bool(said.get("fp8"))
    except (ValidationError, KeyError, ValueError):
        return None, None, False
