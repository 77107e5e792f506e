"""Tests of the contrastive model: padding and long captions change nothing, and the loss is lowest for true pairs."""

from __future__ import annotations

import math

import torch

from demo.tower.model import FIRST_BIAS, FIRST_SCALE, Contrast, TextSide, pairwise_loss
from demo.tower.settings import Settings

PAD = 1


def test_padding_and_what_lies_beyond_the_longest_caption_change_nothing() -> None:
    torch.manual_seed(0)
    side = TextSide(20, PAD, 32).eval()
    ids = torch.randint(2, 20, (2, 9))
    padded = torch.cat((ids, torch.full((2, 5), PAD)), dim=1)
    long = torch.randint(2, 20, (2, 70))
    with torch.no_grad():
        torch.testing.assert_close(side(padded), side(ids), atol=1e-6, rtol=1e-5)
        assert torch.equal(side(long), side(long[:, :64]))
        assert not torch.allclose(side(ids), side(ids.flip(1)), atol=1e-4), "order counts"


def test_scores_are_of_every_picture_with_every_caption() -> None:
    torch.manual_seed(0)
    settings = Settings.model_validate(
        {"inputs": "x", "tokenizer": "t", "out": "o", "size": 16, "width": 32, "layers": 1}
    )
    model = Contrast(settings, 20, PAD).eval()
    pixels, ids = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8), torch.randint(2, 20, (3, 6))
    with torch.no_grad():
        scores = model(pixels, ids)
        turned = model(pixels[[2, 0, 1]], ids[[1, 2, 0]])
    torch.testing.assert_close(turned, scores[[2, 0, 1]][:, [1, 2, 0]], atol=1e-5, rtol=1e-5)
    assert ((scores - FIRST_BIAS).abs() <= math.exp(FIRST_SCALE) + 1e-4).all(), "cosines, scaled and moved"


def test_the_loss_asks_of_each_combination_whether_it_belongs_together() -> None:
    even = pairwise_loss(torch.zeros(4, 4))
    assert even.item() == torch.tensor(4 * math.log(2)).item()
    sure = 10 * (2 * torch.eye(4) - 1)
    assert pairwise_loss(sure) < 0.01 < even < pairwise_loss(-sure)
