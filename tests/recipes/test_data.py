"""Data recipes say what to expect of them, hold out what they say, and make the datasets that the curricula read."""

import os
import re
from pathlib import Path

import pytest

from common import yaml_file
from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.language.template import Template
from curriculum.sweep.expand import expand
from dataprep.conversations.config import ConversationsJob
from dataprep.download.config import DownloadJob
from dataprep.pairs.config import PairsJob
from dataprep.storage.globs import expand as expand_globs
from dataprep.text.config import TextJob

RECIPES = Path(__file__).parents[2] / "recipes"
DATA = sorted((RECIPES / "data").glob("*.yaml"))
JOBS: dict[str, type[TextJob | DownloadJob | PairsJob | ConversationsJob]] = {
    "text": TextJob,
    "download": DownloadJob,
    "pairs": PairsJob,
    "conversations": ConversationsJob,
}
EXPECTED = ("rows", "bytes", "tokens", "hours", "licence")
NOT_OURS = {"shutterstock", "interleaved"}
"""Datasets that are not public, or that no job makes."""


def out(recipe: Path) -> str:
    """Where the recipe writes, as it spells it: jobs make their paths absolute when they read them."""
    made = yaml_file.load(recipe, JOBS[recipe.stem.partition("-")[0]]).out
    return made if "://" in made else os.path.relpath(made)


@pytest.mark.parametrize("recipe", DATA, ids=lambda path: path.stem)
def test_says_what_to_expect(recipe: Path) -> None:
    text = recipe.read_text(encoding="utf-8")
    command = f"# spark-submit dataprep/jobs/{recipe.stem.partition('-')[0]}.py recipes/data/{recipe.name}\n"
    assert text.startswith(command)
    for what in EXPECTED:
        found = re.search(rf"^# {what}: +(.+)$", text, re.MULTILINE)
        assert found, what
        assert found[1] == "none" or re.search(r"\[\w+\]|ours", found[1]), f"{what} has no source"


def test_every_dataset_of_the_curricula_has_a_recipe(data: Path) -> None:
    made = {out(recipe) for recipe in DATA}
    assert len(made) == len(DATA), "each into a directory of its own"
    wanted: set[str] = set()
    for path in sorted((RECIPES / "paper").glob("*.yaml")):
        if not path.name.startswith("run-"):
            wanted |= {source.path for source in compile_curriculum(Template.read(path).fill()).schedule.sources}
    for path in sorted((RECIPES / "paper" / "sweeps").glob("*.yaml")):
        for run in expand(Template.read(path).fill()):
            wanted |= {source.path for source in run.schedule.sources}
    assert {path for path in wanted - made if not any(name in path for name in NOT_OURS)} == set()


def test_held_out_pairs_are_left_out_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [*(f"{number:05}.tar" for number in range(1280)), "00099-r2.tar", "00100-r2.tar", "00198-r3.tar"]
    for name in ("datacomp-dr-12m", "datacomp-dr"):
        folder = tmp_path / f"data/images-{name}"
        folder.mkdir(parents=True)
        for one in names:
            (folder / one).touch()
        sides = [yaml_file.load(RECIPES / f"data/pairs-{name}{end}.yaml", PairsJob) for end in ("", "-held-out")]
        train, held_out = ({Path(path).name for path in expand_globs(side.inputs)} for side in sides)
        assert not train & held_out
        assert held_out == {f"{number:05}.tar" for number in range(99, 1280, 100)}
        assert train == set(names) - held_out - {"00099-r2.tar"}, "a later round of a held-out tar is neither"
