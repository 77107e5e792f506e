"""What a sweep varied, in the order in which figures show it."""

from hypothesis import given
from hypothesis import strategies as st

from curriculum.sweep_report.axes import axes, number


def test_axes():
    found = axes([{"encoder": {"kind": "siglip"}, "frozen": []}, {"encoder": {"kind": "patch"}, "frozen": ["encoder"]}])
    assert [(axis.name, axis.values) for axis in found] == [
        ("frozen", ["encoder", "nothing"]),
        ("encoder", ["patch", "siglip"]),
    ]
    assert axes([{"switch": "100%"}, {"switch": "20%"}])[0].values == ["20%", "100%"]


@given(st.lists(st.integers(0, 100), min_size=2, unique=True))
def test_numbers_stand_in_their_order(values):
    (axis,) = axes([{"switch": f"{value}%"} for value in values])
    assert [number(text) for text in axis.values] == sorted(values)
    assert [axis.place(text) for text in axis.values] == sorted(map(float, values))


def test_one_value_is_no_axis_and_own_parameters_are_named():
    settings = [{"switch": "80%", "width": 1}, {"switch": "80%", "width": 2}]
    assert axes(settings) == []
    (axis,) = axes(settings, ["width"])
    assert (axis.label, axis.values, axis.numeric) == ("width", ["1", "2"], True)


def test_a_parameter_that_some_do_not_set():
    (axis,) = axes([{"epochs": 2}, {}])
    assert (axis.values, axis.numeric) == (["2", "default"], False)
    assert axis.place("default") == 1.0


def test_shares_are_percentages_however_they_are_written() -> None:
    written = [{"image_share": value} for value in (0.1, "20%", "1/2", 0, "0.20")]
    (axis,) = axes(written)
    assert axis.values == ["0%", "10%", "20%", "50%"]
    assert axis.label.endswith("% of tokens")


def test_a_switch_in_tokens_is_not_labelled_in_percent() -> None:
    (axis,) = axes([{"switch": 80}, {"switch": 100}])
    assert (axis.label, axis.in_known_unit) == ("switch", False)


def test_texts_come_after_numbers_in_their_order() -> None:
    values = ["3e-3", "goes on at 9.8e-4", "1.7e-3", "9.789e-4"]
    (axis,) = axes([{"image_peak": value} for value in values])
    assert axis.values == ["9.789e-4", "1.7e-3", "3e-3", "goes on at 9.8e-4"]
    assert not axis.numeric
