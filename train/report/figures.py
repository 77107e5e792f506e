"""Draws a run: mix, loss, held-out loss, learning rate, passes and throughput over its tokens.

What is constant from step to step is drawn as stairs, at the positions where it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from common.html.figure import COLOURS
from schemas.schedule import Schedule
from train.report.record import Record
from train.report.windows import Window, positions, windows

_PALE = 0.3


def mix(record: Record) -> Figure:
    """Share of each source in the samples: what the schedule says, and what was counted."""
    figure, axes = canvas(record.schedule, "share of samples")
    schedule, seen = record.schedule, _before(record)
    found = windows(record.log, record.start, schedule)
    for name, colour in by_source(schedule):
        edges = _mix_edges(record)
        due = [schedule.targets(edge)[name] for edge in edges]
        shares = [(b - a) / (stop - start) for a, b, start, stop in zip(due, due[1:], edges, edges[1:], strict=False)]
        axes.stairs(shares, [_x(schedule, edge) for edge in edges], baseline=None, color=colour, linewidth=5,
                    alpha=_PALE, label=f"{name}, target")  # fmt: skip
        counts = [seen[name], *(window.steps[-1].samples[name] for window in found)]
        real = [(b - a) / (w.stop - w.start) for a, b, w in zip(counts, counts[1:], found, strict=False)]
        _stairs(axes, schedule, found, real, color=colour, linewidth=1.2, label=f"{name}, counted")
    axes.set_ylim(-0.03, 1.05)
    _finish(axes, schedule, record)
    return figure


def loss(record: Record) -> Figure:
    """Training loss of each source: mean of every window of steps, and the lowest and highest of its steps."""
    figure, axes = canvas(record.schedule, "nats per token")
    found = windows(record.log, record.start, record.schedule)
    for name, colour in by_source(record.schedule):
        first = True
        for stretch in _stretches(found, name):
            losses = [window.losses(name) for window in stretch]
            edges = _edges(record.schedule, stretch)
            axes.stairs([sum(part) / len(part) for part in losses], edges, baseline=None, color=colour, linewidth=1.2,
                        label=name if first else None)  # fmt: skip
            axes.stairs([max(part) for part in losses], edges, baseline=[min(part) for part in losses], fill=True,
                        color=colour, alpha=0.15)  # fmt: skip
            first = False
    _finish(axes, record.schedule, record)
    return figure


def held_out(record: Record) -> Figure:
    """Loss on held-out data where the schedule asked for it."""
    figure, axes = canvas(record.schedule, "nats per token")
    names = list(dict.fromkeys(name for point in record.held_out for name in point.loss))
    for name, colour in zip(names, _colours(len(names)), strict=True):
        points = [point for point in record.held_out if name in point.loss]
        x = [_x(record.schedule, point.position) for point in points]
        axes.plot(x, [point.loss[name] for point in points], color=colour, marker="o", markersize=3.5, linewidth=0.8,
                  label=name)  # fmt: skip
    _finish(axes, record.schedule, record)
    return figure


def learning_rate(record: Record) -> Figure:
    """Learning rate of every step as logged, over the schedule's curve."""
    figure, axes = canvas(record.schedule, "")
    schedule = record.schedule
    curve = positions(schedule, record.start, schedule.total_samples)
    axes.plot([_x(schedule, place) for place in curve], [schedule.lr(place) for place in curve], color=COLOURS[0],
              linewidth=5, alpha=_PALE, label="schedule")  # fmt: skip
    found = windows(record.log, record.start, schedule)
    _stairs(axes, schedule, found, [window.steps[0].lr for window in found], color=COLOURS[0], linewidth=1.2,
            label="trainer's log")  # fmt: skip
    _finish(axes, schedule, record)
    return figure


def passes(record: Record) -> Figure:
    """How often each source was gone through."""
    figure, axes = canvas(record.schedule, "passes")
    found = windows(record.log, record.start, record.schedule)
    x = [_x(record.schedule, place) for place in (record.start, *(window.stop for window in found))]
    seen = _before(record)
    for source, (name, colour) in zip(record.schedule.sources, by_source(record.schedule), strict=True):
        counts = [seen[name], *(window.steps[-1].samples[name] for window in found)]
        axes.plot(x, [count / source.samples for count in counts], color=colour, linewidth=1.2, label=name)
    _finish(axes, record.schedule, record)
    return figure


def throughput(record: Record, flops_per_token: float | None, peak: float | None) -> Figure:
    """Tokens a second of every window; with the work of a token and the devices' peak, MFU too (right axis)."""
    figure, axes = canvas(record.schedule, "thousand tokens/s")
    found = windows(record.log, record.start, record.schedule)
    speeds = [speed(window, record.schedule) for window in found]
    _stairs(axes, record.schedule, found, [value / 1e3 for value in speeds], color=COLOURS[0], linewidth=1.2)
    axes.set_ylim(0, None)
    _finish(axes, record.schedule, record, legend=False)
    if flops_per_token is not None and peak is not None:
        right = axes.twinx()
        low, high = axes.get_ylim()
        right.set_ylim(low * 1e3 * flops_per_token / peak * 100, high * 1e3 * flops_per_token / peak * 100)
        right.set_ylabel("MFU, %", fontsize=8)
        right.tick_params(labelsize=9)
        right.spines[["top"]].set_visible(False)
    return figure


def speed(window: Window, schedule: Schedule) -> float:
    """Tokens a second in a window, padding included."""
    seconds = sum(step.seconds for step in window.steps)
    return schedule.tokens(window.stop - window.start) / seconds if seconds else 0.0


def canvas(schedule: Schedule, unit: str) -> tuple[Figure, Axes]:
    """An empty figure over the run's tokens."""
    figure = Figure(figsize=(5.2, 2.9), layout="constrained")
    axes = figure.add_subplot()
    axes.use_sticky_edges = False
    axes.set_xlabel(f"{_unit(schedule)[1]}tokens of the run", fontsize=9)
    axes.set_ylabel(unit, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    # No factor such as 1e-3 above the axis, where the phases' names stand.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    return figure, axes


def below(figure: Any, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put the legend below the axes, where it hides nothing, in as many columns as the figure is wide enough for."""
    letters = max(map(len, labels))
    columns = max(1, int(figure.get_figwidth() * 72 // (letters * 4.6 + 40)))
    figure.legend(handles, labels, loc="outside lower center", fontsize=8, ncols=min(columns, len(labels)),
                  frameon=False)  # fmt: skip


def by_source(schedule: Schedule) -> list[tuple[str, str]]:
    """(name, colour) of every source."""
    return list(zip((source.name for source in schedule.sources), _colours(len(schedule.sources)), strict=True))


def _colours(number: int) -> list[str]:
    return [COLOURS[n % len(COLOURS)] for n in range(number)]


def _unit(schedule: Schedule) -> tuple[float, str]:
    total = schedule.tokens(schedule.total_samples)
    return next(((scale, word) for scale, word in ((1e9, "billion "), (1e6, "million ")) if total >= scale), (1.0, ""))


def _x(schedule: Schedule, position: int) -> float:
    return schedule.tokens(position) / _unit(schedule)[0]


def _before(record: Record) -> dict[str, int]:
    """Samples of each source before the log begins."""
    return record.schedule.counts(record.start)


def _mix_edges(record: Record) -> list[int]:
    """Where the target may change: phase borders, and even cuts of the phases that ramp."""
    edges = {record.start, record.schedule.total_samples}
    for phase in record.schedule.phases:
        pieces = 60 if phase.ramp else 1
        edges |= {phase.start + (phase.stop - phase.start) * n // pieces for n in range(pieces + 1)}
    return sorted(edge for edge in edges if edge >= record.start)


def _edges(schedule: Schedule, found: Sequence[Window]) -> list[float]:
    return [_x(schedule, place) for place in (found[0].start, *(window.stop for window in found))]


def _stairs(axes: Axes, schedule: Schedule, found: Sequence[Window], values: Sequence[float], **how: Any) -> None:
    if found:
        axes.stairs(values, _edges(schedule, found), baseline=None, **how)


def _stretches(found: Sequence[Window], source: str) -> Iterator[list[Window]]:
    """Neighbouring windows that have a loss of `source`: where it is not read there is no line."""
    stretch: list[Window] = []
    for window in found:
        if window.losses(source):
            stretch.append(window)
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _finish(axes: Axes, schedule: Schedule, record: Record, *, legend: bool = True) -> None:
    """Mark switches and name phases above the axes; put the legend below, where it hides nothing."""
    start, stop = _x(schedule, record.start), _x(schedule, schedule.total_samples)
    axes.set_xlim(start, stop)
    shown = [phase for phase in schedule.phases if phase.stop > record.start]
    names = []
    for number, phase in enumerate(shown, 1):
        left, right = max(_x(schedule, phase.start), start), _x(schedule, phase.stop)
        axes.axvline(left, color="#999999", linewidth=0.6, linestyle=":")
        room = (right - left) / (stop - start) * 62  # letters of this size that fit above the phase
        label = phase.name if len(phase.name) <= room else str(number)
        names.append(f"{number} {phase.name}" if label != phase.name else "")
        axes.annotate(label, ((left + right) / 2, 1.0), (0, 3), xycoords=("data", "axes fraction"), ha="center",
                      fontsize=8, textcoords="offset points", color="#666666", annotation_clip=False)  # fmt: skip
    if short := ", ".join(filter(None, names)):
        axes.set_xlabel(f"{axes.get_xlabel()} (phases: {short})", fontsize=8)
    handles, labels = axes.get_legend_handles_labels()
    if legend and labels:
        below(axes.figure, handles, labels)
