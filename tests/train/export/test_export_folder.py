"""An export is the checkpoint's own function in plain transformers: logits to the bit, generation, ids and pixels."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

from common.errors import InputError
from common.seal import sealed
from tests.helpers.checkpoints import FUSED, PATCH, SIGLIP, checkpoint
from train.__main__ import main
from train.export.description import described
from train.export.export_folder import export
from train.export.hugging_face_model import load
from train.loader.rows.decode import decode_image
from train.models.towers import normalise

PROMPT = "USER: what is this?\nASSISTANT:"


def picture(seed: int = 0, size: tuple[int, int] = (24, 20)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def greedy(model, ids: list[int], pixels: torch.Tensor, count: int) -> list[int]:
    """Generation by the checkpoint's own model, without a cache."""
    found = list(ids)
    for _ in range(count):
        with torch.no_grad():
            found.append(int(model.logits(torch.tensor([found]), pixels)[0, -1].argmax()))
        if found[-1] == 0:
            break
    return found[len(ids) :]


@pytest.mark.parametrize(
    ("family", "tied", "architecture"),
    [("llama", False, "LlamaForCausalLM"), ("qwen3", False, "Qwen3ForCausalLM"), ("qwen3", True, "Qwen3ForCausalLM")],
)
def test_text_models(tmp_path, family, tied, architecture):
    out = checkpoint(tmp_path, decoder={"family": family, "tied": tied})
    assert export(out, tmp_path / "hf").architecture == architecture
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "hf").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    ours = load(out).model
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    assert ids[0].tolist() == Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(PROMPT).ids
    nothing = torch.empty(0, 3, 1, 1, dtype=torch.uint8)
    with torch.no_grad():
        assert (ours.logits(ids, nothing) - theirs(ids).logits).abs().max() == 0.0
    made = theirs.generate(ids, max_new_tokens=8)[0, ids.shape[1] :].tolist()
    assert made == greedy(ours, ids[0].tolist(), nothing, 8)


@pytest.mark.parametrize("encoder", [SIGLIP, PATCH, FUSED], ids=["siglip", "patch", "fused"])
def test_models_with_images(tmp_path, encoder):
    out = checkpoint(tmp_path, encoder=encoder)
    told = export(out, tmp_path / "hf")
    plain = encoder is SIGLIP
    assert told.architecture == ("LlavaForConditionalGeneration" if plain else "SwitchpointForConditionalGeneration")
    assert (tmp_path / "hf/modeling_switchpoint.py").exists() is not plain
    assert ("trust_remote_code" in (tmp_path / "hf/README.md").read_text()) is not plain
    theirs = AutoModelForImageTextToText.from_pretrained(tmp_path / "hf", trust_remote_code=not plain).eval()
    assert plain == (type(theirs).__module__ == "transformers.models.llava.modeling_llava")
    read = AutoProcessor.from_pretrained(tmp_path / "hf", use_fast=False)
    ours = load(out).model
    stem = [258] * 4 + Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(PROMPT).ids
    for seed in range(3):
        image = picture(seed)
        inputs = read(text=f"<image>{PROMPT}", images=image, return_tensors="pt")
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        pixels = torch.tensor(decode_image(buffer.getvalue(), 16))[None]
        assert inputs["input_ids"][0].tolist() == stem
        assert torch.equal(inputs["pixel_values"], normalise(pixels))
        with torch.no_grad():
            logits = ours.logits(inputs["input_ids"], pixels)
            assert (logits - theirs(**inputs).logits).abs().max() == 0.0
        made = theirs.generate(**inputs, max_new_tokens=8)[0, len(stem) :].tolist()
        assert made == greedy(ours, stem, pixels, 8)
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what is this?"}]}]
    assert read.apply_chat_template(chat, add_generation_prompt=True) == f"<image>{PROMPT}"


def test_every_value_of_a_pixel_is_normalised_alike(tmp_path):
    export(checkpoint(tmp_path, encoder=SIGLIP), tmp_path / "hf")
    read = AutoProcessor.from_pretrained(tmp_path / "hf", use_fast=False)
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = np.stack([values] * 3, axis=-1)
    found = read.image_processor(Image.fromarray(image), return_tensors="pt")["pixel_values"]
    assert torch.equal(found, normalise(torch.from_numpy(image.transpose(2, 0, 1)))[None])


def test_decoder_only_and_bfloat16(tmp_path):
    out = checkpoint(tmp_path, encoder=PATCH)
    told = export(out, tmp_path / "hf", decoder_only=True, dtype="bfloat16")
    assert (told.architecture, told.geometry, told.dtype) == ("Qwen3ForCausalLM", None, "bfloat16")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "hf", dtype="auto").dtype == torch.bfloat16
    assert described(tmp_path / "hf") == told
    file = tmp_path / "hf/switchpoint.json"
    file.write_text(file.read_text().replace('"version": 1', '"version": 2', 1))
    with pytest.raises(InputError, match="export of schema 2; this release reads 1"):
        described(tmp_path / "hf")


def test_bad_checkpoints_leave_nothing(tmp_path):
    out = checkpoint(tmp_path, encoder=PATCH)
    (folder,) = (out / "checkpoints").iterdir()
    weights, state = folder / "model.safetensors", folder / "state.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"damaged: model.safetensors is not the file that was saved"):
        export(out, tmp_path / "hf")
    weights.write_bytes(whole)
    said = json.loads(state.read_text())
    said["run"]["model"]["decoder"]["layers"] = 1
    state.write_text(json.dumps(said))
    with pytest.raises(InputError, match=r"damaged: state.json does not say what was saved"):
        export(out, tmp_path / "hf")
    state.write_text(sealed(json.dumps(said)))
    with pytest.raises(InputError, match="do not fit the model"):
        export(out, tmp_path / "hf")
    with pytest.raises(InputError, match="no checkpoint here"):
        export(tmp_path / "none", tmp_path / "hf")
    assert not list(tmp_path.glob("*hf*")) + list(tmp_path.glob(".*"))


def test_the_command(tmp_path, capsys):
    out = checkpoint(tmp_path)
    assert main(["export", str(out), str(tmp_path / "hf")]) == 0
    assert "Qwen3ForCausalLM, float32, at sample 8" in capsys.readouterr().out
    assert main(["export", str(out), str(tmp_path / "hf")]) == 2
    assert "something is here already" in capsys.readouterr().err
    with pytest.raises(InputError, match="not an export"):
        described(tmp_path)
