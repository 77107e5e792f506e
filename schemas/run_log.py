"""Defines `metrics.jsonl`: what a run records of itself, read by reports.

`train` writes one `Step` a line, in order, each step once: a resumed run drops what lies beyond its checkpoint first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import ConfigDict, Field

from common import json_lines, seal
from common.errors import InputError
from schemas.strict_model import Strict


class Step(Strict):
    """One optimizer step, after it was taken. Sums over all ranks; counted from what was trained on, not computed."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # a loss that is NaN is written, and read, as NaN

    step: int = Field(ge=1)
    """Steps taken so far, this one included."""
    position: int = Field(ge=1)
    """Samples seen so far, this step's included."""
    tokens: int = Field(ge=1)
    """Tokens of those samples, padding included."""
    phase: str
    """Phase of the step's first sample."""
    lr: float
    """Learning rate of this step."""
    loss: float | None
    """Mean cross-entropy over the loss-bearing tokens of the global batch, in nats; None if there was none."""
    loss_by_source: dict[str, float]
    """The same for each source in the batch."""
    samples: dict[str, int]
    """Samples of each source seen since the run's start."""
    images: int = Field(ge=0)
    """Images in this step."""
    real_tokens: int = Field(ge=0)
    """Tokens of this step that are not padding, visual ones included."""
    attended: int | None = None
    """Pairs of a token and one that it sees, itself included; None in logs of older runs."""
    digest: str = ""
    """Which samples the step was made of, at which positions, as 16 hex digits; empty in logs of older runs."""
    gradient_norm: float
    """Before clipping."""
    withheld: bool = False
    """Whether the step was given up (`faults.jsonl` says why): drawn and counted, but no weight moved."""
    seconds: float = Field(ge=0)
    """Wall time of this step."""
    tokens_per_second: float = Field(ge=0)
    """Over all ranks, padding included."""


def parsed(line: bytes) -> Step:
    """The step of a line of `metrics.jsonl`.

    Raises:
        ValueError: it is no step, or not the one that was written.
    """
    return Step.model_validate_json(json_lines.opened(line))


def steps(path: str | Path) -> Iterator[Step]:
    """Read a `metrics.jsonl`.

    Raises:
        InputError: the file is missing or a line is damaged.
    """
    try:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    found = parsed(line)
                except ValueError as error:
                    raise InputError(f"not a step record: {seal.told(error)[0]}", file=path, line=number) from None
                yield found
    except OSError as error:
        raise InputError(f"cannot read the run's log ({error.strerror})", file=path) from None
