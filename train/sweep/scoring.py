"""Scores the runs of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from schemas.results import RESULTS_NAME, Results, TaskSummary, task_file
from schemas.score_preset import text_result
from train.evaluation import official_files
from train.evaluation.task import OFFICIAL
from train.evaluation.tasks import task_named
from train.evaluation.tasks.box_task import IMAGE
from train.evaluation.text_tasks import with_shots

SCORES = "scores"


@dataclass(frozen=True)
class Scoring:
    """How runs are scored when they are complete."""

    tasks: tuple[tuple[str, Path], ...] = ()
    losses: tuple[tuple[str, Path], ...] = ()
    bare: bool = False
    by: str = "generation"
    limit: int | None = None
    batch_size: int = 64
    rule: str = OFFICIAL
    frame: str = IMAGE
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    blind: bool = True
    """Score the tasks a second time without their images."""
    text: tuple[str, ...] = ()
    """lm-eval's tasks, each NAME or NAME:SHOTS."""
    text_include: Path | None = None
    text_shots: int | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is anything to score."""
        return bool(self.tasks or self.losses or self.text)


def is_scored(scores: Path, scoring: Scoring, digest: Callable[[Path], str] = official_files.digest) -> bool:
    """Whether all that `scoring` asks for is in `scores`, of the same files and settings.

    Results of other ones are no answer: scoring again says so, since it refuses a folder that holds them.
    """
    if not (scores / RESULTS_NAME).exists():
        return False
    told = Results.load(scores)
    for blind in (False, True) if scoring.blind else (False,):
        there = told.blind if blind else told.tasks
        for name, place in scoring.tasks:
            task = task_named(name).under(scoring.rule, scoring.frame)
            asked = {"blind": blind, "bare": scoring.bare, "limit": scoring.limit, **task.terms}
            if parts := scoring.only.get(name):
                asked["only"] = list(parts)
            found = there.get(name)
            if found is None or found.asked != asked or (found.chance and found.answers_by != scoring.by):
                return False
            if not (scores / task_file(name, blind=blind)).exists():
                return False
            if not _unchanged(found, {one: official_files.home(place) / one for one in found.files}, digest):
                return False
    for name, dataset in scoring.losses:
        found = told.tasks.get(f"loss-{name}")
        if found is None or found.asked != {"limit": scoring.limit} or not (scores / task_file(found.task)).exists():
            return False
        if not _unchanged(found, dict.fromkeys(found.files, dataset / "manifest.json"), digest):
            return False
    return all(_text_is_scored(told, text, scores, scoring, digest) for text in scoring.text)


def _text_is_scored(told: Results, text: str, scores: Path, scoring: Scoring, digest: Callable[[Path], str]) -> bool:
    task, shots = with_shots(text, scoring.text_shots)
    own = scoring.text_include or Path()
    for name, found in told.tasks.items():
        if fnmatchcase(name, text_result(task, "*")) and found.asked == {"shots": shots, "limit": scoring.limit}:
            there = (scores / task_file(name)).exists()
            return there and _unchanged(found, {one: own / one for one in found.files}, digest)
    return False


def _unchanged(found: TaskSummary, places: Mapping[str, Path], digest: Callable[[Path], str]) -> bool:
    return all(place.is_file() and digest(place) == found.files[name] for name, place in places.items())


def score_run(place: Path, scoring: Scoring) -> None:
    """Score the run that ends at the node `place`."""
    from train.evaluation.held_out_loss import held_out_loss
    from train.evaluation.predict import Settings
    from train.evaluation.result_files import write_results
    from train.evaluation.scored_model import open_subject
    from train.evaluation.task_runner import evaluate_tasks

    subject = open_subject(place / "out")
    out = place / SCORES
    found: list[TaskSummary] = []
    for blind in (False, True) if scoring.blind else (False,):
        how = (scoring.bare, scoring.by, scoring.limit, scoring.rule, scoring.frame, scoring.only)
        found += evaluate_tasks(subject, scoring.tasks, out, Settings(scoring.batch_size, blind, *how))
    for name, dataset in scoring.losses:
        found.append(held_out_loss(place / "out", name, dataset, out, limit=scoring.limit))
    if scoring.text:
        from train.evaluation.lm_eval_tasks import evaluate_text

        found += evaluate_text(
            subject, scoring.text, out, include=scoring.text_include, shots=scoring.text_shots,
            limit=scoring.limit, batch_size=scoring.batch_size,
        )  # fmt: skip
    said = {"by": scoring.by, "bare": scoring.bare, "limit": scoring.limit, "rule": scoring.rule}
    write_results(subject, found, out, said)
