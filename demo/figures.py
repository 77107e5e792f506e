"""The report's plots, as SVG text that is the same for the same numbers (no dates, no random ids)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.html.figure import COLOURS
from demo.accuracy import Scores
from demo.verdict import interval
from schemas.run_log import Step
from schemas.schedule import Schedule


def mix(schedule: Schedule, steps: Sequence[Step]) -> Figure:
    """Share of each source over the run: the schedule's target, and what was counted in windows of 2 % of the run."""
    figure, axes = _canvas("Mix", "share of tokens")
    window = max(1, len(steps) // 50)
    for source, colour in _by_source(schedule):
        x, counted, target = [], [], []
        start, before = 0, 0
        for last in steps[window - 1 :: window]:
            stop, seen = last.position, last.samples[source]
            x.append(schedule.tokens(start + stop) / 2e6)
            counted.append((seen - before) / (stop - start))
            target.append((schedule.targets(stop)[source] - schedule.targets(start)[source]) / (stop - start))
            start, before = stop, seen
        axes.plot(x, target, color=colour, linewidth=5, alpha=0.25, label=f"{source}, target")
        axes.plot(x, counted, color=colour, linewidth=1.2, label=f"{source}, counted")
    _switches(axes, schedule)
    axes.legend(fontsize=7, ncols=len(schedule.sources))
    return figure


def learning_rate(schedule: Schedule, steps: Sequence[Step]) -> Figure:
    """Learning rate of every step as logged, over the schedule's curve."""
    figure, axes = _canvas("Learning rate", "")
    starts = [0, *(step.position for step in steps[:-1])]
    x = [schedule.tokens(start) / 1e6 for start in starts]
    curve = [schedule.lr(start) for start in starts]
    axes.plot(x, curve, color=COLOURS[0], linewidth=5, alpha=0.25, label="schedule")
    axes.plot(x, [step.lr for step in steps], color=COLOURS[0], linewidth=1.2, label="trainer's log")
    _switches(axes, schedule)
    axes.legend(fontsize=7)
    return figure


def losses(schedule: Schedule, steps: Sequence[Step]) -> Figure:
    """Training loss of each source, smoothed over 1 % of the run."""
    figure, axes = _canvas("Loss by source", "nats per token")
    keep = 1 - 1 / max(2.0, len(steps) / 100)
    for source, colour in _by_source(schedule):
        x, y, smooth = [], [], None
        for step in steps:
            if source in step.loss_by_source:
                value = step.loss_by_source[source]
                smooth = value if smooth is None else keep * smooth + (1 - keep) * value
                x.append(schedule.tokens(step.position) / 1e6)
                y.append(smooth)
        axes.plot(x, y, color=colour, linewidth=1.2, label=source)
    _switches(axes, schedule)
    axes.legend(fontsize=7)
    return figure


def accuracy(seeing: Scores, text_only: Scores) -> Figure:
    """Held-out accuracy by kind of question, with 99 % intervals and chance."""
    figure, axes = _canvas("Held-out questions", "accuracy")
    names = ["overall", *seeing.by_kind]
    runs = (("with images", seeing, COLOURS[0]), ("text only", text_only, COLOURS[5]))
    for offset, (label, scores, colour) in zip((-0.2, 0.2), runs, strict=True):
        values = [scores.overall, *(scores.by_kind[name] for name in names[1:])]
        y = [score.share for score in values]
        spread = [[v - interval(s)[0] for v, s in zip(y, values, strict=True)]]
        spread.append([interval(s)[1] - v for v, s in zip(y, values, strict=True)])
        x = [number + offset for number in range(len(names))]
        axes.bar(x, y, width=0.36, color=colour, label=label, yerr=spread, error_kw={"linewidth": 0.8})
    for number, name in enumerate(names):
        chance = (seeing.overall if name == "overall" else seeing.by_kind[name]).chance
        legend = "_" if number else "chance"  # matplotlib leaves out labels that begin with an underscore
        axes.hlines(chance, number - 0.42, number + 0.42, color="#b00020", linestyle="--", linewidth=1, label=legend)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlabel("")
    axes.set_ylim(0, 1)
    axes.legend(fontsize=7)
    return figure


def _canvas(title: str, unit: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 2.6))
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("million tokens", fontsize=8)
    axes.set_ylabel(unit, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _by_source(schedule: Schedule) -> list[tuple[str, str]]:
    return [(source.name, COLOURS[n % len(COLOURS)]) for n, source in enumerate(schedule.sources)]


def _switches(axes: Axes, schedule: Schedule) -> None:
    for phase in schedule.phases:
        x = schedule.tokens(phase.start) / 1e6
        axes.axvline(x, color="#999999", linewidth=0.6, linestyle=":")
        axes.annotate(phase.name, (x, 1.0), (2, -8), xycoords=("data", "axes fraction"), fontsize=7,
                      textcoords="offset points", color="#666666")  # fmt: skip
