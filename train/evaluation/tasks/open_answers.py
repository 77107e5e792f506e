"""Defines scoring rules of tasks whose items have the answers of ten people."""

from __future__ import annotations

from train.evaluation.metrics.vqa import SoftAccuracy
from train.evaluation.task import Item, Rule


def by(soft_accuracy: SoftAccuracy) -> Rule:
    """The rule that compares a prediction with the item's answers by `soft_accuracy`."""

    def score(item: Item, prediction: str) -> float:
        return soft_accuracy(prediction, item.target)

    return score
