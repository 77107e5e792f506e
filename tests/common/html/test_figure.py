"""Equal numbers give equal text."""

from matplotlib.figure import Figure

from common.html.figure import svg


def drawn() -> str:
    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4], label="a")
    return svg(figure)


def test_the_same_figure_is_the_same_text() -> None:
    assert drawn() == drawn()
    assert drawn().startswith("<svg")
    assert "<?xml" not in drawn()


def test_a_name_is_no_formula() -> None:
    figure = Figure()
    figure.subplots().set_title(r"a $\frac$ b")
    assert r"a $\frac$ b" in svg(figure)
