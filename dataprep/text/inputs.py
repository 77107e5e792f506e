"""An input file as tasks see it, and one task for each."""

from __future__ import annotations

from dataclasses import dataclass

from dataprep.tasks import Task


@dataclass(frozen=True)
class Input:
    """A task's payload."""

    number: int
    """Position in the plan; names the task's files."""
    uri: str


def task_name(number: int) -> str:
    """Name of the task of input `number`, in every stage that has a task for each input."""
    return f"{number:06}"


def tasks(uris: list[str]) -> list[Task]:
    """One task for each input file, in plan order."""
    return [Task(task_name(number), Input(number, uri)) for number, uri in enumerate(uris)]
