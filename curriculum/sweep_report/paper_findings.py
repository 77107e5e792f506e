"""Tests whether the paper's orderings appear: each is a difference with a probability, corrected for how many were
tried.

Like is compared with like: configurations that agree in every other swept parameter are compared, and the
differences averaged. A mean over all would mix effects where a sweep varies one thing at a time, as the paper's do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from curriculum.sweep_report.analysis import LOSS, Analysis, Measure
from curriculum.sweep_report.axes import FOLLOWS, SOLVED, Axis, fixed_totals, number, text
from curriculum.sweep_report.estimates import Estimate, holm

_TRIED = ("switch", "image_share", "instruction_part", "instruction_share", "epochs", "frozen", "encoder")
"""Parameters that the findings are about."""

ERROR = 0.025
"""Chance of any false verdict in a report, if the seeds' noise is normal and the same in all configurations. Simulated
sweeps with heavy tails, and with unequal configurations, stay below 5 % with it."""

EARLY = "early and sparse beats late and dense, at fixed totals"

Test = Callable[[str], bool]
"""Whether a configuration with this value of the parameter belongs to a side."""


@dataclass(frozen=True)
class Ordering:
    """One of the paper's findings, tried on this sweep."""

    claim: str
    measure: str
    difference: Estimate
    """In favour of the claim if positive; its interval is not corrected."""
    pairs: int
    """Settings of the other parameters under which both sides were there."""
    axis: str
    """The parameter that the sides differ in."""
    p: float | None = None
    """Probability of such a difference without any effect, corrected for all findings that the report tries; None
    where the seeds do not tell."""

    @property
    def verdict(self) -> str:
        """Says what the probability means for the claim."""
        if self.p is None:
            return "no verdict"
        if self.p >= ERROR:
            return "undecided"
        return "appears" if self.difference.value > 0 else "the opposite appears"

    @property
    def sentence(self) -> str:
        """Verdict, claim and figures."""
        p = f", p {self.probability}" if self.probability else ""
        return f"{self.verdict}: {self.claim} ({self.measure} {self.difference.value:+.4f}, {self.interval}{p})"

    @property
    def interval(self) -> str:
        """Formats the interval as text."""
        return f"{self.difference.low:+.4f} to {self.difference.high:+.4f}"

    @property
    def probability(self) -> str:
        """Formats the probability as text; "" for none."""
        if self.p is None:
            return ""
        return f"{self.p:.3f}" if self.p >= 0.001 else "<0.001"


def orderings(analysis: Analysis) -> list[Ordering]:
    """All findings that this sweep's axes and tasks let one try."""
    found: list[Ordering | None] = []
    vision = analysis.measure("stable score, vision")
    texts = [one for one in analysis.measures if one.name == "stable score, text" or one.name.startswith(LOSS)]
    some = _among(10, 20)
    if vision is not None:
        found += [
            between(analysis, vision, "images from 80 % on beat images after the end", "switch", _among(80),
                    _among(100)),
            between(analysis, vision, "images from the start on hurt vision", "switch", _among(80), _among(0)),
            between(analysis, vision, "10-20 % of images beat more", "image_share", some, _numeric(lambda x: x > 20)),
            between(analysis, vision, "10-20 % of images beat fewer", "image_share", some, _numeric(lambda x: x < 10)),
            *(between(analysis, vision, "instruction data in pre-training hurts", name, _among(0),
                      _numeric(lambda x: x > 0)) for name in ("instruction_part", "instruction_share")),
            between(analysis, vision, "2-4 epochs of fine-tuning beat one", "epochs", _among(2, 3, 4), _among(1)),
            between(analysis, vision, "a frozen encoder is better", "frozen", _freezes, _trains),
            between(analysis, vision, "SigLIP beats a patch projection", "encoder", _siglip, "patch".__eq__),
        ]  # fmt: skip
        found.append(early(analysis, vision))
    for one in texts:
        found += [
            early(analysis, one),
            between(analysis, one, "images from the start on hurt text", "switch", _among(80), _among(0)),
            between(analysis, one, "more text keeps text scores", "image_share", *_ends(analysis)),
        ]
    tried = [one for one in found if one is not None]
    corrected = holm([one.difference.p for one in tried])
    return [replace(one, p=p) for one, p in zip(tried, corrected, strict=True)]


def untried(analysis: Analysis) -> list[str]:
    """Parameters with findings of the paper, varied here, on which none of them could be tried."""
    tried = {one.axis for one in orderings(analysis)}
    return [axis.name for axis in analysis.axes if axis.name in _TRIED and axis.name not in tried]


def between(analysis: Analysis, measure: Measure, claim: str, name: str, better: Test, worse: Test) -> Ordering | None:
    """Mean difference between the sides, over all settings of the other axes that have both; None if none has."""
    axis = next((one for one in analysis.axes if one.name == name), None)
    if axis is None or not axis.in_known_unit or measure.estimates is None:
        return None
    others = analysis.others(axis)
    sides: dict[tuple[str, ...], tuple[list[int], list[int]]] = {}
    for place in range(len(analysis.settings)):
        pair = sides.setdefault(tuple(analysis.value_of(place, one) for one in others), ([], []))
        for side, test in zip(pair, (better, worse), strict=True):
            if test(analysis.value_of(place, axis)):
                side.append(place)
    split = [part for pair in sides.values() for part in _alike(analysis, axis, pair)]
    pairs = [(first, second) for first, second in split if first and second]
    if not pairs:
        return None
    return _ordering(analysis, measure, claim, name, pairs)


def early(analysis: Analysis, measure: Measure) -> Ordering | None:
    """Earliest against latest start among runs of fixed totals, whose share follows from the start (Kimi K2.5).

    They see the same images and the same text in the end: early and sparse, or late and dense.
    """
    axis = next((one for one in analysis.axes if one.name == "switch"), None)
    if axis is None or not axis.in_known_unit or measure.estimates is None:
        return None
    others = [one for one in analysis.others(axis) if one.name not in SOLVED]
    alike: dict[tuple[str, ...], list[int]] = {}
    for place in analysis.where(fixed_totals):
        alike.setdefault(tuple(analysis.value_of(place, one) for one in others), []).append(place)
    pairs = []
    for members in alike.values():
        starts = {place: axis.place(analysis.value_of(place, axis)) for place in members}
        first, last = min(starts.values()), max(starts.values())
        if first < last:
            sides = tuple([place for place in members if starts[place] == one] for one in (first, last))
            pairs += [part for part in _alike(analysis, axis, (sides[0], sides[1])) if all(part)]
    return _ordering(analysis, measure, EARLY, axis.name, pairs) if pairs else None


def _ordering(
    analysis: Analysis, measure: Measure, claim: str, name: str, pairs: list[tuple[list[int], list[int]]]
) -> Ordering:
    """The mean difference over `pairs`, in favour of their first sides."""
    assert measure.estimates is not None
    sign = 1.0 if measure.higher_is_better else -1.0
    weights = np.zeros(len(analysis.settings))
    for first, second in pairs:
        weights[first] += sign / len(first) / len(pairs)
        weights[second] -= sign / len(second) / len(pairs)
    return Ordering(claim, measure.name, measure.estimates.of(weights), len(pairs), name)


def _alike(analysis: Analysis, axis: Axis, sides: tuple[list[int], list[int]]) -> list[tuple[list[int], list[int]]]:
    """Both sides cut into parts that agree in the parameters that are no axis, but for those that `axis` decides.

    A parameter that has one value for each of the axis's goes with it (a re-warmed rate with a switch at the end); any
    other (a learning rate, tried twice) would make the difference one of its own.
    """
    members = [*sides[0], *sides[1]]
    known = {*(one.name for one in analysis.axes), FOLLOWS.get(axis.name, axis.name)}
    free = []
    for name in sorted({name for one in members for name in analysis.settings[one]} - known):
        values = {(analysis.value_of(n, axis), text(analysis.settings[n], name)) for n in members}
        if len(values) > len({value for value, _ in values}):
            free.append(name)
    parts: dict[tuple[str, ...], tuple[list[int], list[int]]] = {}
    for side, numbers in enumerate(sides):
        for one in numbers:
            key = tuple(text(analysis.settings[one], name) for name in free)
            parts.setdefault(key, ([], []))[side].append(one)
    return list(parts.values())


def _numeric(test: Callable[[float], bool]) -> Test:
    def passes(value: str) -> bool:
        found = number(value)
        return found is not None and test(found)

    return passes


def _among(*values: float) -> Test:
    return _numeric(lambda found: found in values)


def _freezes(value: str) -> bool:
    return "encoder" in value.split("+") or value == "true"


def _trains(value: str) -> bool:
    return not _freezes(value)


def _siglip(value: str) -> bool:
    return value.startswith("siglip")


def _ends(analysis: Analysis) -> tuple[Test, Test]:
    """Smallest and largest image share."""
    axis = next((one for one in analysis.axes if one.name == "image_share"), None)
    shares = [found for value in (axis.values if axis else []) if (found := number(value)) is not None]
    return (_among(min(shares)), _among(max(shares))) if shares else (_among(), _among())
