"""Defines `results.json`: what an evaluation found out about a model; written by `train`, read by reports.

Beside it lies one `TASK.json` (`TASK-blind.json`) for each task, with every prediction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from common import seal
from common.errors import InputError
from schemas.manifest import TokenizerIdentity
from schemas.schema_version import refuse_later
from schemas.strict_model import Strict

RESULTS_NAME = "results.json"


class Prediction(Strict):
    """Records what the model answered to one item."""

    id: str
    group: str
    """Part of the task that metrics are also given for: a split, a kind of question."""
    prediction: str
    target: Any
    """What was expected, as the official file has it."""
    score: float
    """0 to 1 (a loss: nats per token)."""


class TaskSummary(Strict):
    """Records the outcome of one task."""

    task: str
    metric: str
    """What `score` is."""
    score: float
    """Mean of the items' scores."""
    chance: float
    """What guessing scores."""
    items: int = Field(ge=1)
    standard_error: float
    """Of `score`, from the spread of the items."""
    groups: dict[str, float] = {}
    """Score by group."""
    metrics: dict[str, float] = {}
    """Whatever else is reported for this task."""
    higher_is_better: bool = True
    answers_by: Literal["generation", "likelihood", "loss", "lm-eval"]
    asked: dict[str, Any] = {}
    """How items were put to the model and scored: `blind`, `bare`, `limit`, `rule`, for boxes `frame`, `only` for parts
    of a task; for text tasks `shots`, `limit`. Empty in results of older versions."""
    identity: str
    """Hash of model, files and settings: equal identities give equal results."""
    files: dict[str, str]
    """sha256 of each official file that was read."""


class TaskResult(TaskSummary):
    """The same with every prediction."""

    predictions: list[Prediction]


class Model(Strict):
    """Which model was scored."""

    path: str
    digest: str
    """sha256 over its tensor files."""
    position: int
    """Samples trained on."""
    schedule: str
    architecture: str
    tokenizer: TokenizerIdentity


class Results(Strict):
    """The content of `results.json`."""

    version: Literal[1] = 1
    model: Model
    settings: dict[str, Any]
    packages: dict[str, str]
    tasks: dict[str, TaskSummary]
    blind: dict[str, TaskSummary] = {}
    """The same tasks asked without their images: what the text alone gives away. (Older versions had these in `tasks`,
    with `blind` in `asked`.)"""
    presets: dict[str, dict[str, float]] = {}
    """Stable scores by preset (`schemas.score_preset`) and half, `vision` or `text`, where all tasks have scores."""

    @classmethod
    def load(cls, folder: str | Path) -> Results:
        """Read the results in `folder`.

        Raises:
            InputError: there are none, or they are damaged.
        """
        return _load(cls, Path(folder) / RESULTS_NAME)


def task_file(task: str, *, blind: bool = False) -> str:
    """Name of the file with a task's predictions."""
    return f"{task}-blind.json" if blind else f"{task}.json"


def load_task(folder: str | Path, task: str, *, blind: bool = False) -> TaskResult:
    """Read one task's predictions in `folder`.

    Raises:
        InputError: there are none, or they are damaged.
    """
    return _load(TaskResult, Path(folder) / task_file(task, blind=blind))


_Kind = TypeVar("_Kind", Results, TaskResult)


def _load(kind: type[_Kind], path: Path) -> _Kind:
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = f"cannot read the results ({error.strerror})"
        raise InputError(problem, file=path, remedy="run `python -m train evaluate`") from None
    try:
        return kind.model_validate(seal.opened(data))
    except ValueError as error:
        refuse_later("results", data, path)
        problem, where = seal.told(error)
        remedy = "remove it and evaluate again"
        raise InputError(f"damaged results: {problem}", file=path, field=where, remedy=remedy) from None
