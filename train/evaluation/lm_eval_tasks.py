"""Runs text tasks through lm-eval's own harness: its prompts, its metrics, our model as its `LM`.

Scores of multiple-choice questions are sums of log-probabilities, free answers are greedy: both by the code that scores
the vision tasks. Task files of one's own go in with `--text-include`; tasks that fetch data need it in the local cache.
lm-eval is an optional dependency (`pip install '.[eval]'`). Nothing is fetched unless HF_DATASETS_OFFLINE is set to 0.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from common import atomic_files
from common.errors import InputError
from schemas.results import Prediction, TaskResult, TaskSummary
from schemas.score_preset import text_result
from train.evaluation import official_files
from train.evaluation.generation import Stem, batches, continued
from train.evaluation.likelihood import Likelihood, likelihoods
from train.evaluation.prompts import Prompt
from train.evaluation.result_files import identity_of, kept, standard_error, summary_of
from train.evaluation.scored_model import Subject
from train.evaluation.text_tasks import with_shots

_METRICS = ("acc_norm", "acc", "exact_match", "f1")
"""Main metric of a task: the first of these that it reports."""


def evaluate_text(
    subject: Subject,
    tasks: Sequence[str],
    out: Path,
    *,
    include: Path | None = None,
    shots: int | None = None,
    limit: int | None = None,
    batch_size: int = 16,
) -> list[TaskSummary]:
    """Score `subject` on lm-eval's tasks; writes `out`/lm-eval-TASK-Nshot.json for each.

    A task is its name, or NAME:N for N examples before each question; else it has `shots`, or its own number.

    Raises:
        InputError: lm-eval is not installed, a task is unknown or fixes its number of examples, or its data is missing.
    """
    wanted = [with_shots(task, shots) for task in tasks]
    if include is not None and not include.is_dir():
        raise InputError("no such folder", file=include, field="--text-include", remedy="name a folder of task files")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    try:
        from lm_eval import simple_evaluate
    except ImportError as error:
        raise InputError(f"text tasks need lm-eval ({error})", remedy="pip install '.[eval]'") from None
    manager = _manager(include, frozenset(task for task, _ in wanted))
    model = _as_lm(subject, batch_size)
    found = []
    own = official_files.named(include, filter(Path.is_file, sorted(include.rglob("*")))) if include else {}
    for task, count in wanted:
        name = text_result(task, _shots(manager, task, count))
        asked = {"shots": count, "limit": limit}
        said = {"task": task, "model": subject.told.digest, **asked}
        identity = identity_of({**said, "lm-eval": version("lm_eval"), "files": own, "rows": 2})
        if done := kept(out, name, identity):
            found.append(summary_of(done))
            continue
        try:
            told: dict[str, Any] | None = simple_evaluate(
                model=model, tasks=[task], num_fewshot=count, limit=limit, task_manager=manager, log_samples=True,
                bootstrap_iters=0, random_seed=0, numpy_random_seed=0, torch_random_seed=0, fewshot_random_seed=0,
            )  # fmt: skip
        except (OSError, ConnectionError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise InputError(f"text task '{task}' cannot run ({reason})", field="--text") from None
        assert told is not None
        result = _result(name, told, identity, own, asked)
        out.mkdir(parents=True, exist_ok=True)
        atomic_files.write_text(out / f"{name}.json", result.model_dump_json(indent=1) + "\n")
        found.append(summary_of(result))
    return found


@cache
def _manager(include: Path | None, tasks: frozenset[str]) -> Any:
    """lm-eval's list of tasks; one's own alone first, as it reads thousands of files to know all of its own."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(include), include_defaults=False) if include else None
    if manager is None or not tasks <= set(manager.all_tasks):
        manager = TaskManager(include_path=str(include) if include else None)
    if unknown := sorted(tasks - set(manager.all_tasks)):
        remedy = "name one of lm-eval's tasks, or give --text-include"
        raise InputError(f"no text task '{unknown[0]}'", field="--text", remedy=remedy)
    return manager


def _shots(manager: Any, task: str, asked: int | None) -> int | str:
    """Examples before each question of a task; `mixed` where the tasks of a group differ in it."""
    own = {part.get_config("num_fewshot") for part in _loaded(manager, task)}
    # lm-eval leaves a task that says 0 at 0, whatever is asked.
    counts = {
        0 if count == 0 or (count is None and asked is None) else count if asked is None else asked for count in own
    }
    if asked and counts != {asked}:
        problem = f"text task '{task}' has no examples by its own rule, {asked} were asked"
        raise InputError(problem, field="--text", remedy=f"write {task} or {task}:0")
    return counts.pop() if len(counts) == 1 else "mixed"


def _loaded(manager: Any, task: str) -> list[Any]:
    try:
        return list(manager.load([task])["tasks"].values())
    except (OSError, ConnectionError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"text task '{task}' cannot run ({reason})", field="--text") from None


def _result(name: str, told: dict[str, Any], identity: str, own: dict[str, str], asked: dict[str, Any]) -> TaskResult:
    """lm-eval's report of one task (or group) in our form.

    Where a task has several filters of the answers, its rows are there once for each: the first filter's count.
    """
    parts = told["samples"]
    named = [(task, row) for task, part in parts.items() for row in part if row["filter"] == part[0]["filter"]]
    rows = [row for _, row in named]
    metric = next((one for one in _METRICS if all(one in row for row in rows)), None) if rows else None
    if metric is None:
        raise InputError(
            f"'{name}' reports none of {', '.join(_METRICS)}", field="--text", remedy="choose another task"
        )
    predictions = [
        Prediction(
            id=str(row["doc_id"]) if len(parts) == 1 else f"{task}/{row['doc_id']}",
            group="",
            prediction=str(row["filtered_resps"][0] if len(row["filtered_resps"]) == 1 else _chosen(row)),
            target=str(row["target"]),
            score=float(row[metric]),
        )
        for task, row in named
    ]
    scores = [one.score for one in predictions]
    choices = [len(row["arguments"]) for row in rows]
    chance = sum(1 / count if count > 1 else 0.0 for count in choices) / len(choices)
    metrics = {
        f"{task}/{key.removesuffix(',none')}": float(value)
        for task, part in told["results"].items()
        for key, value in part.items()
        if isinstance(value, int | float) and "stderr" not in key
    }
    return TaskResult(
        task=name,
        metric=metric,
        score=sum(scores) / len(scores),
        chance=chance,
        items=len(scores),
        standard_error=standard_error(scores),
        metrics=metrics,
        answers_by="lm-eval",
        asked=asked,
        identity=identity,
        files=own,
        predictions=predictions,
    )


def _chosen(row: dict[str, Any]) -> int:
    """Number of the likeliest choice."""
    return int(np.argmax([response[0] for response in row["filtered_resps"]]))


def _as_lm(subject: Subject, batch_size: int) -> Any:
    """The subject as lm-eval's `TemplateLM`; defined here because importing lm-eval takes seconds."""
    from lm_eval.api.model import TemplateLM

    encoder = subject.encoder(blind=True)
    end = subject.identity.end_of_text_id
    most = int(getattr(subject.model.config.get_text_config(), "max_position_embeddings", 2048))

    def nothing(index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return np.empty((0, 3, 1, 1), np.uint8)

    class SubjectLM(TemplateLM):
        eot_token_id = end
        tokenizer_name = subject.told.tokenizer.digest

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
            return encoder.text(string)

        def _loglikelihood_tokens(self, requests: Any, **kwargs: Any) -> list[tuple[float, bool]]:
            prompts = []
            for index, (_, context, continuation) in enumerate(requests):
                ids = [*context, *continuation][-most:]
                prompts.append(Prompt(index, 0, ids, min(len(continuation), len(ids) - 1)))
            found = self._likelihoods(prompts)
            return [(found[index, 0].log_probability, found[index, 0].greedy) for index in range(len(prompts))]

        def _likelihoods(self, prompts: list[Prompt]) -> dict[tuple[int, int], Likelihood]:
            return likelihoods(
                subject, prompts, nothing, device=subject.device, pad_id=subject.identity.pad_id, batch_size=batch_size
            )

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[float]:
            """Whole texts, in windows of the model's length, every id predicted once."""
            prompts = []
            for index, request in enumerate(requests):
                ids = [end, *encoder.text(request.args[0])]
                for number, start in enumerate(range(1, len(ids), most - 1)):
                    window = ids[start - 1 : start - 1 + most]
                    prompts.append(Prompt(index, number, window, len(window) - 1))
            totals = [0.0] * len(requests)
            for (index, _), value in self._likelihoods(prompts).items():
                totals[index] += value.log_probability
            return totals

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            said = [""] * len(requests)
            alike: dict[tuple[int, tuple[str, ...]], list[Stem]] = {}
            for index, request in enumerate(requests):
                context, arguments = request.args
                count, until = int(arguments.get("max_gen_toks", 256)), arguments.get("until") or []
                stops = tuple(one for one in ([until] if isinstance(until, str) else until) if one)
                ids = encoder.text(context)[-max(1, most - count) :]
                alike.setdefault((count, stops), []).append(Stem(index, ids))
            for (count, stops), stems in alike.items():
                for batch in batches(stems, batch_size):
                    for stem, text in zip(batch, continued(subject, batch, nothing, count, stops), strict=True):
                        said[stem.item] = text
            return said

    return SubjectLM()
