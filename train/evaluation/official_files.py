"""Finds and reads official files: every mistake in them is one line that names the file and the item."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import math
import os
import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from common.errors import InputError


def home(place: Path) -> Path:
    """The folder of a task's files; `place` is this folder or a file in it."""
    return place.parent if place.is_file() else place


def stamp(place: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of the files in a task's folder and in the folders in it: equal while nothing changes."""
    folder = home(place)
    found = [path for path in (*folder.glob("*"), *folder.glob("*/*.json")) if path.is_file()]
    return tuple(sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found))


def chosen(place: Path, pattern: str, usual: Sequence[str] = (), besides: str | None = None) -> Path:
    """The official file to read: `place` itself if it is a file, else the one in this folder that fits `pattern`.

    Where several fit, as in unpacked archives, the first of the names `usual` that is there is taken, and stderr says
    what is left alone. Files that fit `besides` do not count.

    Raises:
        InputError: none fits, or several do and none of the usual ones is there.
    """
    if place.is_file():
        return place
    wanted = f"put the task's official files here ({pattern}), or name one: TASK=FILE"
    if not place.is_dir():
        raise InputError("no such file or folder", file=place, remedy=wanted)
    fitting = sorted(path for path in place.glob(pattern) if path.is_file())
    found = [path for path in fitting if besides is None or not fnmatch.fnmatchcase(path.name, besides)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"no file fits '{pattern}'", file=place, remedy=wanted)
    for name in usual:
        if (taken := place / name) in found:
            say(f"{place}: {name} is read, {', '.join(path.name for path in found if path != taken)} left alone")
            return taken
    names = ", ".join(path.name for path in found[:4])
    example = f"TASK={found[0]}" + (f" (the usual choice is {' or '.join(usual)})" if usual else "")
    raise InputError(f"{len(found)} files fit '{pattern}' ({names})", file=place, remedy=f"name one: {example}")


@cache
def say(line: str) -> None:
    """Print a line on stderr, once in a process."""
    print(line, file=sys.stderr)


def named(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """sha256 of each file, by its path below `folder`."""
    return {os.path.relpath(path, folder): digest(path) for path in files}


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        InputError: it is missing or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the file ({error.strerror})", file=path) from None
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise InputError(f"not JSON: {error}", file=path, line=line, remedy="download it again") from None


def rows(data: Any, path: Path, key: str | None = None) -> list[dict[str, Any]]:
    """The list of objects in `data`, or in its field `key`.

    Raises:
        InputError: it is not there, or empty.
    """
    found = data.get(key) if key is not None and isinstance(data, dict) else data if key is None else None
    if not isinstance(found, list) or not found or not all(isinstance(row, dict) for row in found):
        raise InputError("not a list of objects", file=path, field=key, remedy="use the official file")
    return found


def field(row: Any, key: str, path: Path, what: str, kind: type | tuple[type, ...] = str) -> Any:
    """A field of an object, of the type `kind` (or one of them); `what` names the object.

    Raises:
        InputError: it is missing, or of another type.
    """
    if not isinstance(row, Mapping) or key not in row:
        raise InputError(f"{what} has no '{key}'", file=path, field=key, remedy="use the official file")
    value = row[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        problem = f"{what}: {str(value)[:60]!r} is not of type {names}"
        raise InputError(problem, file=path, field=key, remedy="use the official file")
    return value


def people(row: Any, path: Path, what: str) -> list[str]:
    """People's answers to a question: the field `answers`, texts or objects with an `answer`.

    Raises:
        InputError: there are none (as in splits whose answers are kept back), or they are no texts.
    """
    found = field(row, "answers", path, f"{what} (of a split without answers?)", list)
    if not found:
        raise InputError(f"{what} has no answers", file=path, field="answers", remedy="use a split with answers")
    return [one if isinstance(one, str) else field(one, "answer", path, what) for one in found]


def four(values: Any, path: Path, what: str) -> tuple[float, float, float, float]:
    """The numbers of a box.

    Raises:
        InputError: they are not four finite numbers.
    """
    sound = isinstance(values, list | tuple) and len(values) == 4
    if not sound or not all(isinstance(one, int | float) and abs(one) < math.inf for one in values):
        problem = f"{what}: {str(values)[:60]!r} is no box"
        raise InputError(problem, file=path, field="bbox", remedy="use the official file")
    first, second, third, fourth = map(float, values)
    return first, second, third, fourth


def unique(ids: Iterable[Hashable], path: Path) -> None:
    """Raise InputError if an id occurs twice."""
    seen: set[Hashable] = set()
    for one in ids:
        if one in seen:
            raise InputError(f"id {one} occurs twice", file=path, remedy="use the official file")
        seen.add(one)


def matched(questions: set[Any], answers: set[Any], questions_file: Path, answers_file: Path) -> None:
    """Raise InputError unless both files speak of the same ids."""
    lonely, extra = questions - answers, answers - questions
    if lonely:
        problem = f"{len(lonely)} questions have no answer, {min(lonely, key=str)} for one"
    elif extra:
        problem = f"{len(extra)} answers have no question, {min(extra, key=str)} for one"
    else:
        return
    raise InputError(problem, file=answers_file, remedy=f"take the answers that belong to {questions_file.name}")


def image(folder: Path, name: str, *places: str) -> Path:
    """An image of the task: `name` in the first of the folders `places` (relative to `folder`) that has it.

    Raises:
        InputError: none has.
    """
    for place in places:
        path = folder / place / name
        if path.is_file():
            return path
    where = " or ".join(f"{place}/" if place else "." for place in places)
    raise InputError(f"image {name} is missing", file=folder, remedy=f"put it under {where}")


def digest(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
