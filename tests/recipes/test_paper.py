"""Every recipe of the paper compiles against manifests of the right sizes; together they are one tree of 282 runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.compiler.datasets import Shelf
from curriculum.language.template import Template, setting
from curriculum.sweep.expand import expand
from curriculum.sweep.summary import with_sharing, without_sharing
from curriculum.sweep.tree import tree
from train.config.run_config import RunConfig

PAPER = Path(__file__).parents[2] / "recipes" / "paper"
SEQ_LEN = 2048
TOKENS = {"dclm": 3_900_000_000_000, "cc12m": 3_400_000_000, "llava": 1_000_000_000}
"""Of one pass, padding included; other image-caption sets: 40 B."""
GEOMETRIES = {"siglip": {"size": 224, "patch": 14, "tokens": 256}, "patch": {"size": 224, "patch": 16, "tokens": 196}}


def manifest(name: str, kind: str, tokens: int, geometry: dict[str, int] | None) -> dict[str, Any]:
    samples = tokens // SEQ_LEN
    total = samples * SEQ_LEN
    visual = total * 3 // 4
    by_kind = {"text": total} if geometry is None else {"visual": visual, "caption": total - visual}
    tokenizer = {"digest": "a" * 64, "vocabulary_size": 50277, "end_of_text_id": 0, "pad_id": 1, "image_id": 50277}
    return {
        "kind": kind,
        "plan": name,
        "seed": 0,
        "seq_len": SEQ_LEN,
        "samples": samples,
        "tokens": by_kind,
        "tokenizer": tokenizer,
        "geometry": geometry,
        "rows": {"read": samples, "written": samples},
        "inputs": [],
        "shards": [{"name": "all", "samples": samples, "bytes": 1, "digest": name}],
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    sets: list[tuple[str, str, dict[str, int] | None]] = [("dclm", "text", None)]
    for vision, geometry in GEOMETRIES.items():
        sets += [(f"{name}-{vision}", "pairs", geometry) for name in ("datacomp-dr", "datacomp", "cc12m", "stock")]
        sets.append((f"llava-{vision}", "conversations", geometry))
    for name, kind, geometry in sets:
        size = next((tokens for stem, tokens in TOKENS.items() if name.startswith(stem)), 40_000_000_000)
        (root / name).mkdir()
        (root / name / "manifest.json").write_text(json.dumps(manifest(name, kind, size, geometry)))
    return root


@pytest.mark.parametrize(
    ("name", "batch", "trunk"), [("1.4b", 256, 4.3e12), ("79m", 512, 2.37e11), ("7b", 2048, 4.3e12)]
)
def test_the_three_stages(data: Path, name: str, batch: int, trunk: float) -> None:
    filled = Template.read(PAPER / f"{name}.yaml").fill({"data": setting("data", str(data))})
    schedule = compile_curriculum(filled).schedule
    text, image, tuning = schedule.phases
    assert schedule.global_batch == batch
    assert text.stop == round(0.8 * trunk / SEQ_LEN)
    assert image.stop - image.start == 28_000_000_000 // SEQ_LEN
    assert image.shares == [900_000_000, 100_000_000, 0]
    assert schedule.lr(image.start) == pytest.approx(schedule.lr(image.start - 1), rel=1e-4)
    drawn = schedule.counts(schedule.total_samples)["chat"]
    assert 0 <= 2 * schedule.sources[2].samples - drawn < batch
    assert image.freeze == tuning.freeze == ["encoder"]


def test_all_sweeps_are_one_tree_of_the_paper_s_size(data: Path) -> None:
    shelf = Shelf()
    runs = []
    for path in sorted((PAPER / "sweeps").glob("*.yaml")):
        template = Template.read(path)
        at_data = setting("data", str(data))
        for grid in next(value for key, value in template.node.value if key.value == "grids").value:
            _set(grid, at_data)
        runs += expand(template.fill(), shelf)
    assert len(runs) == 282
    assert len({run.name for run in runs}) == 282
    nodes = tree(runs)
    assert with_sharing(nodes).tokens < 0.06 * without_sharing(runs).tokens
    for node in nodes:
        assert node.start % node.run.schedule.global_batch == 0
        assert node.stop % node.run.schedule.global_batch == 0


@pytest.mark.parametrize("name", ["encoder", "encoder-79m"])
def test_encoders_share_the_text_and_their_configs_are_the_trainer_s(data: Path, name: str) -> None:
    template = Template.read(PAPER / "sweeps" / f"{name}.yaml")
    for grid in next(value for key, value in template.node.value if key.value == "grids").value:
        _set(grid, setting("data", str(data)))
    nodes = tree(expand(template.fill()))
    trunks = [node for node in nodes if node.parent is None]
    assert sorted(len(trunk.runs) for trunk in trunks) == [6, 6], "one trunk for each seed, all encoders on it"
    for trunk in trunks:
        drawn = trunk.run.schedule.counts(trunk.stop)
        assert drawn["text"] == trunk.stop, "no image before the branches"
    configs = [node.run.train for node in nodes if node.parent is not None]
    runs = [RunConfig.model_validate({**config, "schedule": "s.json", "out": "o"}) for config in configs if config]
    assert {run.model.encoder.kind for run in runs} == {"siglip", "siglip_dino", "patch"}


def _set(grid: Any, value: Any) -> None:
    """Add `set: {data: ...}` to a grid's node: what `data/` in the working directory is to a user."""
    fixed = next((child for key, child in grid.value if key.value == "set"), None)
    name = setting("x", "data")
    if fixed is None:
        fixed = setting("x", "{}")
        grid.value.append((setting("x", "set"), fixed))
    fixed.value.append((name, value))
