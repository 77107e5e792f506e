"""Boxes that a model writes as text, and how well they meet the right one.

A box is "[x1, y1, x2, y2]": corners as shares of width and height, as LLaVA-1.5's instruction data has them. What is
not such a box counts as wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_NUMBER = r"\s*(\d*\.?\d+)\s*"
_BOX = re.compile(rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]")


class Box(NamedTuple):
    """Corners; the unit is the caller's."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def area(self) -> float:
        """0 for a box whose corners are the wrong way round."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)

    def written(self) -> str:
        """As a model should say it: two decimals."""
        return f"[{self.x1:.2f}, {self.y1:.2f}, {self.x2:.2f}, {self.y2:.2f}]"


def of_corner_and_size(box: Sequence[float], width: float, height: float) -> Box:
    """COCO's [x, y, width, height] in pixels as shares of an image of `width` x `height`."""
    x, y, w, h = box
    return Box(x / width, y / height, (x + w) / width, (y + h) / height)


def parse(text: str) -> Box | None:
    """The first box in a text; None if there is none whose corners lie in the image in the right order."""
    found = _BOX.search(text)
    if found is None:
        return None
    box = Box(*map(float, found.groups()))
    return box if all(0 <= value <= 1 for value in box) and box.area > 0 else None


def iou(first: Box, second: Box) -> float:
    """Area of the intersection over that of the union."""
    common = Box(
        max(first.x1, second.x1), max(first.y1, second.y1), min(first.x2, second.x2), min(first.y2, second.y2)
    ).area
    union = first.area + second.area - common
    return common / union if union else 0.0
