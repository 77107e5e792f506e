"""A small world, made once for all tests below this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.world.build import build
from demo.world.world import Options, World

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def options() -> Options:
    return Options(documents=400, scenes=64, conversations=200, held_out=24, seed=11)


@pytest.fixture(scope="session")
def world_root(tmp_path_factory: pytest.TempPathFactory, options: Options) -> Path:
    root = tmp_path_factory.mktemp("small") / "world"
    assert build(root, options) is not None
    return root


@pytest.fixture(scope="session")
def world(world_root: Path) -> World:
    return World.load(world_root)
