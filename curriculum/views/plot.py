"""Draws a schedule over its tokens: mix, learning rate, cumulative tokens, passes. SVG, PNG, or one HTML file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from common.errors import InputError
from common.html import page
from common.html.figure import COLOURS, svg
from common.text_table import amount
from curriculum.views.tables import phase_table, source_table
from schemas.schedule import Schedule

_POINTS = 600


def save(schedule: Schedule, path: Path) -> None:
    """Draw to `path`; its suffix says as what.

    Raises:
        InputError: the suffix is not .svg, .png or .html.
    """
    figure = draw(schedule)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        figure.savefig(path, dpi=130)
    elif path.suffix == ".svg":
        path.write_text(svg(figure), encoding="utf-8")
    elif path.suffix == ".html":
        path.write_text(_page(schedule, figure), encoding="utf-8")
    else:
        raise InputError(f"cannot draw a '{path.suffix}' file", file=path, remedy="use .svg, .png or .html")


def draw(schedule: Schedule) -> Figure:
    """Four panels over the run's tokens."""
    positions = _positions(schedule)
    tokens = positions * float(schedule.seq_len)
    unit, scale = next((u, s) for u, s in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("", 1.0)) if tokens[-1] >= s)
    x = tokens / scale
    names = [source.name for source in schedule.sources]
    counts = np.array([list(schedule.counts(int(p)).values()) for p in positions], np.float64)
    sizes = np.array([source.samples for source in schedule.sources], np.float64)
    figure = Figure(figsize=(10, 10), layout="constrained")
    mix, rate, drawn, passes = figure.subplots(4, 1, sharex=True)
    due = np.array([list(schedule.targets(int(p)).values()) for p in positions])
    steps = np.maximum(np.diff(positions), 1)[:, None]
    mix.stackplot(x[:-1], (np.diff(due, axis=0) / steps).T * 100, labels=names, colors=COLOURS, step="post")
    mix.set(ylabel="mix, % of samples", ylim=(0, 100))
    mix.legend(loc="lower left", ncols=4, fontsize="small")
    rate.plot(x, [schedule.lr(int(p)) for p in positions], color="#222222", linewidth=1.2)
    rate.set(ylabel="learning rate", ylim=(0, None))
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        drawn.plot(x, counts[:, number] * schedule.seq_len / scale, label=name, color=colour)
        passes.plot(x, counts[:, number] / sizes[number], label=name, color=colour)
    drawn.set(ylabel=f"tokens drawn, {unit}")
    passes.set(ylabel="passes", xlabel=f"tokens of the run, {unit}")
    for axes in (mix, rate, drawn, passes):
        _mark_switches(axes, schedule, scale)
    mix.set_title(", ".join(dict.fromkeys(phase.name for phase in schedule.phases)), fontsize="medium", loc="left")
    return figure


def _positions(schedule: Schedule) -> NDArray[np.int64]:
    """Evenly spaced positions, and every switch point and learning-rate knee with its neighbours."""
    total = schedule.total_samples
    knees = [phase.start for phase in schedule.phases] + [piece.start for piece in schedule.learning_rate]
    near = [place + offset for place in knees for offset in (-1, 0, 1)]
    even = np.linspace(0, total, _POINTS).astype(np.int64)
    return np.unique(np.clip(np.concatenate([even, np.array(near, np.int64)]), 0, total))


def _mark_switches(axes: Axes, schedule: Schedule, scale: float) -> None:
    for phase in schedule.phases[1:]:
        axes.axvline(schedule.tokens(phase.start) / scale, color="#888888", linewidth=0.7, linestyle=":")
    axes.margins(x=0)
    axes.spines[["top", "right"]].set_visible(False)


def _page(schedule: Schedule, figure: Figure) -> str:
    """One HTML file that needs nothing else: figure and tables."""
    title = f"Curriculum of {amount(schedule.tokens(schedule.total_samples))} tokens"
    tables = [page.preformatted(text) for text in (phase_table(schedule), source_table(schedule))]
    return page.page(title, [*tables, svg(figure), page.note(f"schedule {schedule.hash}")])
