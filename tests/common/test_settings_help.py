"""The keys of a file as `--help` lists them."""

from __future__ import annotations

from pydantic import Field

from common.settings_help import settings_help
from schemas.strict_model import Strict


class Leg(Strict):
    """What a stool stands on."""

    length: int
    """In mm."""


class Stool(Strict):
    legs: list[Leg]
    colour: str = Field(default="red", alias="color")
    """Of the seat."""
    note: str = "a default that is much too long to be shown in a line of help"


def test_keys_are_listed_with_their_first_words_and_defaults_and_inner_ones_below() -> None:
    assert settings_help(Stool, "STOOL.yaml").splitlines() == [
        "settings of STOOL.yaml:",
        "  legs             What a stool stands on. (required)",
        "    length         In mm. (required)",
        "  color            Of the seat. (default 'red')",
        "  note              (optional)",
    ]
