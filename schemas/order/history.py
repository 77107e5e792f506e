"""Describes what a schedule says before a position: the content of `Schedule.prefix_hash`.

Only what decides samples, learning rates and trained parts before a position is in it, and nothing that the future
would tell: a phase that goes on later counts as begun, neighbours that say the same are one, sources that are not drawn
and paths do not count. So two runs that were written alike up to a position have equal pasts whatever comes after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.schedule import Schedule


def past(schedule: Schedule, position: int) -> dict[str, Any]:
    """Everything that decided the run before `position`, as plain data."""
    return {
        "version": schedule.version,
        "seed": schedule.seed,
        "seq_len": schedule.seq_len,
        "tokenizer": schedule.tokenizer.digest,
        "phases": _phases(schedule, position),
        "learning_rate": [
            piece.model_dump(exclude_none=True) for piece in schedule.learning_rate if piece.start < position
        ],
        **({"lanes": [schedule.lanes, schedule.global_batch]} if schedule.lanes > 1 else {}),
    }


def _phases(schedule: Schedule, position: int) -> list[dict[str, Any]]:
    """Phases that began before `position`, each without what only its end would tell; equal neighbours are joined."""
    found: list[dict[str, Any]] = []
    for phase in schedule.phases:
        if phase.start >= position:
            break
        entry: dict[str, Any] = {"shares": _named(schedule, phase.shares), "freeze": sorted(phase.freeze)}
        if phase.ramp is not None and phase.shares_to is not None:
            length = phase.ramp_over or phase.stop - phase.start  # a ramp's slope depends on its length
            entry |= {"ramp": phase.ramp, "to": _named(schedule, phase.shares_to), "length": length}
        elif found and not phase.reset_optimizer and _goes_on(found[-1], entry):
            continue
        found.append({**entry, "start": phase.start, "reset_optimizer": phase.reset_optimizer})
    return found


def _goes_on(before: dict[str, Any], entry: dict[str, Any]) -> bool:
    return "ramp" not in before and all(before[key] == value for key, value in entry.items())


def _named(schedule: Schedule, shares: list[int]) -> dict[str, list[Any]]:
    """Shares by source, with what identifies the source's samples: sources that are not drawn do not count."""
    pairs = zip(schedule.sources, shares, strict=True)
    return {source.name: [share, source.identity] for source, share in pairs if share}
