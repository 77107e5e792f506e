"""Which lines a figure has."""

from pathlib import Path

import numpy as np
import pytest

from curriculum.sweep_report.analysis import Analysis, Measure
from curriculum.sweep_report.axes import axes
from curriculum.sweep_report.estimates import Estimates
from curriculum.sweep_report.figures import HOLLOW, figure, hollow, left_out, lines
from curriculum.sweep_report.read_runs import SweepRuns


def of(settings: list[dict]) -> Analysis:
    return Analysis(SweepRuns(Path(), [], [], 1, 1), [], settings, [], axes(settings), [], [])


def test_a_line_for_each_setting_of_the_others():
    found = of([{"switch": f"{s}%", "image_share": f"{i}%"} for s in (0, 80) for i in (10, 50)])
    assert lines(found, found.axes[0]) == [("image_share 10%", [0, 2]), ("image_share 50%", [1, 3])]


def test_a_full_grid_of_many_lines_is_one_mean():
    found = of([{"switch": f"{s}%", "image_share": f"{i}%"} for s in (0, 80) for i in range(9)])
    assert lines(found, found.axes[0]) == [("mean over the other settings", list(range(18)))]


def test_many_unlike_lines_are_never_averaged():
    """One thing at a time: all shares at one switch, all switches at one share."""
    settings = [{"switch": "80%", "image_share": f"{i}%"} for i in range(9)]
    settings += [{"switch": f"{s}%", "image_share": "3%"} for s in (0, 100)]
    found = of(settings)
    assert lines(found, found.axes[0]) == [("image_share 3%", [3, 9, 10])]
    assert lines(found, found.axes[1])[1] == ("switch 80%", list(range(9)))


def test_what_has_no_room_is_named():
    found = of([{"switch": f"{s}%"} for s in (0, 80)])
    one = Estimates(np.zeros(2), np.ones(2, int), 0.0, 0, np.zeros((2, 2)), 3)
    found.measures[:] = [Measure(f"t{n}", one) for n in range(13)] + [Measure("noise-filtered score, vision", None)]
    room, noise = left_out(found, found.axes[0])
    assert room == "No room for 1 of 13 measures; 'Configurations' has them: t12."
    assert noise.endswith("not drawn: noise-filtered score, vision.")
    settings = [{"switch": "80%", "image_share": f"{i}%"} for i in range(9)] + [{"switch": "0%", "image_share": "3%"}]
    unlike = of(settings)
    (few,) = left_out(unlike, unlike.axes[0])
    assert few.startswith("8 of 10 configurations are on none of these lines")
    assert left_out(unlike, unlike.axes[1]) == []


def test_fixed_totals_are_one_line_beside_the_fixed_phase():
    """Start and share follow from each other there; a line for each share would have one point."""
    totals = [("0%", "10%"), ("50%", "20%"), ("80%", "50%")]
    settings = [{"design": "fixed-totals", "switch": start, "image_share": share} for start, share in totals]
    settings += [{"design": "fixed-phase", "switch": start, "image_share": "10%"} for start, _ in totals]
    analysis = of(settings)
    by_start, by_share = (
        dict(lines(analysis, next(one for one in analysis.axes if one.name == name)))
        for name in ("switch", "image_share")
    )
    assert by_start["design fixed-totals"] == [0, 1, 2]
    assert [members for members in by_start.values() if 3 in members] == [[3, 4, 5]]
    assert by_share["design fixed-totals"] == [0, 1, 2]
    assert sorted(number for members in by_start.values() for number in members) == list(range(6))


@pytest.mark.parametrize("key", ["peak", "rewarm"])
def test_points_that_were_warmed_up_anew_are_hollow_where_others_went_on(key: str):
    warmed = {"image_rate": {key: "3e-3", "warmup": "5000 steps"}}
    going_on = {"image_rate": {"continue": "cosine", "floor": "3e-5"}}
    settings = [{"switch": f"{s}%", **(warmed if s in (0, 100) else going_on)} for s in (0, 40, 80, 100)]
    found = of(settings)
    estimates = Estimates(np.arange(4.0), np.ones(4, int), 0.0, 0, np.zeros((4, 4)), 3)
    found.measures[:] = [Measure("stable score, vision", estimates)]
    assert hollow(found) == {0, 3}
    panel = figure(found, found.axes[0]).axes[0]
    white = [line for line in panel.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in white] == [[0.0, 100.0]]
    assert HOLLOW in [one.get_text() for one in panel.get_legend().get_texts()]
    assert "Hollow points" in left_out(found, found.axes[0])[-1]
    alike = of([{"switch": f"{s}%", **warmed} for s in (0, 100)])
    assert hollow(alike) == set()
