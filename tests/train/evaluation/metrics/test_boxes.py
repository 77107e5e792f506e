"""Boxes: overlap by hand, and what counts as a box in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation.metrics.boxes import Box, iou, of_corner_and_size, parse

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


def test_coco_boxes():
    assert of_corner_and_size([64, 48, 320, 240], 640, 480) == Box(0.1, 0.1, 0.6, 0.6)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("[0.1, 0.2, 0.5, 0.6]", Box(0.1, 0.2, 0.5, 0.6)),
        ("It is at [.1,.2,1,1.0].", Box(0.1, 0.2, 1, 1)),
        (Box(0.123, 0.2, 0.5, 0.678).written(), Box(0.12, 0.2, 0.5, 0.68)),
        ("[0.5, 0.2, 0.1, 0.6]", None),
        ("[12, 20, 50, 60]", None),
        ("[0.1, 0.2, 0.5]", None),
        ("left", None),
    ],
)
def test_parse(text, box):
    assert parse(text) == box
