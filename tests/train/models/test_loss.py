"""The chunked loss equals torch's own cross-entropy plus z-loss, in value and in both gradients."""

import pytest
import torch

from train.models import loss
from train.models.loss import cross_entropy


@pytest.mark.parametrize("tokens", [1, 7, 64])
@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
@pytest.mark.parametrize("chunk", [16, 64, 4096])
def test_equals_torch(tokens, z_loss, chunk):
    torch.manual_seed(0)
    hidden = torch.randn(tokens, 12, requires_grad=True)
    weight = torch.randn(40, 12, requires_grad=True)
    targets = torch.randint(0, 40, (tokens,))
    ours, nll = cross_entropy(hidden, weight, targets, z_loss, chunk)
    with torch.no_grad():
        alone = cross_entropy(hidden, weight, targets, z_loss, chunk)
    assert (alone[0].item(), alone[1].tolist()) == (ours.item(), nll.tolist()), (
        "an evaluation sees the same, to the bit"
    )
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


def test_the_compiled_form_computes_the_same():
    """Here it is not compiled: that takes a minute on a CPU."""
    torch.manual_seed(0)
    arguments = torch.randn(30, 12), torch.randn(40, 12), torch.randint(0, 40, (30,)), 1e-2, torch.tensor(30.0)
    for ours, theirs in zip(loss._fused(*arguments), loss._in_place(*arguments), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("tokens", [4096, 5000, 4097, 1])
def test_bf16_on_a_gpu_is_near_fp32_on_a_cpu(tokens):
    torch.manual_seed(tokens)
    hidden, weight = torch.randn(tokens, 64, requires_grad=True), torch.randn(5056, 64, requires_grad=True)
    targets = torch.randint(0, 5056, (tokens,))
    expected, expected_nll = cross_entropy(hidden, weight, targets, 1e-4)
    references = torch.autograd.grad(expected, (hidden, weight))
    hidden, weight = (t.detach().cuda().requires_grad_() for t in (hidden, weight))
    with torch.autocast("cuda", torch.bfloat16):
        found, nll = cross_entropy(hidden, weight, targets.cuda(), 1e-4)
    gradients = torch.autograd.grad(found, (hidden, weight))
    torch.testing.assert_close(found.cpu(), expected, atol=0, rtol=3e-3)  # of one token: what bf16 makes of a logit
    assert (nll.cpu() - expected_nll).norm() / expected_nll.norm() < 1e-2
    for ours, theirs in zip(gradients, references, strict=True):
        assert ours.dtype == torch.float32
        assert (ours.cpu() - theirs).norm() / theirs.norm() < 2e-2
