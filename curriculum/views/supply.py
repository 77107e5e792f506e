"""Tells whether the data lasts: passes over every source, where each pass ends, and shares in every unit."""

from __future__ import annotations

from dataclasses import dataclass

from curriculum.compiler.layout import first_position
from schemas.phases import Source
from schemas.schedule import Schedule

UNITS = ("samples", "tokens without padding", "text tokens", "visual tokens", "caption tokens")
_ENDS_SHOWN = 8


@dataclass(frozen=True)
class Use:
    """Counts what a run draws from one source."""

    source: Source
    drawn: int
    """Samples over the whole run."""
    pass_ends: list[int]
    """Positions at which the first passes are complete."""

    @property
    def passes(self) -> float:
        """Passes over the source, the last one unfinished."""
        return self.drawn / self.source.samples


def uses(schedule: Schedule) -> list[Use]:
    """The use of every source, in the schedule's order."""
    total = schedule.total_samples
    drawn = schedule.counts(total)
    found = []
    for source in schedule.sources:
        whole = min(drawn[source.name] // source.samples, _ENDS_SHOWN)
        ends = [pass_end(schedule, source, number) for number in range(1, whole + 1)]
        found.append(Use(source, drawn[source.name], ends))
    return found


def pass_end(schedule: Schedule, source: Source, number: int) -> int:
    """Position at which `number` passes over `source` are complete."""
    wanted = number * source.samples
    return first_position(lambda p: schedule.counts(p)[source.name] >= wanted, 0, schedule.total_samples)


def realised(schedule: Schedule, start: int, stop: int) -> dict[str, dict[str, float]]:
    """Shares of the sources over [start, stop), by unit; a unit that does not occur has no entry."""
    before, after = schedule.counts(start), schedule.counts(stop)
    amounts: dict[str, dict[str, float]] = {unit: {} for unit in UNITS}
    for source in schedule.sources:
        drawn = after[source.name] - before[source.name]
        per_sample = drawn / source.samples
        tokens = source.tokens
        by_unit = (source.samples, tokens.total - tokens.pad, tokens.text, tokens.visual, tokens.caption)
        for unit, amount in zip(UNITS, by_unit, strict=True):
            amounts[unit][source.name] = amount * per_sample
    sums = {unit: sum(by_source.values()) for unit, by_source in amounts.items()}
    return {
        unit: {name: amount / sums[unit] for name, amount in by_source.items()}
        for unit, by_source in amounts.items()
        if sums[unit]
    }


@dataclass(frozen=True)
class Cost:
    """Holds what a run takes at a given throughput."""

    hours: float
    gpu_hours: float
    price: float | None


def cost(tokens: int, tokens_per_second: float, gpus: int, price: float | None) -> Cost:
    """Wall-clock hours, GPU-hours and money.

    Args:
        tokens_per_second: of one GPU.
        price: of one GPU-hour.
    """
    gpu_hours = tokens / tokens_per_second / 3600
    return Cost(gpu_hours / gpus, gpu_hours, None if price is None else gpu_hours * price)
