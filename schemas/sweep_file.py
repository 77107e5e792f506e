"""Defines `sweep.json`: the runs of a sweep, and the tree of stretches that trains them; `curriculum sweep` writes it.

`curriculum report` and `train sweep` read it. Below the file's folder, `nodes/ID/` has each stretch's schedule, run
config, logs and scores.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from common import atomic_files, seal
from common.errors import InputError
from schemas.schema_version import refuse_later
from schemas.strict_model import Strict

SWEEP_NAME = "sweep.json"
NodeId = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
"""Also the name of the node's folder."""


class Totals(Strict):
    """A sum over stretches of training; hours and price are None where a throughput or price is missing."""

    tokens: int = Field(gt=0)
    gpu_hours: float | None
    price: float | None


class SweepRun(Strict):
    """Describes one run of a sweep."""

    name: str
    settings: dict[str, Any]
    """The parameters that the sweep gives it."""
    node: NodeId
    """Where it ends."""
    schedule: str
    """Hash of its schedule."""
    tokens: int = Field(gt=0)
    """From its start, shared stretches included."""


class SweepNode(Strict):
    """A stretch of training that one or several runs share."""

    id: NodeId
    parent: NodeId | None
    """None for a stretch that starts with new weights."""
    start: int = Field(ge=0)
    stop: int
    """Samples since the start of the run."""
    tokens: int = Field(gt=0)
    gpu_hours: float | None
    past: str
    """Hash of the schedule up to `stop`."""
    runs: list[str]
    """Runs that pass through."""
    ends: list[str]
    """Runs that are complete at `stop`."""


class Registered(Strict):
    """Holds what was said, before any run, that the sweep's report would try, and how."""

    findings: list[str] = Field(min_length=1)
    """Claims, as the report words them: these are tried, and no others."""
    tasks: list[str] = Field(min_length=1)
    """Tasks that every run is scored on, as results name them; no others count."""
    seeds: int = Field(ge=2)
    """Runs of every configuration."""


class SweepFile(Strict):
    """The content of `sweep.json`."""

    version: Literal[1] = 1
    with_sharing: Totals
    without_sharing: Totals
    """What the runs take one by one."""
    runs: list[SweepRun] = Field(min_length=1)
    nodes: list[SweepNode] = Field(min_length=1)
    """Parents come before their children."""
    registered: Registered | None = None
    """None where nothing was said beforehand."""

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        known: set[str] = set()
        for node in self.nodes:
            if node.id in known:
                raise ValueError(f"two nodes are called '{node.id}'")
            if node.parent is not None and node.parent not in known:
                raise ValueError(f"node '{node.id}' comes before its parent, '{node.parent}'")
            known.add(node.id)
        names: set[str] = set()
        for run in self.runs:
            if run.name in names:
                raise ValueError(f"two runs are called '{run.name}'")
            if run.node not in known:
                raise ValueError(f"run '{run.name}' ends at node '{run.node}', which is not there")
            names.add(run.name)
        return self

    def path(self, run: SweepRun) -> list[SweepNode]:
        """The stretches that a run passes through, first to last."""
        by_id = {node.id: node for node in self.nodes}
        found, at = [by_id[run.node]], by_id[run.node].parent
        while at is not None:
            found.insert(0, by_id[at])
            at = by_id[at].parent
        return found

    def save(self, folder: Path) -> None:
        """Write `folder`/sweep.json, whole or not at all."""
        unsaid = {"registered"} if self.registered is None else set()  # as files of before have it
        atomic_files.write_text(folder / SWEEP_NAME, seal.sealed(json.dumps(self.model_dump(exclude=unsaid))))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `folder`/sweep.json.

        Raises:
            InputError: there is none, or it is damaged.
        """
        file = folder / SWEEP_NAME
        try:
            data = file.read_bytes()
        except OSError as error:
            remedy = "write one with `python -m curriculum sweep SWEEP.yaml -o FOLDER`"
            raise InputError(f"no sweep here ({error.strerror})", file=file, remedy=remedy) from None
        try:
            return cls.model_validate(seal.opened(data))
        except ValueError as error:
            refuse_later("sweep", data, file)
            problem, key = seal.told(error)
            remedy = "write the sweep again"
            raise InputError(f"damaged sweep ({problem})", file=file, field=key, remedy=remedy) from None
