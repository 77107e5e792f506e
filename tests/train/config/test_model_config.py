"""Tests of the model section: one shape, by its name or its numbers."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.helpers.checkpoints import SHAPE
from train.config.decoder_config import SIZES, DecoderConfig
from train.config.model_config import ModelConfig


def test_a_shape_is_named_or_given() -> None:
    assert all(ModelConfig(size=size).shape == shape for size, shape in SIZES.items())
    assert ModelConfig(decoder=DecoderConfig.model_validate(SHAPE)).shape == DecoderConfig.model_validate(SHAPE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give exactly one of `size` and `decoder`"),
        ({"size": "demo", "decoder": SHAPE}, "give exactly one of `size` and `decoder`"),
        ({"size": "2B"}, "no decoder size '2B'; choose one of demo, 79M, 154M, 411M, 1.4B, 7B"),
        ({"size": "demo", "z_loss": -1}, "z_loss"),
        ({"size": "demo", "end_of_text": "both"}, "end_of_text"),
    ],
)
def test_what_is_no_model_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelConfig.model_validate(settings)
