"""Names the paper's tasks from their official files, one a file. To add one: a module with a `TASK`, and its line
here.
"""

from __future__ import annotations

from common.errors import InputError
from train.evaluation.task import Task
from train.evaluation.tasks import gqa, ocid_ref, pope, questions, refcoco, textvqa, vizwiz, vqav2

_ALL: tuple[Task, ...] = (
    vqav2.TASK, gqa.TASK, vizwiz.TASK, textvqa.TASK, refcoco.TASK, refcoco.PLUS, refcoco.G, ocid_ref.TASK, pope.TASK,
    questions.TASK,
)  # fmt: skip
TASKS = {task.name: task for task in _ALL}


def task_named(name: str) -> Task:
    """The task called `name`.

    Raises:
        InputError: there is none.
    """
    try:
        return TASKS[name]
    except KeyError:
        raise InputError(f"no task '{name}'", field="--tasks", remedy=f"choose among {', '.join(TASKS)}") from None
