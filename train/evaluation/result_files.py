"""Keeps the results of evaluations: one file a task, known by its identity, and `results.json` over all of them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from common import atomic_files, seal
from common.errors import InputError
from common.file_lock import exclusive
from schemas.results import RESULTS_NAME, Prediction, Results, TaskResult, TaskSummary, load_task, task_file
from schemas.score_preset import PRESETS
from train.evaluation.scored_model import Subject

WORK = ".work"
"""Folder of locks and unfinished predictions beside the results."""


def write_results(subject: Subject, summaries: Sequence[TaskSummary], out: Path, settings: dict[str, Any]) -> Results:
    """Write `results.json` over all tasks of the model in `out`, those of earlier calls included."""
    with exclusive(out / WORK / "results.lock", "evaluation", wait=True):
        tasks: dict[str, TaskSummary] = {}
        blind: dict[str, TaskSummary] = {}
        if (out / RESULTS_NAME).is_file():
            earlier = Results.load(out)
            if earlier.model.digest == subject.told.digest:
                tasks, blind = dict(earlier.tasks), dict(earlier.blind)
        for summary in summaries:
            (blind if summary.asked.get("blind") else tasks)[summary.task] = summary
        results = Results(
            model=subject.told,
            settings=settings,
            packages={name: version(name) for name in ("torch", "transformers", "tokenizers", "pillow")},
            tasks={name: tasks[name] for name in sorted(tasks)},
            blind={name: blind[name] for name in sorted(blind)},
            presets={name: found for name, preset in PRESETS.items() if (found := preset.complete(tasks))},
        )
        atomic_files.write_text(out / RESULTS_NAME, seal.sealed(results.model_dump_json()))
    return results


def summary_of(result: TaskResult) -> TaskSummary:
    """A result without its predictions."""
    return TaskSummary.model_validate(result.model_dump(exclude={"predictions"}))


def standard_error(scores: Sequence[float]) -> float:
    """Computes the standard error of the mean."""
    return float(np.std(scores, ddof=1) / len(scores) ** 0.5) if len(scores) > 1 else 0.0


def by_group(predictions: Sequence[Prediction]) -> dict[str, float]:
    """Mean score of each group; none where there is but one."""
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for one in predictions:
        groups[one.group].append(one.score)
    return {name: sum(part) / len(part) for name, part in sorted(groups.items())} if len(groups) > 1 else {}


def identity_of(parts: dict[str, Any]) -> str:
    """Hash of everything that decides a result."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def kept(out: Path, task: str, identity: str, *, blind: bool = False) -> TaskResult | None:
    """The result that is there already.

    Raises:
        InputError: there is one of another identity.
    """
    if not (out / task_file(task, blind=blind)).is_file():
        return None
    result = load_task(out, task, blind=blind)
    if result.identity != identity:
        problem = f"results of '{task}' for another model, other files or other settings are here"
        raise InputError(problem, file=out, remedy="name another directory, or remove them")
    return result


def stem(task: str, blind: bool) -> str:
    """Name of a task's files without its suffix."""
    return task_file(task, blind=blind).removesuffix(".json")
