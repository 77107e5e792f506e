"""Boxes: overlap by hand, and what counts as a box in a text."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation.metrics.boxes import Box, iou, parse, parse_whole
from train.evaluation.task import OFFICIAL, Item
from train.evaluation.tasks.box_task import BOX_RULES, IMAGE, SQUARE
from train.evaluation.tasks.refcoco import TASK

VALUES = json.loads((Path(__file__).parent / "official_values/boxes.json").read_text())

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


def items() -> list[tuple[Item, str, bool, float]]:
    """(item, answer, whether vlm-evaluation takes it for a box, overlap that it finds)."""
    return [
        (Item("1", "", Box(x, y, x + w, y + h).shares(*size), size=tuple(size)), answer, sound, overlap)
        for answer, (x, y, w, h), size, sound, overlap in VALUES["cases"]
    ]


def test_the_rule_of_vlm_evaluation():
    """What is a box, and how far it meets the right one, answer by answer."""
    for item, answer, sound, overlap in items():
        assert (parse_whole(answer) is not None) == sound, answer
        assert BOX_RULES["vlm-evaluation"](item, answer) == pytest.approx(overlap, abs=2e-6), answer


def test_where_the_first_box_counts_the_same():
    """A box by both rules meets the right one alike, but for rounding; many other answers hold a box somewhere."""
    both = [
        (BOX_RULES[OFFICIAL](item, answer), overlap)
        for item, answer, sound, overlap in items()
        if sound and parse(answer) is not None
    ]
    assert len(both) > 800
    assert sum(abs(ours - theirs) < 0.05 for ours, theirs in both) / len(both) > 0.95
    assert sum(parse(answer) is not None for _, answer, sound, _ in items() if not sound) > 100


def test_a_box_in_the_padded_square():
    """640 x 480, padded to 640 x 640: 80 rows above and below."""
    assert Box(0.0, 0.0, 1.0, 1.0).in_square(640, 480) == pytest.approx((0.0, 0.125, 1.0, 0.875))
    assert Box(0.25, 0.5, 0.75, 1.0).in_square(480, 640) == pytest.approx((0.3125, 0.5, 0.6875, 1.0))
    item = Item("1", "", Box(0.1, 0.1, 0.4, 0.9), size=(640, 480))
    said = item.target.in_square(640, 480).written()
    assert [TASK.under(OFFICIAL, frame).score(item, said) for frame in (SQUARE, IMAGE)] == [1.0, 1.0]
    low = Item("1", "", Box(0.1, 0.8, 0.4, 1.0), size=(640, 480))
    said = low.target.in_square(640, 480).written()
    assert [TASK.under(OFFICIAL, frame).score(low, said) for frame in (SQUARE, IMAGE)] == [1.0, 0.0]
    assert TASK.metrics([low], [said])["frame/square"] == 1.0
    assert TASK.under("vlm-evaluation", SQUARE).terms == {"rule": "vlm-evaluation", "frame": "square"}


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
