"""Copies the demo's recipes with another seed in all of them: of world, tower, order of samples and initial weights."""

from __future__ import annotations

import re
from pathlib import Path

from common import atomic_files
from common.errors import InputError

_SEED = re.compile(r"^seed: \d+$", re.MULTILINE)


def reseeded(recipes: Path, seed: int, folder: Path) -> Path:
    """Write every recipe of `recipes` to `folder`, with `seed` where it has one; returns `folder`.

    Raises:
        InputError: a recipe extends one that lies elsewhere.
    """
    for recipe in sorted(recipes.glob("*.yaml")):
        text = recipe.read_text(encoding="utf-8")
        if outside := re.search(r"^extends: (\S*/\S*)$", text, re.MULTILINE):
            problem = f"extends {outside[1]}, which keeps its own seed"
            raise InputError(problem, file=recipe, remedy="give --seed with a folder of whole recipes")
        new = _SEED.sub(f"seed: {seed}", text)
        target = folder / recipe.name
        if not target.is_file() or target.read_text(encoding="utf-8") != new:
            atomic_files.write_text(target, new)
    return folder
