"""Computes where in a phase to evaluate and to save checkpoints: positions that are the end of a step."""

from __future__ import annotations

from curriculum.compiler.units import Scale, UnfitError
from curriculum.language.curriculum_file import Points

MAX_POINTS = 10_000
"""In one phase."""


def positions(points: Points | None, start: int, stop: int, scale: Scale) -> list[int]:
    """Positions in (start, stop], each rounded down to the last step's end, none twice.

    Raises:
        UnfitError: more than `MAX_POINTS`, or a point outside the phase.
    """
    if points is None:
        return []
    length, batch = stop - start, scale.global_batch
    found: set[int] = {length} if points.end else set()
    for amount in points.at:
        at = scale.samples(amount, length)
        if not 0 < at <= length:
            raise UnfitError("at", f"{amount} is outside the phase, which has {length:,} samples", "name a point in it")
        if (start + at) // batch * batch <= start:
            early = f"{amount} comes before the phase's first step ends"
            raise UnfitError("at", early, f"a step has {batch:,} samples: name a later point")
        found.add(at)
    if points.every is not None:
        every = scale.samples(points.every, length)
        if every < 1:
            raise UnfitError("every", f"{points.every} comes to no sample of the phase's {length:,}", "make it longer")
        if length // every > MAX_POINTS:
            raise UnfitError("every", f"{points.every} gives more than {MAX_POINTS:,} points", "make it longer")
        found.update(range(every, length, every))
    ends = {(start + at) // batch * batch for at in found}
    return sorted(end for end in ends if start < end)
