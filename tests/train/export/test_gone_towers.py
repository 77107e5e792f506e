"""Towers that were loaded from directories: checkpoints and exports need these no more once they are written."""

import shutil
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForImageTextToText,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from common.errors import InputError
from schemas.schedule import Schedule
from tests.helpers import official
from tests.helpers.checkpoints import checkpoint
from train.checkpoint import load as checkpoint_load
from train.evaluation.predict import Settings
from train.evaluation.scored_model import open_subject
from train.evaluation.task_runner import evaluate_tasks
from train.export.export_folder import export
from train.export.hugging_face_model import load
from train.models.build import build_model
from train.models.towers import normalise


def towers(folder: Path) -> dict[str, str]:
    """Directories of a SigLIP and a DINOv2 whose shapes are no defaults of ours."""
    small = {"num_hidden_layers": 3, "num_attention_heads": 2, "patch_size": 8}
    SiglipVisionModel(
        SiglipVisionConfig(**small, hidden_size=24, intermediate_size=40, image_size=16, layer_norm_eps=1e-3)
    ).save_pretrained(folder / "siglip")
    Dinov2WithRegistersModel(
        Dinov2WithRegistersConfig(**small, hidden_size=20, mlp_ratio=3, image_size=32, num_register_tokens=2)
    ).save_pretrained(folder / "dino")
    return {"path": str(folder / "siglip"), "dino_path": str(folder / "dino")}


@pytest.mark.parametrize("kind", ["siglip", "siglip_dino"])
def test_the_directories_may_go(tmp_path, kind):
    paths = towers(tmp_path / "towers")
    encoder = {"kind": kind, **({"path": paths["path"]} if kind == "siglip" else paths)}
    out = checkpoint(tmp_path, encoder=encoder)
    ids = torch.tensor([[258] * 4 + list(range(40, 60))])
    pixels = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8)
    with torch.no_grad():
        before = load(out).model.logits(ids, pixels)
    shutil.rmtree(tmp_path / "towers")
    with torch.no_grad():
        assert torch.equal(load(out).model.logits(ids, pixels), before)
    export(out, tmp_path / "hf")
    for file in (tmp_path / "hf").glob("*.json"):
        if file.name != "switchpoint.json":  # which says, for the record, where the checkpoint was
            assert str(tmp_path) not in file.read_text()
    gqa = official.world(tmp_path) / "gqa"
    scored = [
        evaluate_tasks(open_subject(model), [("gqa", gqa)], tmp_path / f"scores-{n}", Settings(limit=4))[0].score
        for n, model in enumerate((out, tmp_path / "hf"))
    ]
    assert scored[0] == scored[1]
    shutil.rmtree(out)
    theirs = AutoModelForImageTextToText.from_pretrained(tmp_path / "hf", trust_remote_code=kind != "siglip").eval()
    with torch.no_grad():
        assert torch.equal(theirs(input_ids=ids, pixel_values=normalise(pixels)).logits, before)


def test_a_run_goes_on_without_them_but_does_not_begin(tmp_path):
    paths = towers(tmp_path / "towers")
    found = load(checkpoint(tmp_path, encoder={"kind": "siglip", "path": paths["path"]}))
    shutil.rmtree(tmp_path / "towers")
    schedule = Schedule.load(tmp_path / "schedule.json")
    model = build_model(found.saved.run, schedule, found.saved.towers)
    checkpoint_load.load_weights(found.path, model)
    for name, parameter in found.model.named_parameters():
        assert torch.equal(model.get_parameter(name), parameter)
    with pytest.raises(InputError, match=r"encoder\.path: cannot load the tower"):
        build_model(found.saved.run, schedule)
