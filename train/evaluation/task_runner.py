"""Runs tasks from official files to `results.json`, and reuses what is there: `python -m train evaluate MODEL --tasks
...`.

A task's result is known by its identity: the hash of model, official files and settings. One that is there is kept; one
that was interrupted goes on from the predictions that were written; a folder with other results is refused. Locks keep
two evaluations from one task, and let those of different tasks share a folder.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from common import atomic_files
from common.errors import InputError, exit_code
from common.file_lock import exclusive
from common.process import end_with_parent
from schemas.results import RESULTS_NAME, Prediction, Results, TaskResult, TaskSummary, load_task, task_file
from schemas.score_preset import PRESETS
from train.evaluation import official_files
from train.evaluation.predict import Settings, predict, read_predictions, threads_each
from train.evaluation.scored_model import Subject, open_subject
from train.evaluation.task import Item, Task
from train.evaluation.tasks import task_named

WORK = ".work"


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
    loaded = [(task, *_items(task, place, settings)) for task, place in known]  # mistakes before minutes are spent
    if (out / RESULTS_NAME).is_file() and Results.load(out).model.digest != subject.told.digest:
        raise InputError("results of another model are here", file=out, remedy="name another directory, or remove them")
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for (task, items, official), (_, place) in zip(loaded, known, strict=True):
        with exclusive(out / WORK / f"{stem(task.name, settings.blind)}.lock", f"evaluation of '{task.name}'"):
            found.append(_one(subject, task, items, official, place, out, settings, processes, tokenizer))
    return found


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
        atomic_files.write_text(out / RESULTS_NAME, results.model_dump_json(indent=1) + "\n")
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
    if parts := settings.only.get(task.name):
        said["only"] = list(parts)
    identity = identity_of({"task": task.name, "model": subject.told.digest, "files": digests, **said})
    if done := kept(out, task.name, identity, blind=settings.blind):
        print(f"{task.name}: done before", file=sys.stderr)
        return summary_of(done)
    chosen = replace(settings, by=by)
    predictions = _predictions(subject, task, items, out / WORK, identity, chosen, processes, tokenizer)
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
    atomic_files.write_text(out / task_file(task.name, blind=settings.blind), result.model_dump_json(indent=1) + "\n")
    for file in _work_files(out / WORK, task.name, identity):
        file.unlink()
    return summary_of(result)


def _predictions(subject: Subject, task: Task, items: list[Item], work: Path, identity: str, settings: Settings,
                 processes: int, tokenizer: Path | None) -> dict[int, str]:  # fmt: skip
    work.mkdir(parents=True, exist_ok=True)
    there = read_predictions(_work_files(work, task.name, identity))
    pending = [number for number in range(len(items)) if number not in there]
    processes = min(processes, len(pending)) or 1
    shares = [
        ({n: items[n] for n in pending[rank::processes]}, _file(work, task.name, identity, rank))
        for rank in range(processes)
    ]
    how = (settings, task.instruction, task.max_tokens)
    if processes == 1:
        predict(subject, shares[0][0], *how, shares[0][1], task.name)
    else:
        context = multiprocessing.get_context("spawn")
        threads = threads_each(processes)
        workers = [
            context.Process(
                target=_work,
                args=(subject.told.path, tokenizer, threads, rank, share, *how, file, task.name),
                daemon=True,
            )
            for rank, (share, file) in enumerate(shares)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failed := [worker.exitcode for worker in workers if worker.exitcode]:
            raise InputError(
                f"{len(failed)} of {processes} processes failed",
                field=task.name,
                remedy="see above; mend it and start again to go on",
            )
    return read_predictions(_work_files(work, task.name, identity))


def _work(path: str, tokenizer: Path | None, threads: int, rank: int, items: dict[int, Item], settings: Settings,
          instruction: str, max_tokens: int, file: Path, label: str) -> None:  # fmt: skip
    """One of several processes, with its share of the items; each has a GPU of its own where there are several."""
    end_with_parent(signal.SIGTERM)  # or it would write beside the evaluation that is started again
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        torch.cuda.set_device(rank % torch.cuda.device_count())

    def main() -> None:
        subject = open_subject(Path(path), tokenizer)
        predict(subject, items, settings, instruction, max_tokens, file, f"{label} [{rank}]")

    sys.exit(exit_code(main))


def _file(work: Path, task: str, identity: str, rank: int) -> Path:
    return work / f"{task}-{identity[:16]}-{rank}.jsonl"


def _work_files(work: Path, task: str, identity: str) -> list[Path]:
    return sorted(work.glob(f"{task}-{identity[:16]}-*.jsonl"))
