"""Defines the language of a sweep file: a base curriculum, a base run config, and the parameters that vary."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from curriculum.language.curriculum_file import Written
from schemas.strict_model import Strict
from schemas.sweep_file import Registered

Name = Annotated[str, Field(pattern=r"^[A-Za-z][\w.-]*$")]


class Grid(Strict):
    """Runs for every combination of the axes' values."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]
    """First part of the runs' names."""
    set: dict[Name, Any] = {}
    """Parameters that are the same in all runs of the grid."""
    axes: dict[Name, list[Any]] = {}
    """Values by parameter. A value that is a mapping sets several parameters at once, `{label: late, switch: 80%}`;
    its axis need not be a parameter itself then."""

    @model_validator(mode="after")
    def _has_values(self) -> Self:
        for axis, values in self.axes.items():
            if not values:
                raise ValueError(f"axis '{axis}' has no values; give at least one, or remove it")
        return self


class Throughput(Written):
    """Holds the figures from which GPU-hours are computed."""

    tokens_per_second: float = Field(gt=0, allow_inf_nan=False)
    """Of one GPU, as measured."""
    gpus: int = Field(default=8, ge=1)
    """Of one run."""
    gpus_per_node: int = Field(default=8, ge=1)
    """Of one machine: a run on more GPUs than that takes several whole machines."""
    price: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Of one GPU-hour."""

    @model_validator(mode="after")
    def _fills_nodes(self) -> Self:
        if self.gpus > self.gpus_per_node and self.gpus % self.gpus_per_node:
            raise ValueError(
                f"{self.gpus} GPUs do not fill nodes of {self.gpus_per_node}; take a multiple, or set gpus_per_node"
            )
        return self

    @property
    def nodes(self) -> int:
        """Machines of one run."""
        return -(-self.gpus // self.gpus_per_node)

    @property
    def gpus_each(self) -> int:
        """GPUs of one run on each of its machines."""
        return self.gpus // self.nodes


class Sweep(Strict):
    """Many runs from one curriculum."""

    curriculum: str
    """The base curriculum, relative to this file; what varies are its `parameters`."""
    train: str | None = None
    """The trainer's run config (RUN.yaml), relative to this file, with `parameters` of its own if need be; `schedule`,
    `out` and `branch_from` are filled in. Without it no launch files are written."""
    idle_before_images: list[str] = []
    """Keys of the run config that have no influence until the first image comes, such as `model.encoder`: runs that
    differ only there share their text-only past."""
    grids: list[Grid] = Field(min_length=1)
    """The sweep's runs are those of all grids."""
    throughput: Throughput | None = None
    """For GPU-hours."""
    registered: Registered | None = None
    """What the report will try, and how, said before the first run; the report checks that it was so."""
