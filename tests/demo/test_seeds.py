"""Another seed goes into every recipe that has one, and nothing else changes."""

from pathlib import Path

import pytest

from common.errors import InputError
from demo.seeds import reseeded
from demo.stages import ROOT, stages, stamp
from tests.helpers.commands import SMOKE

RECIPES = ROOT / "recipes/demo"


def test_all_seeds_are_set(tmp_path: Path) -> None:
    folder = reseeded(RECIPES, 8, tmp_path / "recipes")
    changed = set()
    for recipe in RECIPES.glob("*.yaml"):
        before, after = recipe.read_text().splitlines(), (folder / recipe.name).read_text().splitlines()
        assert len(before) == len(after)
        lines = {(a, b) for a, b in zip(before, after, strict=True) if a != b}
        assert lines <= {("seed: 7", "seed: 8")}
        changed |= {recipe.stem} if lines else set()
    assert changed == {
        "world", "text", "pairs", "conversations", "conversations-text", "tower", "curriculum", "curriculum-run",
        "baseline-run",
    }  # fmt: skip
    assert stamp(stages(folder)[0], "") != stamp(stages(RECIPES)[0], "")
    same = reseeded(RECIPES, 7, tmp_path / "same")
    assert all((same / one.name).read_text() == one.read_text() for one in RECIPES.glob("*.yaml"))


def test_recipes_that_lean_on_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which keeps its own seed"):
        reseeded(SMOKE, 8, tmp_path)
