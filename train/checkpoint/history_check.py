"""Checks that a schedule may go on from a position: the past must be the one that led there; the future is free.

The hash of the past decides. Why it differs, and from which position on, is found by comparing the schedule with the
one that the checkpoint carries.
"""

from __future__ import annotations

import logging

from common.errors import InputError
from schemas.schedule import Schedule
from schemas.schedule_diff import compare

log = logging.getLogger(__name__)
REMEDY = "change only what lies ahead, branch from an earlier checkpoint, or use a new output directory"


def check_past(
    schedule: Schedule, position: int, past: str, earlier: Schedule | None = None, *, branch: bool = False
) -> None:
    """Refuse a schedule under which `position` would not have been reached as it was; log how its future differs.

    Args:
        schedule: what the run is to go on with.
        position: where it stands.
        past: `prefix_hash(position)` of the schedule that it got there with.
        earlier: that schedule, if it is at hand: the message then names the first position that differs.
        branch: the position is another run's, from which this one branches: that its future differs is no news.

    Raises:
        InputError: the past differs.
    """
    if position > schedule.total_samples:
        problem = f"the schedule ends at sample {schedule.total_samples:,}, the checkpoint stands at {position:,}"
        raise InputError(problem, field="schedule", remedy=REMEDY)
    if schedule.prefix_hash(position) != past:
        first = f": {parting(earlier, schedule, position)}" if earlier is not None else ""
        problem = f"the schedule's past, before sample {position:,}, is not the one that this checkpoint was trained on"
        raise InputError(f"{problem}{first}", field="schedule", remedy=REMEDY)
    if earlier is not None and earlier.hash != schedule.hash and not branch:
        log.warning("the schedule's future has changed: %s", parting(earlier, schedule, None))


def parting(earlier: Schedule, schedule: Schedule, before: int | None) -> str:
    """Where the two part, and what each does there; `before`: name only what differs below that position."""
    found = compare(earlier, schedule)
    if found.written is None:
        return "they are the same run"
    firsts = [("draws", found.sample), ("learning rate", found.rate)]
    seen = [(p, what) for what, p in firsts if p is not None and (before is None or p < before)]
    if not seen:
        if found.written >= min(earlier.total_samples, schedule.total_samples):
            ends = f"{earlier.total_samples:,} to {schedule.total_samples:,} samples"
            return f"equal before sample {found.written:,}, the length goes from {ends}"
        phases = " and ".join(_phase(s, found.written) for s in (earlier, schedule))
        return f"written differently from sample {found.written:,} on ({phases})"
    position, what = min(seen)
    one, other = (_at(s, position, what) for s in (earlier, schedule))
    return f"the first position that differs is sample {position:,}, {one} then, {other} now"


def _phase(schedule: Schedule, position: int) -> str:
    phase = schedule.phase(position)
    mix = ", ".join(
        f"{s.name} {share / 1e7:g} %" for s, share in zip(schedule.sources, phase.shares, strict=True) if share
    )
    return f"'{phase.name}' {mix}"


def _at(schedule: Schedule, position: int, what: str) -> str:
    if what == "learning rate":
        return f"learning rate {schedule.lr(position):.6g}"
    source, sample = schedule.sample(position)
    return f"'{schedule.sources[source].name}' #{sample:,} in phase {_phase(schedule, position)}"
