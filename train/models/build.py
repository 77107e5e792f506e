"""Builds the model that RUN.yaml describes."""

from __future__ import annotations

from composer.utils import reproducibility

from schemas.schedule import Schedule
from train.config.run_config import RunConfig
from train.models.towers import Shapes
from train.models.vlm import VisionLanguageModel


def build_model(run: RunConfig, schedule: Schedule, towers: Shapes | None = None) -> VisionLanguageModel:
    """The run's model with its initial weights, the same on every rank; see `VisionLanguageModel.of` for `towers`."""
    reproducibility.seed_all(run.seed)
    return VisionLanguageModel.of(run.model, schedule.tokenizer, schedule.geometry, towers)
