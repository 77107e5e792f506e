"""Puts what a run counted into tables: mix by phase, tokens by source and kind, loss by phase, faults, scores."""

from __future__ import annotations

import math
from bisect import bisect_right

from schemas.manifest import TokenCounts
from schemas.results import TaskSummary
from train.report.record import Record

Row = tuple[str, ...]
Table = tuple[Row, list[Row]]
"""Header and rows."""


def mix(record: Record) -> Table:
    """Compares, for each phase and source, samples due and samples that the trainer counted.

    The trainer counts after each step; where a switch lies inside a step, the phase is taken up to the step before.
    """
    schedule = record.schedule
    rows: list[Row] = []
    counted = {record.start: schedule.counts(record.start)}
    counted |= {step.position: step.samples for step in record.log}
    places = sorted(counted)
    for phase in schedule.phases:
        start, stop = (places[max(0, bisect_right(places, edge) - 1)] for edge in (phase.start, phase.stop))
        if stop <= start:
            continue
        for source in schedule.sources:
            due = schedule.targets(stop)[source.name] - schedule.targets(start)[source.name]
            mine = counted[stop][source.name] - counted[start][source.name]
            if due or mine:
                share = mine / (stop - start)
                rows.append((phase.name, source.name, f"{due:,.2f}", f"{mine:,}", f"{share:.3%}"))
    return ("phase", "source", "samples due", "counted", "share"), rows


def tokens(record: Record) -> Table:
    """Where the tokens that were trained on came from: by source and kind, after what one pass of it holds."""
    rows: list[Row] = []
    seen = record.log[-1].samples if record.log else record.schedule.counts(record.start)
    total = record.schedule.tokens(max(1, record.position))
    for source in record.schedule.sources:
        read = record.schedule.tokens(seen[source.name])
        turns = seen[source.name] / source.samples
        kinds = (round(turns * getattr(source.tokens, kind)) for kind in TokenCounts.model_fields)
        rows.append((source.name, f"{turns:.2f}", f"{read:,}", f"{read / total:.1%}", *(f"{n:,}" for n in kinds)))
    return ("source", "passes", "tokens", "share", *TokenCounts.model_fields), rows


def loss(record: Record) -> Table:
    """Mean loss of each source over the first and the last tenth of the steps of each phase that hold it."""
    rows: list[Row] = []
    for phase in record.schedule.phases:
        inside = [step for step in record.log if step.phase == phase.name]
        for source in record.schedule.sources:
            values = [s.loss_by_source[source.name] for s in inside if source.name in s.loss_by_source]
            if values:
                tenth = math.ceil(len(values) / 10)
                first, last = sum(values[:tenth]) / tenth, sum(values[-tenth:]) / tenth
                rows.append((phase.name, source.name, f"{first:.3f}", f"{last:.3f}"))
    return ("phase", "source", "loss, first tenth", "loss, last tenth"), rows


def faults(record: Record) -> Table:
    """The stretches whose updates were withheld, and why."""
    rows: list[Row] = [
        (f"{one['step']:,}", f"{one['start']:,} to {one['stop']:,}", str(one["reason"]), str(one["action"]))
        for one in record.faults
    ]
    return ("step", "samples withheld", "reason", "action"), rows


def checkpoints(record: Record) -> Table:
    """Checkpoints on disk, the newest last."""
    rows: list[Row] = [
        (f"{place:,}", f"{record.schedule.tokens(place):,}", record.schedule.phase(max(0, place - 1)).name)
        for place in record.checkpoints
    ]
    return ("samples", "tokens", "phase"), rows


def scores(record: Record) -> Table:
    """Lists what the run's evaluation found, blind scores beside it."""
    if record.scores is None:
        return ("task",), []
    seeing, blind = record.scores.tasks, record.scores.blind
    rows: list[Row] = []
    for name in dict.fromkeys((*seeing, *blind)):
        task = seeing.get(name) or blind[name]
        both = (_score(seeing.get(name)), _score(blind.get(name)))
        rows.append((name, task.metric, *both, f"{task.chance:.3f}", f"{task.items:,}"))
    return ("task", "metric", "score", "without images", "chance", "items"), rows


def _score(task: TaskSummary | None) -> str:
    return "" if task is None else f"{task.score:.3f} ± {1.96 * task.standard_error:.3f}"
