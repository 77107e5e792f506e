"""The drawing shows the schedule's own numbers."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from curriculum.commands.arguments import read_schedule
from curriculum.views.plot import draw, save


def test_curves_are_the_schedule_s(base: Path) -> None:
    schedule = read_schedule(base)
    figure = draw(schedule)
    _, rate, drawn, passes = figure.axes
    x, y = rate.lines[0].get_data()
    positions = np.rint(np.asarray(x) * 1e6 / schedule.seq_len).astype(int)
    assert list(y) == [schedule.lr(p) for p in positions.tolist()]
    ends = schedule.counts(schedule.total_samples)
    labelled = {line.get_label(): line for line in drawn.lines if not str(line.get_label()).startswith("_")}
    assert {name: round(line.get_ydata()[-1] * 1e6 / 128) for name, line in labelled.items()} == ends  # type: ignore[index]
    chat = next(line for line in passes.lines if line.get_label() == "chat")
    assert chat.get_ydata()[-1] == pytest.approx(ends["chat"] / 333)  # type: ignore[index]
    for switch in schedule.phases[1:]:
        assert any(np.isclose(line.get_xdata()[0], switch.start * 128 / 1e6) for line in rate.lines[1:])  # type: ignore[index]


def test_unknown_formats_are_refused_and_nothing_is_left(base: Path) -> None:
    with pytest.raises(InputError, match=r"use \.svg, \.png or \.html"):
        save(read_schedule(base), Path("x.jpeg"))
    assert not Path("x.jpeg").exists()
