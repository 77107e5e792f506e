"""Parses boxes that a model writes as text, and measures how well they meet the right one.

A box is "[x1, y1, x2, y2]": corners as shares of width and height, of the image or of the square that it is padded to.
What is not such a box counts as wrong.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from typing import NamedTuple

_NUMBER = r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
_BOX = re.compile(rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}(?:,\s*)?\]")


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
        """Formats the box as a model should say it: two decimals."""
        return f"[{self.x1:.2f}, {self.y1:.2f}, {self.x2:.2f}, {self.y2:.2f}]"

    def rounded(self) -> Box:
        """The same with two decimals."""
        return Box(*(round(value, 2) for value in self))

    def shares(self, width: float, height: float) -> Box:
        """Pixels of an image of `width` x `height` as shares of it."""
        return Box(self.x1 / width, self.y1 / height, self.x2 / width, self.y2 / height)

    def in_square(self, width: float, height: float) -> Box:
        """Shares of an image of `width` x `height` as shares of the square that it is padded to, centred."""
        side = max(width, height)
        left, top = (side - width) / 2, (side - height) / 2
        x1, y1, x2, y2 = self
        return Box(
            (x1 * width + left) / side,
            (y1 * height + top) / side,
            (x2 * width + left) / side,
            (y2 * height + top) / side,
        )


Parse = Callable[[str], Box | None]


def parse(text: str) -> Box | None:
    """The first box in a text; None if there is none whose corners lie in the image in the right order."""
    found = _BOX.search(text)
    return None if found is None else _sound(Box(*map(float, found.groups())))


def parse_whole(text: str) -> Box | None:
    """The box that the whole text is, as a Python list; None if it is anything else (the rule of vlm-evaluation)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            found = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    if not isinstance(found, list) or len(found) != 4 or not all(isinstance(value, int | float) for value in found):
        return None
    return _sound(Box(*map(float, found)))


def _sound(box: Box) -> Box | None:
    ordered = box.x1 < box.x2 and box.y1 < box.y2
    return box if ordered and all(0 <= value <= 1 for value in box) else None


def iou(first: Box, second: Box) -> float:
    """Area of the intersection over that of the union."""
    common = Box(
        max(first.x1, second.x1), max(first.y1, second.y1), min(first.x2, second.x2), min(first.y2, second.y2)
    ).area
    union = first.area + second.area - common
    return common / union if union else 0.0
