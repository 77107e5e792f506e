"""Defines score presets: fixed lists of tasks, each with its chance, whose mean distance from chance is one number.

`paper` is what the authors of "Should VLMs be Pre-trained with Image Data?" average (by the names and settings in their
published scripts): vision tasks by TRI-ML/vlm-evaluation's rules, text tasks by lm-eval's `acc`. Their stable score is
the mean of (score - chance), not divided by (1 - chance); VizWiz and one text task are measured and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.errors import InputError
from schemas.results import RESULTS_NAME, Results, TaskSummary

Half = Literal["vision", "text"]


@dataclass(frozen=True)
class Part:
    """A task of a preset."""

    task: str
    """As results name it."""
    chance: float
    value: str = "score"
    """Where its figure is: `score`, `metrics/NAME`, or `groups/NAME`."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """How it must have been asked and scored."""
    answers_by: str | None = None

    def figure(self, found: TaskSummary) -> float | None:
        """The task's figure; None where the result lacks it."""
        kind, _, name = self.value.partition("/")
        if kind == "metrics":
            return found.metrics.get(name)
        if kind == "groups" and found.asked.get("only") != [name]:
            return found.groups.get(name)
        return found.score


@dataclass(frozen=True)
class Preset:
    """A named way to score a model."""

    name: str
    vision: tuple[Part, ...]
    text: tuple[Part, ...]
    vision_tasks: tuple[str, ...]
    """What is asked, those that are measured and left out of the mean included."""
    text_tasks: tuple[str, ...]
    rule: str
    by: str
    only: Mapping[str, tuple[str, ...]]

    def parts(self, half: Half) -> tuple[Part, ...]:
        """The tasks that are averaged."""
        return self.vision if half == "vision" else self.text

    def stable(self, tasks: Mapping[str, TaskSummary], half: Half, file: Path) -> float:
        """Mean of (score - chance); `file` is where `tasks` are from.

        Raises:
            InputError: a task has no scores, or was not asked as the preset has it.
        """
        remedy = f"run `python -m train evaluate MODEL --preset {self.name}`"
        total = 0.0
        for part in self.parts(half):
            problem = figure = None
            if (found := tasks.get(part.task)) is None:
                problem = f"no scores of '{part.task}', which preset '{self.name}' averages"
            elif part.answers_by not in (None, found.answers_by):
                problem = f"preset '{self.name}' wants answers by {part.answers_by}, not by {found.answers_by}"
            elif wrong := [name for name, value in part.asked.items() if found.asked.get(name) != value]:
                want = part.asked[wrong[0]]
                problem = f"preset '{self.name}' wants {wrong[0]} '{want}', not '{found.asked.get(wrong[0])}'"
            elif (figure := part.figure(found)) is None:
                problem = f"no {part.value}, which preset '{self.name}' averages"
            if problem is not None or figure is None:
                raise InputError(str(problem), file=file, field=f"tasks.{part.task}", remedy=remedy)
            total += figure - part.chance
        return total / len(self.parts(half))

    def complete(self, tasks: Mapping[str, TaskSummary]) -> dict[str, float]:
        """The stable score of each half that has all its scores."""
        found: dict[str, float] = {}
        halves: tuple[Half, ...] = ("vision", "text")
        for half in halves:
            try:
                found[half] = self.stable(tasks, half, Path(RESULTS_NAME))
            except InputError:
                continue
        return found

    def of(self, folder: str | Path, half: Half) -> float:
        """The stable score of the results in `folder`.

        Raises:
            InputError: there are none, or a task of the preset is missing.
        """
        return self.stable(Results.load(folder).tasks, half, Path(folder) / RESULTS_NAME)


def _vlm(task: str, chance: float, value: str = "score") -> Part:
    return Part(task, chance, value, {"rule": "vlm-evaluation"})


def text_result(task: str, shots: int | str) -> str:
    """Name of a text task's result: with its number of examples, since a task may be run at several."""
    return f"lm-eval-{task}-{shots}shot"


def _acc(task: str, chance: float) -> Part:
    return Part(text_result(task, 0), chance, f"metrics/{task}/acc")


_PAPER_TEXT = (
    _acc("agieval_sat_en", 0.2),
    _acc("arc_easy", 0.25),
    _acc("bigbench_conceptual_combinations_multiple_choice", 0.25),
    _acc("boolq", 0.5),
    _acc("copa", 0.5),
    _acc("hellaswag", 0.25),
    _acc("mathqa", 0.2),
    _acc("piqa", 0.5),
    _acc("pubmedqa", 0.333),
)
PAPER = Preset(
    name="paper",
    vision=(
        Part("pope", 0.5, "metrics/mean_of_splits", answers_by="likelihood"),
        _vlm("ocid_ref", 0.0, "metrics/accuracy_at_0.25"),
        _vlm("refcoco", 0.0, "groups/val"),
        Part("textvqa", 0.0, asked={"rule": "official"}),
        _vlm("gqa", 0.25),
        _vlm("vqav2", 0.25),
    ),
    text=_PAPER_TEXT,
    vision_tasks=("vqav2", "gqa", "vizwiz", "textvqa", "refcoco", "ocid_ref", "pope"),
    text_tasks=(
        *(part.value.split("/")[1] for part in _PAPER_TEXT),
        "bigbench_cs_algorithms_multiple_choice",
    ),
    rule="vlm-evaluation",
    by="likelihood",
    only={"refcoco": ("val",)},
)
PRESETS: Mapping[str, Preset] = {PAPER.name: PAPER}


def preset_named(name: str, field: str = "--preset") -> Preset:
    """The preset called `name`.

    Raises:
        InputError: there is none.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise InputError(f"no preset '{name}'", field=field, remedy=f"choose among {', '.join(PRESETS)}") from None
