"""Draws the paper's figures: measures against a swept parameter, with 95 % intervals, a line for each other setting."""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import product

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.html.figure import COLOURS
from curriculum.sweep_report.analysis import LOSS, Analysis, Measure
from curriculum.sweep_report.axes import SOLVED, Axis, fixed_totals, rewarmed

_LINES = 8
_PANELS = 12
HOLLOW = "hollow: image-text phase warmed up anew"


def figure(analysis: Analysis, axis: Axis) -> Figure:
    """Score against one axis: stable scores and losses first, then single tasks, as many as fit."""
    shown = _drawable(analysis)[:_PANELS]
    columns = min(2, len(shown)) or 1
    rows = max(1, -(-len(shown) // columns))
    drawing = Figure(figsize=(4.6 * columns, 2.9 * rows), layout="constrained")
    panels = drawing.subplots(rows, columns, squeeze=False).flatten()
    for panel, measure in zip(panels, shown, strict=False):
        _draw(panel, analysis, axis, measure)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    return drawing


def hollow(analysis: Analysis) -> set[int]:
    """Configurations whose image-text phase is warmed up anew, where others go on from the trunk's rate.

    What differs between the two is not the axis alone, so the paper draws these points hollow, as do we.
    """
    found = analysis.where(rewarmed)
    return set(found) if len(found) < len(analysis.settings) else set()


def _drawable(analysis: Analysis) -> list[Measure]:
    found = [one for one in analysis.measures if one.estimates is not None]
    return sorted(found, key=lambda one: not (one.name.startswith(("stable", "noise-filtered", LOSS))))


def left_out(analysis: Analysis, axis: Axis) -> list[str]:
    """Lists, in sentences, what `figure` has no room for or cannot draw."""
    found = []
    drawable = _drawable(analysis)
    if more := [one.name for one in drawable[_PANELS:]]:
        found.append(
            f"No room for {len(more)} of {len(drawable)} measures; 'Configurations' has them: {', '.join(more)}."
        )
    if blank := [one.name for one in analysis.measures if one.estimates is None]:
        found.append(f"No task of it moves above its noise, so it is not drawn: {', '.join(blank)}.")
    drawn = {number for _, members in lines(analysis, axis) for number in members}
    if missing := len(analysis.settings) - len(drawn):
        found.append(
            f"{missing} of {len(analysis.settings)} configurations are on none of these lines: only the {_LINES} with "
            "most points are drawn; 'Configurations' has all, and `report --where NAME=VALUE` draws a part."
        )
    if hollow(analysis):
        found.append(
            "Hollow points: the image-text phase is warmed up to a rate of its own (at 0 % there is none before it, "
            "at 100 % the trunk's has run out); the others go on from the trunk's, so more differs than the axis says."
        )
    return found


def _draw(panel: Axes, analysis: Analysis, axis: Axis, measure: Measure) -> None:
    assert measure.estimates is not None
    warmed = hollow(analysis)
    for line, (label, members) in enumerate(lines(analysis, axis)):
        x: list[float] = []
        y, below, above, without = [], [], [], []
        apart: list[int] = []
        for value in axis.values:
            chosen = [n for n in members if analysis.value_of(n, axis) == value]
            if not chosen:
                continue
            mean = measure.estimates.mean(chosen)
            apart += [len(x)] if warmed & set(chosen) else []
            x.append(axis.place(value))
            y.append(mean.value)
            below.append(mean.value - mean.low)
            above.append(mean.high - mean.value)
            if measure.blind is not None:
                without.append(measure.blind.mean(chosen).value)
        colour = COLOURS[line % len(COLOURS)]
        panel.errorbar(x, y, yerr=[below, above], label=label, color=colour, marker="o", markersize=3.5, capsize=2.5,
                       linewidth=1.2)  # fmt: skip
        panel.plot([x[n] for n in apart], [y[n] for n in apart], "o", markersize=3.5, markerfacecolor="white",
                   markeredgecolor=colour, zorder=3)  # fmt: skip
        if without:
            panel.plot(
                x, without, color=colour, linewidth=1, linestyle=":", label="without images" if not line else None
            )
    if measure.higher_is_better:
        panel.axhline(0, color="#b00020", linewidth=0.8, linestyle="--")
    ticks = [axis.place(value) for value in axis.values]
    panel.set_xticks(ticks, axis.values)
    panel.set_title(measure.name, fontsize=9, loc="left")
    panel.set_ylabel(measure.unit, fontsize=8)
    panel.set_xlabel(axis.label, fontsize=8)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
    if warmed:
        panel.plot([], [], "o", markersize=3.5, markerfacecolor="white", markeredgecolor="black", label=HOLLOW)
    if len(panel.containers) > 1 or measure.blind is not None or warmed:
        panel.legend(fontsize=7)


def lines(analysis: Analysis, axis: Axis) -> list[tuple[str, list[int]]]:
    """(label, configuration numbers): one line for each combination of the other axes.

    Many are one mean over all where each has every value of `axis`; otherwise that mean would compare unlike things,
    and those that have most values are drawn.
    """
    solved = analysis.where(lambda one: axis.name in SOLVED and fixed_totals(one))
    found = _lines(analysis, [one for one in analysis.others(axis) if one.name not in SOLVED], solved)
    found += _lines(analysis, analysis.others(axis), analysis.where(lambda _: True), leave_out=set(solved))
    if len(found) > _LINES:
        points = [len({analysis.value_of(number, axis) for number in members}) for _, members in found]
        if all(count == len(axis.values) for count in points):
            return [("mean over the other settings", analysis.where(lambda _: True))]
        longest = sorted(range(len(found)), key=lambda line: -points[line])[:_LINES]
        return [found[line] for line in sorted(longest) if points[line] > 1]
    return found


def _lines(
    analysis: Analysis, others: Sequence[Axis], among: Sequence[int], leave_out: Set[int] = frozenset()
) -> list[tuple[str, list[int]]]:
    """(label, configuration numbers of `among`) for each combination of the parameters `others`."""
    found = []
    for values in product(*(one.values for one in others)):
        wanted = list(zip(others, values, strict=True))
        members = [n for n in among if n not in leave_out and all(analysis.value_of(n, o) == v for o, v in wanted)]
        if members:
            found.append((", ".join(f"{other.name} {value}" for other, value in wanted), members))
    return found
