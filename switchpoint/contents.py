"""Tells what a folder holds: a dataset, a run, a sweep or an export."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from common.errors import InputError
from schemas.manifest import MANIFEST_NAME
from train.export.description import PROVENANCE


class Kind(Enum):
    """Names what a folder may hold."""

    DATASET = "dataset"
    RUN = "run"
    SWEEP = "sweep"
    EXPORT = "export"


_MARKS = {
    "sweep.json": Kind.SWEEP,
    MANIFEST_NAME: Kind.DATASET,
    "metrics.jsonl": Kind.RUN,
    "checkpoints": Kind.RUN,
    PROVENANCE: Kind.EXPORT,
}
"""A file that only this kind has."""


def kind_of(place: str) -> Kind:
    """Look at a folder; what lies in object storage is taken for a dataset.

    Raises:
        InputError: the folder holds none of the four.
    """
    if "://" in place:
        return Kind.DATASET
    for name, kind in _MARKS.items():
        if (Path(place) / name).exists():
            return kind
    problem = "no dataset, run, sweep or export here" if Path(place).is_dir() else "no such folder"
    names = ", ".join(_MARKS)
    raise InputError(problem, file=place, remedy=f"name the folder that holds one of {names}")


def runs_of(sweep: Path) -> list[Path]:
    """List the runs of a sweep that have begun.

    Raises:
        InputError: none has.
    """
    found = sorted(log.parent for log in sweep.glob("nodes/*/out/metrics.jsonl"))
    if not found:
        raise InputError(
            "no run of this sweep has begun", file=sweep, remedy="switchpoint score SWEEP, or its launch.sh"
        )
    return found
