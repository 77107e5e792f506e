"""Writes and checks the lock file beside a schedule: digests of everything that it was compiled from.

The schedule itself pins what is drawn (digests of contents, shard sizes); the lock says which files and parameters it
came from, so that `compile --locked` can refuse, by name, whatever has changed since.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from common import atomic_files
from common.errors import InputError
from curriculum.compiler.compile_curriculum import Compiled
from schemas.schema_version import refuse_later
from schemas.strict_model import Strict


class Lock(Strict):
    """Holds the digests of the files that a schedule was compiled from."""

    version: Literal[1] = 1
    schedule: str
    """Hash of the schedule."""
    files: dict[str, str]
    """sha256 of the curriculum and of the files that it extends."""
    manifests: dict[str, str]
    """sha256 of each source's manifest."""
    contents: dict[str, str]
    """What each source's shards hold, in one digest."""


def lock_path(schedule: Path) -> Path:
    """Where the lock of a schedule lies: `schedule.json` -> `schedule.lock.json`."""
    return schedule.with_name(f"{schedule.stem}.lock.json")


def _lock(compiled: Compiled) -> Lock:
    return Lock(
        schedule=compiled.schedule.hash,
        files={str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in compiled.document.files},
        manifests={name: dataset.manifest_digest for name, dataset in compiled.datasets.items()},
        contents={name: dataset.source.content for name, dataset in compiled.datasets.items()},
    )


def write_lock(compiled: Compiled, path: Path) -> None:
    """Write the lock, atomically."""
    atomic_files.write_text(path, _lock(compiled).model_dump_json(indent=1) + "\n")


def check_lock(compiled: Compiled, path: Path) -> None:
    """Refuse what differs from the lock at `path`.

    Raises:
        InputError: there is no lock, or something read has changed; names it.
    """
    try:
        data = path.read_bytes()
    except OSError:
        raise InputError("no lock file", file=path, remedy="compile once without --locked") from None
    try:
        locked = Lock.model_validate_json(data)
    except ValidationError:
        refuse_later("lock", data, path)
        raise InputError("damaged lock file", file=path, remedy="compile once without --locked") from None
    now = _lock(compiled)
    for what in ("files", "manifests", "contents"):
        before, after = getattr(locked, what), getattr(now, what)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if changed:
            problem = f"{what} differ from the lock: {', '.join(changed)}"
            raise InputError(problem, file=path, remedy="undo the change, or compile without --locked")
    if locked.schedule != now.schedule:
        raise InputError("the parameters give another schedule", file=path, remedy="give the same --set values")
