"""The whole model: image features land on their placeholders, and micro-batches add up to the batch."""

import numpy as np
import torch

from schemas.manifest import ImageGeometry, TokenizerIdentity
from train.config.decoder_config import DecoderConfig
from train.config.encoder_config import EncoderConfig
from train.loader.rows.batch import IGNORED, split_batch, tokens_in_batch
from train.loader.rows.collate import collate
from train.loader.rows.decode import Row
from train.models.vlm import VisionLanguageModel

TOKENIZER = TokenizerIdentity(digest="t", vocabulary_size=60, end_of_text_id=0, pad_id=1, image_id=60)
GEOMETRY = ImageGeometry(size=16, patch=8, tokens=4)
DECODER = DecoderConfig(width=32, layers=2, heads=4, kv_heads=4, head_width=8, mlp_width=48)
LENGTH = 32


def model(kind: str = "patch", layers: int = 0) -> VisionLanguageModel:
    torch.manual_seed(0)
    encoder = EncoderConfig(kind=kind, width=16, layers=layers, heads=2)
    return VisionLanguageModel(DECODER, TOKENIZER, encoder, GEOMETRY, z_loss=1e-3, mask_documents=True)


def row(images: int, seed: int) -> Row:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(2, 60, LENGTH)
    for image in range(images):
        tokens[image * 10 : image * 10 + 4] = TOKENIZER.image_id
        tokens[image * 10 + 9] = TOKENIZER.end_of_text_id
    labels = np.full(LENGTH, IGNORED)
    labels[:-1] = np.where(tokens[1:] != TOKENIZER.image_id, tokens[1:], IGNORED)
    labels[rng.integers(0, LENGTH, 8)] = IGNORED
    return Row(tokens, labels, rng.integers(0, 256, (images, 3, 16, 16), np.uint8), LENGTH, images % 2)


def gradients(vlm: VisionLanguageModel, batches) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients the way Composer adds micro-batches up: weighted by loss-bearing tokens."""
    vlm.zero_grad()
    total = sum(tokens_in_batch(batch)["loss_generating"] for batch in batches)
    value = 0.0
    for batch in batches:
        loss = vlm(batch).loss * (tokens_in_batch(batch)["loss_generating"] / total)
        loss.backward()
        value += loss.item()
    return value, {name: p.grad.clone() for name, p in vlm.named_parameters() if p.grad is not None}


def test_microbatches_equal_the_batch_with_ragged_images():
    vlm = model()
    batch = collate([row(images, seed) for seed, images in enumerate([2, 0, 3, 1, 0, 0])])
    whole_loss, whole = gradients(vlm, [batch])
    for size in (1, 2, 4):
        parts = split_batch(batch, size)
        assert sum(part["pixels"].shape[0] for part in parts) == 6
        loss, split = gradients(vlm, parts)
        assert abs(loss - whole_loss) < 1e-5
        for name, gradient in whole.items():
            torch.testing.assert_close(split[name], gradient, atol=1e-6, rtol=1e-4, msg=name)


def test_the_image_side_rests_where_there_is_no_image():
    vlm = model("siglip", layers=1)
    runs = []
    vlm.encoder.register_forward_hook(lambda *_: runs.append(1))
    text, image = collate([row(0, 5)]), collate([row(1, 5)])
    before, found = gradients(vlm, [text])
    assert runs == []
    assert all(name.startswith("decoder.") for name in found)
    vlm.lockstep = True
    after, expected = gradients(vlm, [text])
    assert runs == [1], "sharded weights are gathered by all ranks or by none"
    assert before == after
    for name, gradient in expected.items():
        assert torch.equal(gradient, found.get(name, torch.zeros_like(gradient))), name
    vlm.lockstep = False
    vlm(image)
    assert runs == [1, 1]


def test_images_stay_with_their_rows():
    vlm = model()
    first, second = row(2, 1), row(1, 2)
    with torch.no_grad():
        batch = collate([first, second])
        together = vlm.logits(batch["input_ids"], batch["pixels"])
        alone = collate([second])
        torch.testing.assert_close(together[1:], vlm.logits(alone["input_ids"], alone["pixels"]), atol=1e-5, rtol=1e-4)
        black = vlm.logits(batch["input_ids"], torch.zeros_like(batch["pixels"]))
    assert not torch.allclose(together, black)


def test_an_image_is_seen_only_in_its_own_document():
    vlm = model()
    batch = collate([row(2, 1)])
    changed = batch["pixels"].clone()
    changed[0] = 255 - changed[0]
    with torch.no_grad():
        before, after = vlm.logits(batch["input_ids"], batch["pixels"]), vlm.logits(batch["input_ids"], changed)
    assert torch.equal(before[0, 10:], after[0, 10:])
    assert not torch.equal(before[0, 4:9], after[0, 4:9])


def test_siglip_tower_trains_and_can_be_frozen():
    vlm = model("siglip", layers=2)
    batch = collate([row(2, 1)])
    _, found = gradients(vlm, [batch])
    assert found["encoder.tower.vision_model.embeddings.patch_embedding.weight"].abs().max() > 0
    vlm.encoder.requires_grad_(False)
    vlm.zero_grad(set_to_none=True)
    vlm(batch).loss.backward()
    assert all(p.grad is None for p in vlm.encoder.parameters())
