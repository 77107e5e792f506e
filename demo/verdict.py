"""Did the model learn to see? Compares two accuracies with their intervals, so that luck does not pass for learning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from demo.accuracy import Accuracy

_Z = 2.576  # 99 %, two-sided


def interval(score: Accuracy) -> tuple[float, float]:
    """Wilson's 99 % interval for an accuracy (E. B. Wilson, 1927)."""
    n, p = score.questions, score.share
    centre = p + _Z**2 / (2 * n)
    spread = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return (centre - spread) / scale, (centre + spread) / scale


@dataclass(frozen=True)
class Verdict:
    """Whether the model with images is clearly better, and the sentence that says so."""

    better: bool
    sentence: str


def compare(seeing: Accuracy, text_only: Accuracy) -> Verdict:
    """Better means: its interval lies wholly above the text-only model's interval and above chance."""
    low, _ = interval(seeing)
    _, high = interval(text_only)
    better = low > max(high, seeing.chance)
    figures = (
        f"{seeing.share:.1%} with images, {text_only.share:.1%} text only, {seeing.chance:.1%} by chance "
        f"({seeing.questions:,} held-out questions that need the image)"
    )
    judgement = "clearly beats" if better else "does NOT clearly beat"
    return Verdict(better, f"The model trained with images {judgement} the text-only one: {figures}.")
