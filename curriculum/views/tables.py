"""Prints a compiled curriculum as a table that fits a terminal, for its author to check before the run starts."""

from __future__ import annotations

from collections.abc import Sequence

from common.text_table import amount, percent, table
from curriculum.compiler.compile_curriculum import Compiled
from schemas.order.mixing import SHARE_UNIT
from schemas.phases import Phase
from schemas.schedule import Schedule

_NAMED = 5
"""Sources that a mix names, if it has more than one beyond them."""


def mix(schedule: Schedule, phase: Phase) -> str:
    """`text 85 %, pairs 15 %`, or both ends of a ramp; of many sources, the largest."""

    def one(shares: Sequence[int]) -> str:
        drawn = [(source, share) for source, share in zip(schedule.sources, shares, strict=True) if share]
        shown = sorted(drawn, key=lambda part: -part[1])[:_NAMED] if len(drawn) > _NAMED + 1 else drawn
        text = ", ".join(f"{source.name} {percent(share / SHARE_UNIT)}" for source, share in shown)
        return text if shown is drawn else f"{text}, {len(drawn) - _NAMED} more"

    if phase.shares_to is None:
        return one(phase.shares)
    left_early = phase.ramp_over is not None and phase.ramp_over > phase.stop - phase.start
    return f"{one(phase.shares)} -> {one(phase.shares_to)} ({phase.ramp}{', left early' if left_early else ''})"


def phase_table(schedule: Schedule) -> str:
    """Phase, place in the run, learning rate at its first and last step, mix."""
    rows = [("phase", "tokens from", "to", "samples from", "to", "lr first", "lr last", "mix")]
    for phase in schedule.phases:
        last = max(phase.start, (phase.stop - 1) // schedule.global_batch * schedule.global_batch)
        first = min(-(-phase.start // schedule.global_batch) * schedule.global_batch, last)
        rows.append(
            (
                phase.name,
                amount(schedule.tokens(phase.start)),
                amount(schedule.tokens(phase.stop)),
                f"{phase.start:,}",
                f"{phase.stop:,}",
                f"{schedule.lr(first):.4g}",
                f"{schedule.lr(last):.4g}",
                mix(schedule, phase),
            )
        )
    return table(rows, right=(1, 2, 3, 4, 5, 6))


def source_table(schedule: Schedule) -> str:
    """Makes a table of what each source gives over the whole run."""
    rows = [("source", "drawn samples", "tokens", "share", "passes", "of samples")]
    for name, drawn in schedule.counts(schedule.total_samples).items():
        source = next(source for source in schedule.sources if source.name == name)
        share = percent(drawn / schedule.total_samples)
        passes = f"{drawn / source.samples:.4g}"
        rows.append((name, f"{drawn:,}", amount(schedule.tokens(drawn)), share, passes, f"{source.samples:,}"))
    return table(rows, right=(1, 2, 3, 4, 5))


def report(compiled: Compiled) -> str:
    """Everything that `compile` prints."""
    schedule = compiled.schedule
    steps = schedule.total_samples // schedule.global_batch
    tokens = schedule.tokens(schedule.total_samples)
    lines = [
        f"{amount(tokens)} tokens = {schedule.total_samples:,} samples of {schedule.seq_len:,} = "
        f"{steps:,} steps of {schedule.global_batch:,}; seed {schedule.seed}"
        + (f"; {schedule.lanes} lanes" if schedule.lanes > 1 else ""),
        "",
        phase_table(schedule),
        "",
        source_table(schedule),
        "",
        f"every source stays within {schedule.error_bound():.3g} samples of its exact share at every prefix of the "
        f"run, and within {2 * schedule.error_bound():.3g} in any slice of it",
        "phase ends are the nearest whole sample to their exact token; the run's end is a whole step",
        *compiled.notes,
        f"schedule {schedule.hash}",
    ]
    return "\n".join(lines)
