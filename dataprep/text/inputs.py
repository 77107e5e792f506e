"""Lists the input files of a job, as the settings name them, and makes one task for each.

Inputs are in the order of their paths, each once, however they were named: the order of documents is that of the plan,
and a plan must not depend on how a glob or a list happened to be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from common.errors import InputError
from dataprep.engine.tasks import Task
from dataprep.storage import globs, text_list
from dataprep.text.config import TextJob
from schemas.manifest import InputFile

_THREADS = 32
"""Look-ups in flight: an object store answers each in tens of milliseconds."""


@dataclass(frozen=True)
class Input:
    """Holds the payload of one task."""

    number: int
    """Position in the plan; names the task's files."""
    uri: str


def task_name(number: int) -> str:
    """Name of the task of input `number`, in every stage that has a task for each input."""
    return f"{number:06}"


def tasks(listed: Sequence[InputFile]) -> list[Task]:
    """One task for each input file, in plan order."""
    return [Task(task_name(number), Input(number, one.path), one.bytes) for number, one in enumerate(listed)]


def expand(job: TextJob) -> list[str]:
    """The files that `inputs` and `input_list` name: absolute, sorted, each once.

    Raises:
        InputError: an entry that names no file (of a list, with its line), or an empty list.
    """
    found = set(globs.expand(job.inputs))
    if job.input_list is not None:
        found.update(_listed(job.input_list))
    return sorted(found)


def _listed(path: str) -> set[str]:
    try:
        lines = [line.decode() for line in text_list.read(path)]
    except UnicodeDecodeError:
        raise InputError("not a text file", file=path, field="input_list", remedy="write one path a line") from None
    entries = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    entries = [(number, entry) for number, entry in entries if entry and not entry.startswith("#")]
    if not entries:
        raise InputError("the list names no file", file=path, field="input_list", remedy="write one path a line")

    def one(numbered: tuple[int, str]) -> list[str]:
        number, entry = numbered
        try:
            return globs.expand([entry])
        except InputError as error:
            raise InputError(f"{entry}: {error.problem}", file=path, line=number, remedy=error.remedy) from None

    with ThreadPoolExecutor(_THREADS) as pool:
        return {found for named in pool.map(one, entries) for found in named}
