"""A model whose data pads pictures is evaluated and exported with padded pictures."""

import io
import json
import shutil

import numpy as np
import torch
from PIL import Image
from transformers import AutoProcessor

from common.seal import sealed
from schemas.results import load_task
from tests.helpers.checkpoints import SIGLIP, checkpoint
from tests.helpers.official import textvqa
from train.evaluation.predict import Settings
from train.evaluation.scored_model import open_subject
from train.evaluation.task_runner import evaluate_tasks
from train.export.description import PROVENANCE
from train.export.export_folder import export
from train.loader.rows.decode import decode_image
from train.models.towers import normalise


def test_padding_goes_from_the_schedule_to_the_export(tmp_path):
    out = checkpoint(tmp_path, encoder=SIGLIP, fit="pad")
    assert export(out, tmp_path / "hf").geometry.fit == "pad"
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 44, 3), np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    read = AutoProcessor.from_pretrained(tmp_path / "hf", use_fast=False)
    found = read(text="<image>USER: x", images=picture, return_tensors="pt")["pixel_values"]
    padded = torch.tensor(decode_image(buffer.getvalue(), 16, "pad"))[None]
    assert torch.equal(found, normalise(padded))
    assert not torch.equal(padded[0], torch.tensor(decode_image(buffer.getvalue(), 16)))
    folder = textvqa(tmp_path / "textvqa")
    picture.save(folder / "train_images/abc.jpg", quality=95)
    said = []
    for number, model in enumerate((out, tmp_path / "hf", _stretched(tmp_path / "stretched", tmp_path / "hf"))):
        subject = open_subject(model)
        seen = _seen(subject)
        evaluate_tasks(subject, [("textvqa", folder)], tmp_path / f"scores-{number}", Settings())
        said.append((seen, load_task(tmp_path / f"scores-{number}", "textvqa").predictions))
    (first, answers), (second, theirs), (other, _) = said
    assert answers == theirs
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[0], other[0])


def _seen(subject) -> list[torch.Tensor]:
    """Pixels that the model is given from now on."""
    seen, inputs = [], subject.inputs

    def recorded(ids, pixels):
        seen.append(pixels[:1])
        return inputs(ids, pixels)

    subject.inputs = recorded
    return seen


def _stretched(folder, padded):
    """The same export, told that its pictures are stretched."""
    shutil.copytree(padded, folder)
    said = json.loads((folder / PROVENANCE).read_text())
    (folder / PROVENANCE).write_text(sealed(json.dumps({**said, "geometry": {**said["geometry"], "fit": "stretch"}})))
    return folder
