"""Reads a sweep's folder: every run's settings, scores and counted samples.

`sweep.json` names the runs and the node at which each ends; that node's folder holds `schedule.json`, the trainer's
`out/metrics.jsonl` and, once it was evaluated, `scores/results.json` with a file for each task beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from common import json_lines, seal
from common.errors import InputError
from curriculum.sweep_report.axes import text
from schemas.results import RESULTS_NAME, Results, TaskSummary, load_task
from schemas.run_log import Step, parsed
from schemas.schedule import Schedule
from schemas.sweep_file import Registered, SweepFile, SweepNode, SweepRun

SCORES = "scores"
SEED = "seed"


@dataclass(frozen=True)
class Node:
    """A stretch of training."""

    id: str
    parent: str | None
    tokens: int
    last: Step | None
    """None before it was trained."""
    seconds: float
    """Wall time of its steps."""


@dataclass(frozen=True)
class Run:
    """One run of the sweep, as far as it got."""

    name: str
    settings: dict[str, Any]
    schedule: str
    """Hash of its schedule."""
    tokens: int
    folder: Path
    """Of the node at which it ends."""
    results: Results | None
    """None before it was evaluated."""
    last: Step | None
    path: tuple[str, ...]
    """Ids of the nodes that it passes through, first to last."""

    @property
    def config(self) -> str:
        """Returns every setting but the seed: what the run shares with its repetitions."""
        return json.dumps({key: value for key, value in self.settings.items() if key != SEED}, sort_keys=True)

    @property
    def tasks(self) -> dict[str, TaskSummary]:
        """Returns the run's scores by task."""
        return dict(self.results.tasks) if self.results else {}

    def summaries(self, blind: bool) -> dict[str, TaskSummary]:
        """Scores by task, with or without images."""
        return dict(self.results.blind) if blind and self.results else self.tasks

    def item_scores(self, task: str, *, blind: bool = False, group: str | None = None) -> dict[str, float]:
        """Scores of a task's items, by id; of one group alone if it is named."""
        found = load_task(self.folder / SCORES, task, blind=blind).predictions
        return {one.id: one.score for one in found if group in (None, one.group)}

    def item_losses(self, task: str) -> dict[str, tuple[float, int]]:
        """(nats per token, tokens) of a held-out loss's rows, by id.

        Raises:
            InputError: the file is damaged.
        """
        found = load_task(self.folder / SCORES, task).predictions
        if not all(isinstance(one.target, int) for one in found):
            file = self.folder / SCORES / f"{task}.json"
            raise InputError("a row without its number of tokens", file=file, remedy="remove it and evaluate again")
        return {one.id: (one.score, one.target) for one in found}

    @cached_property
    def _plan(self) -> Schedule:
        return Schedule.load(self.folder / "schedule.json")

    @property
    def trained(self) -> bool:
        """Whether its last step was taken."""
        return self.last is not None and self.last.position >= self._plan.total_samples

    @cached_property
    def mix(self) -> dict[str, tuple[int, int]]:
        """(samples that the schedule has, samples that were counted) by source; (n, 0) before training."""
        schedule = self._plan
        due = schedule.counts(schedule.total_samples if self.last is None else self.last.position)
        counted = self.last.samples if self.last else {}
        return {name: (count, counted.get(name, 0)) for name, count in due.items()}


@dataclass(frozen=True)
class SweepRuns:
    """Holds everything read from a sweep's folder."""

    folder: Path
    runs: list[Run]
    nodes: list[Node]
    tokens_with_sharing: int
    tokens_without: int
    registered: Registered | None = None

    @property
    def scored(self) -> list[Run]:
        """Runs that were evaluated."""
        return [run for run in self.runs if run.results is not None]

    def only(self, wanted: Sequence[str]) -> SweepRuns:
        """The runs whose settings have one of the values in each text `NAME=VALUE[,VALUE]`, written as figures do.

        What was registered is said of the whole sweep, and not of a part.

        Raises:
            InputError: it is no such text, no run has the setting, or none has these values.
        """
        runs = self.runs
        for one in wanted:
            name, equals, values = one.partition("=")
            there = list(dict.fromkeys(text(run.settings, name) for run in runs if name in run.settings))
            chosen = [run for run in runs if text(run.settings, name) in values.split(",")]
            if not (equals and chosen):
                known = list(dict.fromkeys(key for run in runs for key in run.settings))
                remedy = f"choose among {', '.join(there)}" if there else f"name one of {', '.join(known) or 'none'}"
                raise InputError(f"no run has {one}", file=self.folder, field="--where", remedy=remedy)
            runs = chosen
        return replace(self, runs=runs, registered=None if wanted else self.registered)


def read(folder: Path) -> SweepRuns:
    """Read the sweep at `folder`.

    Raises:
        InputError: there is none, or something in it is damaged.
    """
    told = SweepFile.load(folder)
    nodes = {one.id: _node(folder, one) for one in told.nodes}
    runs = [_run(folder, one, nodes, tuple(node.id for node in told.path(one))) for one in told.runs]
    return SweepRuns(
        folder, runs, list(nodes.values()), told.with_sharing.tokens, told.without_sharing.tokens, told.registered
    )


def _node(folder: Path, told: SweepNode) -> Node:
    log = folder / "nodes" / told.id / "out/metrics.jsonl"
    last, seconds = _last_and_seconds(log) if log.is_file() else (None, 0.0)
    return Node(told.id, told.parent, told.tokens, last, seconds)


def _last_and_seconds(log: Path) -> tuple[Step | None, float]:
    """The last step of a run's log, and the seconds of all: a long log is not validated line by line."""
    seconds, count, line = 0.0, 0, b""
    try:
        with log.open("rb") as lines:
            for line in lines:
                count += 1
                seconds += orjson.loads(json_lines.opened(line))["seconds"]
        return (parsed(line) if line else None), seconds
    except (ValueError, KeyError, TypeError) as error:
        problem = seal.told(error)[0] if isinstance(error, ValueError) else error
        raise InputError(f"not a step record ({problem})", file=log, line=count) from None


def _run(folder: Path, told: SweepRun, nodes: dict[str, Node], path: tuple[str, ...]) -> Run:
    place = folder / "nodes" / told.node
    scores = place / SCORES
    results = Results.load(scores) if (scores / RESULTS_NAME).is_file() else None
    if results is not None and results.model.schedule != told.schedule:
        raise InputError(
            f"scores of another schedule ({results.model.schedule[:12]}) than the run's, {told.schedule[:12]}",
            file=scores / RESULTS_NAME,
            remedy="remove this folder and evaluate again",
        )
    last = nodes[told.node].last
    return Run(told.name, told.settings, told.schedule, told.tokens, place, results, last, path)
