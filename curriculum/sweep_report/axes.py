"""Finds the parameters that a sweep varied and makes them the axes of figures."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curriculum.language.amounts import parse_share

KNOWN = {
    "switch": "when images come in, % of text pre-training",
    "image_share": "image share of the image-text phase, % of tokens",
    "instruction_part": "instructions among the images of the image-text phase, %",
    "instruction_share": "instruction share of the image-text phase, % of tokens",
    "multiplier": "length of the image-text phase, in multiples",
    "image_peak": "rate that the image-text phase is warmed up to",
    "epochs": "epochs of fine-tuning",
    "frozen": "parts that are frozen",
    "encoder": "image encoder",
    "vision": "data, packed for the encoder",
    "pairs": "image-caption data",
    "unit": "what shares are shares of",
    "design": "what all runs have in common",
}
"""Parameters that the paper swept, and what to write below the axis."""


PERCENT = ("switch", "image_share", "instruction_part", "instruction_share")
"""Parameters whose label, and the paper's findings, count in percent."""
FOLLOWS = {"encoder": "vision"}
"""What has to change with a parameter and is no choice of its own: which data, packed for the encoder's geometry."""

GIVES_WAY = {"instruction_share": "image_share"}
"""Maps a swept share to the share that is reduced to make room: instruction data replaces images."""

FIXED_TOTALS = "fixed-totals"
"""The `design` of runs that all see the same data: start and share follow from each other."""


@dataclass(frozen=True)
class Axis:
    """A parameter with more than one value."""

    name: str
    values: list[str]
    """As texts, in order."""
    numeric: bool

    @property
    def in_known_unit(self) -> bool:
        """Whether the values are in the unit that is known for the parameter: a switch may be written in tokens."""
        return self.name not in PERCENT or all(value.endswith("%") for value in self.values)

    @property
    def label(self) -> str:
        """Returns the text below the axis."""
        return KNOWN.get(self.name, self.name) if self.in_known_unit else self.name

    def place(self, value: str) -> float:
        """Where a value stands on the axis."""
        return number(value) if self.numeric else float(self.values.index(value))  # type: ignore[return-value]


def text(settings: dict[str, Any], name: str) -> str:
    """A parameter's value as text, shares as percentages; "default" where a run does not set it."""
    if name not in settings:
        return "default"
    value = settings[name]
    if name.endswith("_share"):
        with contextlib.suppress(ValueError):
            share = parse_share(value)
            return share if isinstance(share, str) else f"{float(100 * share):g}%"
    if isinstance(value, dict) and "kind" in value:
        return str(value["kind"])
    if isinstance(value, list):
        return "+".join(map(str, value)) or "nothing"
    return value if isinstance(value, str) else json.dumps(value)


def number(value: str) -> float | None:
    """`20%` is 20; None for what is no number."""
    try:
        return float(value.strip().removesuffix("%"))
    except ValueError:
        return None


def axes(settings: Sequence[dict[str, Any]], more: Sequence[str] = ()) -> list[Axis]:
    """The known (and named) parameters that have more than one value."""
    found = []
    for name in dict.fromkeys([*KNOWN, *more]):
        values = {text(one, name) for one in settings}
        if len(values) > 1:
            numeric = all(number(value) is not None for value in values)
            found.append(Axis(name, sorted(values, key=_order), numeric))
    return found


def _order(value: str) -> tuple[bool, float, str]:
    """Numbers by size, then texts."""
    found = number(value)
    return found is None, found or 0.0, value


def rewarmed(settings: dict[str, Any]) -> bool:
    """Whether the image-text phase is warmed up anew (`image_rate` names a peak), or goes on from the trunk."""
    rate = settings.get("image_rate")
    return isinstance(rate, dict) and ("peak" in rate or "rewarm" in rate)


def fixed_totals(settings: dict[str, Any]) -> bool:
    """Whether the run is one of those that see the same data in the end: start and share follow from each other."""
    return settings.get("design") == FIXED_TOTALS


SOLVED = ("switch", "image_share")
"""What runs of fixed totals vary together."""
