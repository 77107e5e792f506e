"""Every recipe is parsed by the model that reads it; a typing mistake in one is caught here."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from common import yaml_file
from curriculum.language.curriculum_file import Curriculum
from curriculum.language.sweep_file import Sweep
from curriculum.language.template import Template
from dataprep.conversations.config import ConversationsJob
from dataprep.download.config import DownloadJob
from dataprep.pairs.config import PairsJob
from dataprep.text.config import TextJob
from demo.tower.settings import Settings
from demo.world.world import Options
from train.config.run_config import RunConfig

ROOT = Path(__file__).parents[2]
JOBS = {"text": TextJob, "download": DownloadJob, "pairs": PairsJob, "conversations": ConversationsJob}
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: str(path.relative_to(ROOT / "recipes")))
def test_is_what_its_name_says(recipe: Path) -> None:
    name = recipe.stem
    if recipe.parent.name == "sweeps":
        assert Template.read(recipe).fill().load(Sweep).grids
    elif name.startswith("run-"):
        # A sweep fills in what differs between its runs: the schedule and where to write.
        filled = Template.read(recipe).fill().load(_Partial).model_dump()
        RunConfig.model_validate({**filled, "schedule": "schedule.json", "out": "out"})
    elif name.endswith("-run"):
        yaml_file.load(recipe, RunConfig)
    elif name == "world":
        keys = {key.replace("-", "_"): value for key, value in yaml_file.compose(recipe)[0].items()}
        Options.model_validate(keys)
    elif name == "tower":
        yaml_file.load(recipe, Settings)
    elif name.partition("-")[0] in JOBS:
        yaml_file.load(recipe, JOBS[name.partition("-")[0]])
    else:
        assert Template.read(recipe).fill().load(Curriculum).phases


class _Partial(BaseModel):
    """Any keys: what a run file holds before a sweep completes it."""

    model_config = ConfigDict(extra="allow")
