"""Tests of what is scored: a checkpoint or an export, the same function from both, and what is damaged named."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from common.errors import InputError
from tests.helpers.checkpoints import PATCH, SIGLIP, checkpoint
from train.evaluation.scored_model import open_subject, weights_digest
from train.export.export_folder import export


def test_a_checkpoint_and_its_export_give_the_same_logits(tmp_path: Path) -> None:
    out = checkpoint(tmp_path, encoder=PATCH)
    export(out, tmp_path / "hf")
    ours, theirs = open_subject(out), open_subject(tmp_path / "hf")
    ids = torch.tensor([[*[258] * 4, 70, 71, 72]])
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16), np.uint8))
    with torch.no_grad():
        first = ours.logits(ids, pixels)
        assert torch.equal(first, theirs.logits(ids, pixels))
        assert not torch.equal(first, ours.logits(ids, 255 - pixels)), "the image counts"
        assert torch.equal(ours.logits(ids[:, 4:], pixels[:0]), theirs.logits(ids[:, 4:], pixels[:0]))
    assert first.dtype == torch.float32
    assert (ours.told.position, ours.told.architecture) == (theirs.told.position, theirs.told.architecture)
    assert ours.told.tokenizer == theirs.told.tokenizer


def test_text_that_spells_a_special_token_stays_text(tmp_path: Path) -> None:
    ids = open_subject(checkpoint(tmp_path)).tokenizer.encode("<|endoftext|>", add_special_tokens=False).ids
    assert len(ids) == len("<|endoftext|>")


def test_prompts_without_images_have_to_be_asked_for(tmp_path: Path) -> None:
    text, seeing = (
        open_subject(checkpoint(tmp_path / name, encoder=kind)) for name, kind in (("text", None), ("image", PATCH))
    )
    with pytest.raises(InputError, match="the model has no image side; give --blind to ask without the images"):
        text.encoder(blind=False)
    assert 258 not in text.encoder(blind=True).stem("what?", True)
    assert seeing.encoder(blind=False).stem("what?", True).count(258) == 4
    assert 258 not in seeing.encoder(blind=True).stem("what?", True)


def test_weights_are_named_by_their_bytes(tmp_path: Path) -> None:
    for name in ("model-1", "model-2", "optimizer"):
        (tmp_path / f"{name}.safetensors").write_bytes(name.encode())
    before = weights_digest(tmp_path, "model")
    (tmp_path / "optimizer.safetensors").write_bytes(b"other")
    assert weights_digest(tmp_path, "model") == before
    (tmp_path / "model-2.safetensors").write_bytes(b"other")
    assert weights_digest(tmp_path, "model") != before


def test_damaged_models(tmp_path: Path) -> None:
    """In exports without digests, as older releases wrote them."""
    export(checkpoint(tmp_path, encoder=SIGLIP), tmp_path / "hf")
    told = tmp_path / "hf/switchpoint.json"
    older = {key: value for key, value in json.loads(told.read_text()).items() if key not in ("digests", "seal")}
    told.write_text(json.dumps(older))
    weights = tmp_path / "hf/model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(InputError, match="damaged export"):
        open_subject(tmp_path / "hf")
    weights.write_bytes(whole)
    tensors = load_file(weights)
    lost = tensors.pop("language_model.model.norm.weight")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"1 tensors are missing or another model's, '.*norm.weight' for one"):
        open_subject(tmp_path / "hf")
    save_file({**tensors, "language_model.model.norm.weight": lost}, weights, metadata={"format": "pt"})
    open_subject(tmp_path / "hf")
    (tmp_path / "hf/tokenizer.json").write_text("{")
    with pytest.raises(InputError, match=r"tokenizer.json: cannot read the tokenizer .*; export it again"):
        open_subject(tmp_path / "hf")
    (tmp_path / "hf/config.json").write_text("{")
    with pytest.raises(InputError, match="damaged export"):
        open_subject(tmp_path / "hf")
    (tmp_path / "hf/switchpoint.json").unlink()
    with pytest.raises(InputError, match="no export of this trainer"):
        open_subject(tmp_path / "hf")
