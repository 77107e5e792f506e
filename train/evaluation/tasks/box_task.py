"""Scores tasks whose answer is a box: by overlap, by two rules, in two frames.

The official rule takes the first box in the answer; `vlm-evaluation` wants the answer to be nothing but a list of four
numbers, and rounds the right box to two decimals. Frame `image`: corners are shares of the image's width and height.
Frame `square`: of the square that the image is padded to, as in LLaVA-1.5's instruction data (by several users who
drew its boxes: haotian-liu/LLaVA issue 606, TRI-ML/vlm-evaluation issue 16).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from common.errors import InputError
from train.evaluation.metrics.boxes import Box, Parse, iou, parse, parse_whole
from train.evaluation.task import OFFICIAL, Item, Rule, Task

PROMPT = "Please provide the bounding box coordinate of the region this sentence describes: {}"
FRAMES = IMAGE, SQUARE = "image", "square"
_OUTSIDE = 1.0
"""Pixels by which an official box may lie outside its image: coordinates are rounded."""


@dataclass(frozen=True)
class BoxTask(Task):
    """A task whose items have a `Box` as target, in shares of the image, and the image's size."""

    instruction: str = ""
    max_tokens: int = 40
    threshold: float = 0.5
    """Overlap from which on an answer is right."""
    frame: str = IMAGE

    def under(self, rule: str, frame: str) -> Self:
        """The same task, scored by this rule in this frame."""
        return replace(super().under(rule, frame), frame=frame)

    @property
    def terms(self) -> dict[str, Any]:
        """Adds the frame to the terms of the score."""
        return {**super().terms, "frame": self.frame}

    def overlap(self, item: Item, prediction: str, *, rule: str | None = None, frame: str | None = None) -> float:
        """Intersection over union of the answer and the right box; 0 where the answer is no box."""
        assert item.size is not None
        box: Box = item.target
        target = box.in_square(*item.size) if (frame or self.frame) == SQUARE else box
        return self.rules[rule or self.rule](item.at(target), prediction)

    def score(self, item: Item, prediction: str) -> float:
        """1 if the boxes overlap by the threshold."""
        return float(self.overlap(item, prediction) >= self.threshold)

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Mean overlap, accuracy at a quarter and a half of it, share of boxes; the score by other rule and frame."""
        pairs = list(zip(items, predictions, strict=True))

        def accuracy(least: float, **how: str) -> float:
            return sum(self.overlap(item, said, **how) >= least for item, said in pairs) / len(pairs)

        found = {
            "mean_iou": sum(self.overlap(item, said) for item, said in pairs) / len(pairs),
            "accuracy_at_0.25": accuracy(0.25),
            "accuracy_at_0.5": accuracy(0.5),
            "boxes": sum(_PARSERS[self.rule](said) is not None for said in predictions) / len(pairs),
        }
        found |= {f"rule/{rule}": accuracy(self.threshold, rule=rule) for rule in self.rules if rule != self.rule}
        return found | {f"frame/{one}": accuracy(self.threshold, frame=one) for one in FRAMES if one != self.frame}


def _by(parser: Parse, *, rounded: bool) -> Rule:
    def overlap(item: Item, prediction: str) -> float:
        box = parser(prediction)
        return iou(box, item.target.rounded() if rounded else item.target) if box else 0.0

    return overlap


_PARSERS: Mapping[str, Parse] = {OFFICIAL: parse, "vlm-evaluation": parse_whole}
BOX_RULES: Mapping[str, Rule] = {
    OFFICIAL: _by(parse, rounded=False),
    "vlm-evaluation": _by(parse_whole, rounded=True),
}
"""Overlap of an answer with the item's box, by rule."""


def checked(box: Box, path: Path, what: str) -> Box:
    """`box`, in shares of its image.

    Raises:
        InputError: it is empty, the wrong way round, or lies outside the image.
    """
    problem = None
    if box.x1 >= box.x2 or box.y1 >= box.y2:
        problem = "has no area (its corners are the wrong way round)"
    elif not all(0 <= value <= 1 for value in box):
        problem = "lies outside the image"
    if problem:
        raise InputError(f"the box of {what} {problem}", file=path, field="bbox", remedy="use the official file")
    return box


def within(box: Box, width: float, height: float) -> Box:
    """A box in pixels whose corners lie outside the image by less than a pixel, cut to the image."""
    x1, y1, x2, y2 = box
    return Box(
        0.0 if -_OUTSIDE < x1 < 0 else x1,
        0.0 if -_OUTSIDE < y1 < 0 else y1,
        width if width < x2 < width + _OUTSIDE else x2,
        height if height < y2 < height + _OUTSIDE else y2,
    )
