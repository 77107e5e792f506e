"""Tests of the encoder section: towers that are named where they are used, and what makes two encoders the same."""

from typing import Any

import pytest
from pydantic import ValidationError

from train.config.encoder_config import EncoderConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "patch", "path": "x"}, "a patch encoder is not loaded from a `path`"),
        ({"kind": "patch", "dino_path": "x"}, "`dino_path` is only used by kind siglip_dino"),
        ({"kind": "siglip", "path": "x", "dino_path": "y"}, "`dino_path` is only used by kind siglip_dino"),
        ({"kind": "siglip_dino", "path": "x"}, "give both `path` and `dino_path`"),
        ({"kind": "siglip_dino", "dino_path": "x"}, "give both `path` and `dino_path`"),
        ({"kind": "clip"}, "siglip_dino"),
        ({"width": 0}, "width"),
        ({"layers": -1}, "layers"),
    ],
)
def test_what_would_be_ignored_or_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EncoderConfig.model_validate(settings)


@pytest.mark.parametrize(
    "settings",
    [{}, {"kind": "siglip"}, {"kind": "siglip", "path": "x"}, {"kind": "siglip_dino", "path": "x", "dino_path": "y"}],
)
def test_paths_fit_their_kind(settings: dict[str, Any]) -> None:
    assert EncoderConfig.model_validate(settings).kind == settings.get("kind", "patch")


def test_two_encoders_are_the_same_but_for_whether_they_are_trained() -> None:
    one = EncoderConfig(kind="siglip", width=8, layers=2)
    assert one.identity == one.model_copy(update={"frozen": True}).identity
    for change in ({"width": 16}, {"layers": 3}, {"heads": 2}, {"path": "x"}, {"kind": "patch"}):
        assert one.model_copy(update=change).identity != one.identity, change
