"""Do the paper's orderings appear? Each is a difference with an interval, and the interval decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curriculum.study.analysis import LOSS, Analysis, Measure
from curriculum.study.axes import number, text
from curriculum.study.stable import interval


@dataclass(frozen=True)
class Ordering:
    """One of the paper's findings, tried on this sweep."""

    claim: str
    measure: str
    difference: float
    """In favour of the claim if positive."""
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What the interval says."""
        if self.low > 0:
            return "appears"
        return "the opposite appears" if self.high < 0 else "undecided"


def orderings(analysis: Analysis) -> list[Ordering]:
    """All findings that this sweep's axes and tasks let one try."""
    found: list[Ordering | None] = []
    vision = analysis.measure("stable score, vision")
    texts = [one for one in analysis.measures if one.name == "stable score, text" or one.name.startswith(LOSS)]
    if vision is not None:
        found += [
            _between(analysis, vision, "images from 80 % on beat images after the end", "switch", {80}, {100}),
            _between(analysis, vision, "images from the start on hurt vision", "switch", {80}, {0}),
            _between(analysis, vision, "10-20 % of images beat more", "image_share", {10, 20}, _above(analysis, 20)),
            _between(analysis, vision, "10-20 % of images beat fewer", "image_share", {10, 20}, _below(analysis, 10)),
            _between(analysis, vision, "instruction data in pre-training hurts", "instruction_share", {0}, None),
        ]
    for one in texts:
        found += [
            _between(analysis, one, "images from the start on hurt text", "switch", {80}, {0}),
            _between(analysis, one, "more text keeps text scores", "image_share", *_ends(analysis)),
        ]
    return [one for one in found if one is not None]


def _between(
    analysis: Analysis, measure: Measure, claim: str, axis: str, better: set[float] | None, worse: set[float] | None
) -> Ordering | None:
    """Mean of the configurations at `better` less that at `worse` (None: all others)."""
    if better is None or all(one.name != axis for one in analysis.axes):
        return None
    values = [number(text(settings, axis)) for settings in analysis.settings]
    first = [n for n, value in enumerate(values) if value in better]
    second = [n for n, value in enumerate(values) if (value in worse if worse is not None else value not in better)]
    if not first or not second or np.isnan(measure.values).any():
        return None
    sign = 1.0 if measure.higher_is_better else -1.0
    difference = sign * (measure.values[first].mean() - measure.values[second].mean())
    draws = sign * (measure.draws[first].mean(axis=0) - measure.draws[second].mean(axis=0))
    return Ordering(claim, measure.name, float(difference), *interval(draws))


def _shares(analysis: Analysis) -> Sequence[float]:
    found = {number(text(settings, "image_share")) for settings in analysis.settings}
    return sorted(value for value in found if value is not None)


def _above(analysis: Analysis, share: float) -> set[float]:
    return {value for value in _shares(analysis) if value > share}


def _below(analysis: Analysis, share: float) -> set[float]:
    return {value for value in _shares(analysis) if value < share}


def _ends(analysis: Analysis) -> tuple[set[float] | None, set[float] | None]:
    """Smallest and largest image share."""
    shares = _shares(analysis)
    return ({shares[0]}, {shares[-1]}) if len(shares) > 1 else (None, None)
