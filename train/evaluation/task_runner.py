"""Runs tasks from official files to `results.json`, and reuses what is there: `python -m train evaluate MODEL --tasks
...`.

A task's result is known by its identity: the hash of model, official files and settings. One that is there is kept; one
that was interrupted goes on from the predictions that were written; a folder with other results is refused. Locks keep
two evaluations from one task, and let those of different tasks share a folder.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from common import atomic_files, heartbeat, seal
from common.errors import InputError
from common.file_lock import exclusive
from schemas.results import RESULTS_NAME, Prediction, Results, TaskResult, TaskSummary, task_file
from train.evaluation import official_files
from train.evaluation.item_shares import predictions_of, work_files
from train.evaluation.predict import Settings
from train.evaluation.result_files import WORK, by_group, identity_of, kept, standard_error, stem, summary_of
from train.evaluation.scored_model import Subject
from train.evaluation.task import Item, Task
from train.evaluation.tasks import task_named


def evaluate_tasks(
    subject: Subject,
    tasks: Sequence[tuple[str, Path]],
    out: Path,
    settings: Settings,
    *,
    processes: int = 1,
    tokenizer: Path | None = None,
) -> list[TaskSummary]:
    """Score `subject` on (task name, folder) pairs; writes `out`/TASK.json for each.

    Raises:
        InputError: an unknown task, a bad official file, or results of something else in `out`.
    """
    known = [(task_named(name).under(settings.rule, settings.frame), place) for name, place in tasks]
    heartbeat.at("reading official files")
    loaded = [(task, *_items(task, place, settings)) for task, place in known]  # mistakes before minutes are spent
    if (out / RESULTS_NAME).is_file() and Results.load(out).model.digest != subject.told.digest:
        raise InputError("results of another model are here", file=out, remedy="name another directory, or remove them")
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for (task, items, official), (_, place) in zip(loaded, known, strict=True):
        with exclusive(out / WORK / f"{stem(task.name, settings.blind)}.lock", f"evaluation of '{task.name}'"):
            found.append(_one(subject, task, items, official, place, out, settings, processes, tokenizer))
    return found


def _items(task: Task, place: Path, settings: Settings) -> tuple[list[Item], list[Path]]:
    items, official = _loaded(task.name, place, official_files.stamp(place))
    if parts := settings.only.get(task.name):
        asked = [item for item in items if item.group in parts]
        if not asked:
            there = ", ".join(dict.fromkeys(item.group for item in items))
            problem = f"'{task.name}' has no part {' or '.join(parts)}"
            raise InputError(problem, file=official[0], field="--only", remedy=f"choose among {there}")
        items = asked
    return items[: settings.limit], official


@lru_cache(maxsize=8)  # runs of a sweep share their official files, and each is scored seen and blind
def _loaded(name: str, place: Path, stamp: object) -> tuple[list[Item], list[Path]]:
    return task_named(name).load(place)


def _one(subject: Subject, task: Task, items: list[Item], official: list[Path], place: Path, out: Path,
         settings: Settings, processes: int, tokenizer: Path | None) -> TaskSummary:  # fmt: skip
    choice_only = task.name == "questions"
    by: Literal["likelihood", "generation"] = (
        "likelihood" if items[0].choices and (choice_only or settings.by == "likelihood") else "generation"
    )
    digests = official_files.named(official_files.home(place), official)
    said = {"blind": settings.blind, "bare": settings.bare, "by": by, "limit": settings.limit, **task.terms}
    if only := settings.only.get(task.name):
        said["only"] = list(only)
    parts = {"task": task.name, "model": subject.told.digest, "files": digests, **said}
    if by == "likelihood" and subject.conversation.end_of_turn_id is not None and any(map(_go_on, items)):
        parts["choices"] = "with the end of the turn"
    identity = identity_of(parts)
    if done := kept(out, task.name, identity, blind=settings.blind):
        print(f"{task.name}: done before", file=sys.stderr)
        return summary_of(done)
    chosen = replace(settings, by=by)
    predictions = predictions_of(subject, task, items, out / WORK, identity, chosen, processes, tokenizer)
    rows = [
        Prediction(
            id=item.id,
            group=item.group,
            prediction=predictions[number],
            target=item.target,
            score=task.score(item, predictions[number]),
        )
        for number, item in enumerate(items)
    ]
    scores = [row.score for row in rows]
    result = TaskResult(
        task=task.name,
        metric=task.metric,
        score=sum(scores) / len(scores),
        chance=task.chance(items),
        items=len(items),
        standard_error=standard_error(scores),
        groups=by_group(rows),
        metrics=task.metrics(items, [predictions[number] for number in range(len(items))]),
        answers_by=by,
        asked={name: value for name, value in said.items() if name != "by"},
        identity=identity,
        files=digests,
        predictions=rows,
    )
    atomic_files.write_text(out / task_file(task.name, blind=settings.blind), seal.sealed(result.model_dump_json()))
    for file in work_files(out / WORK, task.name, identity):
        file.unlink()
    return summary_of(result)


def _go_on(item: Item) -> bool:
    """Whether a choice begins with another one."""
    return any(one != other and other.startswith(one) for one in item.choices for other in item.choices)
