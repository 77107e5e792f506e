"""Tests of the table of tasks: each by its own name, and the names where there is no such task."""

import pytest

from common.errors import InputError
from train.evaluation.task import OFFICIAL
from train.evaluation.tasks import TASKS, task_named


def test_tasks_are_found_by_name_and_have_an_official_rule() -> None:
    assert all(task_named(name).name == name for name in TASKS)
    assert all(OFFICIAL in task.rules for task in TASKS.values())
    assert len(TASKS) == 10


def test_unknown_task() -> None:
    with pytest.raises(InputError, match="no task 'vqa'; choose among vqav2, gqa"):
        task_named("vqa")
