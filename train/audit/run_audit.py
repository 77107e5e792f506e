"""Finds out what a run saw from the files that it left, and compares it with what its schedule says.

A checkpoint carries its schedule, the samples of each source as they were counted, and the digest of which samples they
were, as they were read (`train.audit.sample_digest`). A log carries the same for every step. The digest that the
schedule
calls for is worked out here from the first sample on, so that agreement is a proof, not a comparison of two copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, islice

from schemas.run_log import Step
from schemas.schedule import Schedule
from train.audit import sample_digest


@dataclass(frozen=True)
class Finding:
    """Holds what an audit found of a run's samples before `position`."""

    position: int
    samples: dict[str, int]
    """Of each source, as the run counted them."""
    steps: int
    """Steps that were compared one by one; 0 for a checkpoint."""
    digest: str | None
    """Of all samples, agreed with the schedule; None: the run kept none, only counts were compared."""
    fault: str | None
    """The first thing that does not fit, None if all does."""


def of_checkpoint(
    schedule: Schedule,
    position: int,
    past: str,
    samples: dict[str, int],
    drawn: str,
    tell: Callable[[int], None] | None = None,
) -> Finding:
    """Compare what a checkpoint says with the schedule; `tell` hears how far it has come.

    Args:
        position: samples trained on.
        past: the hash of the past that the checkpoint was written with.
        samples: of each source, as counted.
        drawn: digest of the samples as read, empty for none.
    """
    fault = None
    if position > schedule.total_samples:
        fault = f"it stands at sample {position:,}, the schedule ends at {schedule.total_samples:,}"
    elif schedule.prefix_hash(position) != past:
        fault = f"its past, before sample {position:,}, is not this schedule's"
    elif _counted(samples) != (due := _counted(schedule.counts(position))):
        fault = f"it counted {_counted(samples)}, the schedule says {due}"
    elif drawn and drawn != sample_digest.text(sample_digest.due(schedule, 0, position, tell)):
        fault = "the counts of each source are right, but it read other samples, or at other places"
    return Finding(position, samples, 0, drawn or None, fault)


def of_log(schedule: Schedule, steps: Iterable[Step], tell: Callable[[int], None] | None = None) -> Finding:
    """Compare every step of a log with the schedule, from the log's first step on; stops at the first that differs."""
    ahead = list(islice(remaining := iter(steps), 2))
    position, last = _begin(ahead, schedule), ahead[0].step - 1 if ahead else 0
    seen, number, total, whole = dict[str, int](), 0, 0, position == 0
    for step in chain(ahead, remaining):
        fault = _fault(schedule, step, position, last)
        if fault is not None:
            return Finding(position, seen, number, None, f"step {step.step:,}: {fault}")
        position, seen, last, number = step.position, step.samples, step.step, number + 1
        whole = whole and bool(step.digest)
        total += int(step.digest or "0", 16)
        if tell is not None:
            tell(position)
    return Finding(position, seen, number, sample_digest.text(total % sample_digest.MODULUS) if whole else None, None)


def _begin(first: list[Step], schedule: Schedule) -> int:
    """Where a log begins, by its first steps: at the run's start, or, for a branch, where its trunk stood."""
    if not first or first[0].step == 1:
        return 0
    rows = first[1].position - first[0].position if len(first) > 1 else schedule.global_batch
    return max(0, first[0].position - rows)


def _fault(schedule: Schedule, step: Step, position: int, last: int) -> str | None:
    if step.step != last + 1:
        return f"it follows step {last:,}"
    if not position < step.position <= schedule.total_samples:
        return f"it ends at sample {step.position:,}, it began at {position:,} of {schedule.total_samples:,}"
    if step.lr != schedule.lr(position):
        return f"its learning rate was {step.lr:.6g}, the schedule says {schedule.lr(position):.6g}"
    if _counted(step.samples) != (due := _counted(schedule.counts(step.position))):
        return f"it had counted {_counted(step.samples)}, the schedule says {due}"
    if step.digest and step.digest != sample_digest.text(sample_digest.due(schedule, position, step.position)):
        return f"it read other samples than the schedule's {position:,} to {step.position:,}, or at other places"
    return None


def _counted(samples: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in samples.items() if count}
