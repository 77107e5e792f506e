"""Heights are in proportion, every bar is labelled for the pointer, and foreign text stays text."""

import re

from common.html.bar_chart import bars


def test_heights_are_in_proportion() -> None:
    drawn = bars(["a", "b", "c"], [10, 5, 0], unit="documents")
    heights = [float(found) for found in re.findall(r'height="([\d.]+)" fill', drawn)]
    assert heights[0] == 2 * heights[1] > heights[2] == 0
    assert "<title>a: 10 documents</title>" in drawn


def test_labels_are_escaped_and_thinned_out() -> None:
    drawn = bars([f"<{n}>" for n in range(30)], list(range(30)), unit="<b>")
    assert "<0>" not in drawn
    assert "<b>" not in drawn
    assert drawn.count("text-anchor") == 15
    assert bars([], [], unit="x").endswith("</svg>")
