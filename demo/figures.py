"""Draws the demo's own figure: accuracy by kind of question. Those of a run are `train.report.figures`."""

from __future__ import annotations

from matplotlib.figure import Figure

from common.html.figure import COLOURS
from demo.accuracy import Scores
from demo.verdict import interval
from train.report.figures import below


def accuracy(seeing: Scores, text_only: Scores) -> Figure:
    """Held-out accuracy by kind of question, with 99 % intervals and chance."""
    figure = Figure(figsize=(5.2, 3.0), layout="constrained")
    axes = figure.add_subplot()
    axes.set_ylabel("accuracy", fontsize=8)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
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
    axes.set_ylim(0, 1.02)
    below(figure, *axes.get_legend_handles_labels())
    return figure
