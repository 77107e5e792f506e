"""Which lines a figure has."""

from pathlib import Path

from curriculum.study.analysis import Analysis
from curriculum.study.axes import axes
from curriculum.study.figures import lines
from curriculum.study.runs import SweepRuns


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
