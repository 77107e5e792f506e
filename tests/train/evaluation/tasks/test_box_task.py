"""Tests of tasks whose answer is a box: rules beside vlm-evaluation's values, both frames, checks."""

import json
from pathlib import Path

import pytest

from common.errors import InputError
from train.evaluation.metrics.boxes import Box, parse, parse_whole
from train.evaluation.task import OFFICIAL, Item
from train.evaluation.tasks.box_task import BOX_RULES, IMAGE, SQUARE, checked, within
from train.evaluation.tasks.refcoco import TASK

VALUES = json.loads((Path(__file__).parents[1] / "metrics/official_values/boxes.json").read_text())


def items() -> list[tuple[Item, str, bool, float]]:
    """(item, answer, whether vlm-evaluation takes it for a box, overlap that it finds)."""
    return [
        (Item("1", "", Box(x, y, x + w, y + h).shares(*size), size=tuple(size)), answer, sound, overlap)
        for answer, (x, y, w, h), size, sound, overlap in VALUES["cases"]
    ]


def test_the_rule_of_vlm_evaluation() -> None:
    """What is a box, and how far it meets the right one, answer by answer."""
    for item, answer, sound, overlap in items():
        assert (parse_whole(answer) is not None) == sound, answer
        assert BOX_RULES["vlm-evaluation"](item, answer) == pytest.approx(overlap, abs=2e-6), answer


def test_where_the_first_box_counts_the_same() -> None:
    """A box by both rules meets the right one alike, but for rounding; many other answers hold a box somewhere."""
    both = [
        (BOX_RULES[OFFICIAL](item, answer), overlap)
        for item, answer, sound, overlap in items()
        if sound and parse(answer) is not None
    ]
    assert len(both) > 800
    assert sum(abs(ours - theirs) < 0.05 for ours, theirs in both) / len(both) > 0.95
    assert sum(parse(answer) is not None for _, answer, sound, _ in items() if not sound) > 100


def test_an_answer_in_the_frame_of_the_padded_square() -> None:
    item = Item("1", "", Box(0.1, 0.1, 0.4, 0.9), size=(640, 480))
    said = item.target.in_square(640, 480).written()
    assert [TASK.under(OFFICIAL, frame).score(item, said) for frame in (SQUARE, IMAGE)] == [1.0, 1.0]
    low = Item("1", "", Box(0.1, 0.8, 0.4, 1.0), size=(640, 480))
    said = low.target.in_square(640, 480).written()
    assert [TASK.under(OFFICIAL, frame).score(low, said) for frame in (SQUARE, IMAGE)] == [1.0, 0.0]
    assert TASK.metrics([low], [said])["frame/square"] == 1.0
    assert TASK.under("vlm-evaluation", SQUARE).terms == {"rule": "vlm-evaluation", "frame": "square"}


def test_metrics_tell_overlaps_apart() -> None:
    right = Item("1", "", Box(0.0, 0.0, 0.5, 1.0), size=(100, 100))
    third, half, text = "[0.25, 0.0, 0.75, 1.0]", "[0.0, 0.0, 0.25, 1.0]", "I see [0.0, 0.0, 0.5, 1.0]"
    found = TASK.metrics([right] * 4, [third, half, text, "none"])
    assert found["mean_iou"] == pytest.approx((1 / 3 + 1 / 2 + 1 + 0) / 4)
    assert (found["accuracy_at_0.25"], found["accuracy_at_0.5"], found["boxes"]) == (0.75, 0.5, 0.75)
    assert found["rule/vlm-evaluation"] == 0.25, "a box within a sentence is none by this rule"


@pytest.mark.parametrize("box", [Box(0.5, 0, 0.5, 1), Box(0, 0.6, 1, 0.5), Box(-0.01, 0, 1, 1), Box(0, 0, 1, 1.01)])
def test_right_boxes_without_area_or_outside_the_image_are_refused(box: Box) -> None:
    with pytest.raises(InputError, match=r"^f.json: bbox: the box of row 1 (has no area|lies outside)"):
        checked(box, Path("f.json"), "row 1")
    assert checked(Box(0, 0, 1, 1), Path("f.json"), "row 1") == Box(0, 0, 1, 1)


def test_less_than_a_pixel_outside_is_rounding() -> None:
    assert within(Box(-0.9, -0.1, 10.9, 20.5), 10, 20) == Box(0, 0, 10, 20)
    assert within(Box(-1.0, 2, 11.0, 21.5), 10, 20) == Box(-1.0, 2, 11.0, 21.5), "a whole pixel stays, to be refused"
