"""Boxes: overlap by hand, and what counts as a box in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation.metrics.boxes import Box, iou, parse

unit = st.floats(0, 1)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Box(0, 0, 2, 2), Box(1, 1, 3, 3), 1 / 7),
        (Box(0, 0, 2, 2), Box(0, 0, 2, 2), 1.0),
        (Box(0, 0, 1, 1), Box(1, 0, 2, 1), 0.0),
        (Box(0, 0, 2, 1), Box(0, 0, 1, 1), 0.5),
        (Box(0, 0, 1, 1), Box(3, 3, 2, 2), 0.0),
    ],
)
def test_iou(first, second, expected):
    assert iou(first, second) == pytest.approx(expected)
    assert iou(second, first) == pytest.approx(expected)


@given(*[unit] * 8)
def test_iou_is_a_share(a, b, c, d, e, f, g, h):
    assert 0 <= iou(Box(a, b, c, d), Box(e, f, g, h)) <= 1 + 1e-9


def test_a_box_in_the_padded_square():
    """640 x 480, padded to 640 x 640: 80 rows above and below."""
    assert Box(0.0, 0.0, 1.0, 1.0).in_square(640, 480) == pytest.approx((0.0, 0.125, 1.0, 0.875))
    assert Box(0.25, 0.5, 0.75, 1.0).in_square(480, 640) == pytest.approx((0.3125, 0.5, 0.6875, 1.0))


@given(*[st.floats(0.01, 0.98)] * 4, st.integers(1, 2000), st.integers(1, 2000))
def test_overlap_is_the_same_in_both_frames(a, b, c, d, width, height):
    first, second = Box(a, b, a + 0.01, b + 0.01), Box(c, d, c + 0.01, d + 0.01)
    assert iou(first.in_square(width, height), second.in_square(width, height)) == pytest.approx(
        iou(first, second), abs=1e-6
    )


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("[0.1, 0.2, 0.5, 0.6]", Box(0.1, 0.2, 0.5, 0.6)),
        ("It is at [.1,.2,1,1.0].", Box(0.1, 0.2, 1, 1)),
        (Box(0.123, 0.2, 0.5, 0.678).written(), Box(0.12, 0.2, 0.5, 0.68)),
        ("[0.5, 0.2, 0.1, 0.6]", None),
        ("[0., 0.1, 1., 1.]", Box(0.0, 0.1, 1.0, 1.0)),
        ("[1e-1, 2E-1, +.5, 6e-01]", Box(0.1, 0.2, 0.5, 0.6)),
        ("[0.1, 0.2, 0.5, 0.6,]", Box(0.1, 0.2, 0.5, 0.6)),
        ("[-0.1, 0.2, 0.5, 0.6]", None),
        ("[0.1, 0.2, 0.1, 0.6]", None),
        ("[12, 20, 50, 60]", None),
        ("[0.1, 0.2, 0.5]", None),
        ("left", None),
    ],
)
def test_parse(text, box):
    assert parse(text) == box
