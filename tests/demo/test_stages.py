"""A stage runs again exactly when something before it changed."""

import shutil
from pathlib import Path

import pytest

from demo.stages import ROOT, Stage, stages, stamp


def test_what_a_recipe_extends_counts(tmp_path: Path) -> None:
    for folder in ("demo", "smoke"):
        shutil.copytree(ROOT / "recipes" / folder, tmp_path / folder)
    before = stamps(stages(tmp_path / "smoke"))
    with open(tmp_path / "demo/curriculum.yaml", "a") as recipe:
        recipe.write("# changed\n")
    after = stamps(stages(tmp_path / "smoke"))
    names = [stage.name for stage in stages(tmp_path / "smoke")]
    assert [n for n, a, b in zip(names, before, after, strict=True) if a != b] == names[
        names.index("curriculum-compile") :
    ]


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "recipes/demo", tmp_path / "recipes"))


def stamps(todo: list[Stage]) -> list[str]:
    found = [""]
    for stage in todo:
        found.append(stamp(stage, found[-1]))
    return found[1:]


def test_equal_recipes_give_equal_stamps_wherever_they_lie(recipes: Path) -> None:
    assert stamps(stages(recipes)) == stamps(stages(ROOT / "recipes/demo"))


@pytest.mark.parametrize("changed", ["world", "text", "pairs", "curriculum", "baseline-run"])
def test_a_changed_recipe_reruns_its_stage_and_all_after_it(recipes: Path, changed: str) -> None:
    before = stamps(stages(recipes))
    with open(recipes / f"{changed}.yaml", "a") as recipe:
        recipe.write("# changed\n")
    after = stamps(stages(recipes))
    todo = stages(recipes)
    first = next(n for n, stage in enumerate(todo) if stage.recipe and stage.recipe.name == f"{changed}.yaml")
    assert [a == b for a, b in zip(before, after, strict=True)] == [n < first for n in range(len(todo))]


def test_the_three_ways_of_use_are_the_users_own() -> None:
    commands = [stage.argv for stage in stages(ROOT / "recipes/demo")]
    heads = {(argv[0], *(Path(part).name for part in argv[1:4])) for argv in commands}
    assert any(head[0] == "spark-submit" and head[3] == "text.py" for head in heads)
    assert any(argv[1:4] == ("-m", "curriculum", "compile") for argv in commands)
    assert any(argv[0] == "composer" and argv[3].endswith("train/main.py") for argv in commands)
