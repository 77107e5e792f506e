"""`world.json` reads back, and says what is wrong when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InputError
from demo.world.world import WORLD_NAME, Options, World


def test_round_trip(world_root: Path, world: World, options: Options) -> None:
    assert world.options == options
    assert World.model_validate_json(world.model_dump_json()) == world
    assert {defect.kind for defect in world.of_kind("slow", "html")} == {"slow", "html"}


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no world here .*python -m demo\.world"):
        World.load(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", '{"version": 2}', "not json"])
def test_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / WORLD_NAME).write_text(content)
    with pytest.raises(InputError, match=r"world\.json") as caught:
        World.load(tmp_path)
    assert "\n" not in str(caught.value)
