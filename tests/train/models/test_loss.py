"""The chunked loss equals torch's own cross-entropy plus z-loss, in value and in both gradients."""

import pytest
import torch

from train.models import loss
from train.models.loss import cross_entropy


@pytest.mark.parametrize("tokens", [1, 7, 64])
@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
def test_equals_torch(tokens, z_loss, monkeypatch):
    monkeypatch.setattr(loss, "CHUNK", 16)
    torch.manual_seed(0)
    hidden = torch.randn(tokens, 12, requires_grad=True)
    weight = torch.randn(40, 12, requires_grad=True)
    targets = torch.randint(0, 40, (tokens,))
    ours, nll = cross_entropy(hidden, weight, targets, z_loss)
    (3 * ours).backward()
    gradients = hidden.grad.clone(), weight.grad.clone()
    hidden.grad = weight.grad = None
    logits = hidden @ weight.t()
    reference = torch.nn.functional.cross_entropy(logits, targets) + z_loss * logits.logsumexp(-1).square().mean()
    (3 * reference).backward()
    torch.testing.assert_close(ours, reference)
    torch.testing.assert_close(nll, torch.nn.functional.cross_entropy(logits, targets, reduction="none"))
    torch.testing.assert_close(gradients[0], hidden.grad)
    torch.testing.assert_close(gradients[1], weight.grad, atol=1e-5, rtol=1e-5)


def test_no_tokens_is_zero_and_differentiable():
    hidden = torch.randn(0, 4, requires_grad=True)
    weight = torch.randn(8, 4, requires_grad=True)
    value, nll = cross_entropy(hidden, weight, torch.empty(0, dtype=torch.int64), 1e-4)
    value.backward()
    assert value.item() == 0
    assert nll.shape == (0,)
    assert weight.grad.abs().max() == 0
