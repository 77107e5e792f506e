"""Every run recipe fits a node of eight GPUs of 80 GB, by the arithmetic of `train cost`, with a tenth left free."""

from pathlib import Path

import pytest

from common import yaml_file
from train.config.run_config import RunConfig
from train.models.cost import SO400M, encoder_memory, memory

RECIPES = Path(__file__).parents[2] / "recipes"
RUNS = sorted({*RECIPES.glob("paper/run-*.yaml"), *RECIPES.glob("study/run-*.yaml"), *RECIPES.glob("*/*-run.yaml")})
GPUS, BYTES, CUDA = 8, 80e9, 2e9
VOCABULARY, LENGTH = 50_432, 2048
IMAGES = LENGTH // SO400M.tokens
"""Of a window, at most."""


def config(recipe: Path, **changes: object) -> RunConfig:
    said = dict(yaml_file.compose(recipe)[0])
    given = said.pop("parameters", {})
    said = {key: given.get(str(value).strip("${}"), value) for key, value in said.items()}
    model = {
        **said["model"],
        "encoder": {"kind": "siglip", "width": SO400M.width, "layers": SO400M.layers, "heads": 16},
    }
    return RunConfig.model_validate({**said, "model": model, "schedule": "s.json", "out": "out", **changes})


def needed(run: RunConfig) -> float:
    """Bytes on each GPU, with an encoder that is trained (a phase may freeze it, and then it needs less)."""
    shards = GPUS if run.parallel.strategy == "fsdp" else 1
    assert isinstance(run.microbatch, int)
    decoder = memory(
        run.model.shape,
        VOCABULARY,
        LENGTH,
        microbatch=run.microbatch,
        shards=shards,
        ranks=GPUS,
        recompute=run.recompute,
        reduce_every_microbatch=run.parallel.reduce_every_microbatch,
        loss_chunk=run.loss_chunk,
    )
    images = IMAGES * run.microbatch
    return decoder.total + encoder_memory(SO400M, images=images, shards=shards, ranks=GPUS, trained=True) + CUDA


@pytest.mark.parametrize("recipe", RUNS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recipe_fits_its_gpus(recipe):
    assert needed(config(recipe)) < 0.9 * BYTES


def test_the_papers_recipes_say_how_ranks_share_and_what_is_recomputed():
    for recipe in RECIPES.glob("paper/run-*.yaml"):
        said = dict(yaml_file.compose(recipe)[0])
        assert {"parallel", "compile", "recompute"} <= said.keys(), recipe
        assert said["compile"]


def test_what_does_not_fit_is_seen():
    large = RECIPES / "paper/run-7b.yaml"
    assert needed(config(large, parallel={"strategy": "ddp"})) > 2 * BYTES
    assert needed(config(large, recompute=False, microbatch=8)) > BYTES
