"""FlexAttention, which GPUs use, computes what the explicit mask does, which is the reference on CPU."""

import pytest
import torch

from common.errors import InputError
from train.models import attention
from train.models.attention import attend, check_flash, document_mask


def reference(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
    """Softmax over the earlier tokens of the same document, token by token."""
    out = torch.zeros_like(q)
    groups = q.shape[1] // k.shape[1]
    for b in range(q.shape[0]):
        for n in range(q.shape[1]):
            for i in range(q.shape[2]):
                seen = [j for j in range(i + 1) if documents[b, j] == documents[b, i]]
                scores = k[b, n // groups, seen] @ q[b, n, i] / q.shape[-1] ** 0.5
                out[b, n, i] = scores.softmax(0) @ v[b, n // groups, seen]
    return out


def test_the_explicit_mask_against_a_loop():
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, 12, 8), torch.randn(2, 2, 12, 8), torch.randn(2, 2, 12, 8)
    documents = torch.tensor([[0] * 5 + [1] * 7, [0] * 1 + [1] * 4 + [2] * 7])
    torch.testing.assert_close(attend(q, k, v, document_mask(documents)), reference(q, k, v, documents))


def test_flash_asks_for_its_kernels_and_changes_no_value(monkeypatch):
    """FlexAttention itself, not compiled: it computes the same whatever kernels are asked for."""
    asked = []

    def as_it_is(function):
        def call(*args, **options):
            asked.append(options.get("kernel_options"))
            return function(*args, **options)

        return call

    monkeypatch.setattr(attention, "_compiled_alone", as_it_is)
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, 256, 16), torch.randn(2, 2, 256, 16), torch.randn(2, 2, 256, 16)
    documents = torch.randint(0, 2, (2, 256)).cumsum(1) // 40
    mask = attention._block_mask(documents)
    expected = attend(q, k, v, document_mask(documents))
    for flash in (False, True):
        torch.testing.assert_close(attend(q, k, v, mask, flash=flash), expected, atol=1e-5, rtol=1e-4)
    assert asked[-2:] == [None, {"BACKEND": "FLASH"}]


@pytest.mark.parametrize(
    ("torch_version", "capability", "package", "message"),
    [
        ("2.7.0", (9, 0), True, "needs torch 2.11, this is 2.7.0"),
        ("2.11.0", None, True, "needs a GPU of capability 9.0"),
        ("2.11.0", (8, 0), True, "needs a GPU of capability 9.0"),
        ("2.11.0", (9, 0), False, "needs the package flash-attn-4"),
    ],
)
def test_flash_is_refused_in_a_line_where_it_cannot_run(monkeypatch, torch_version, capability, package, message):
    monkeypatch.setattr(torch, "__version__", torch_version)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(attention, "find_spec", lambda name: package or None)
    with pytest.raises(InputError, match=rf"attention: `flash` {message}"):
        check_flash(capability is not None)
    monkeypatch.setattr(torch, "__version__", "2.12.0+cu130")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (10, 0))
    monkeypatch.setattr(attention, "find_spec", lambda name: True)
    check_flash(True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_flex_attention_against_the_explicit_mask():
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, heads, 256, 64, device="cuda", requires_grad=True) for heads in (4, 2, 2))
    documents = torch.randint(0, 2, (2, 256), device="cuda").cumsum(1) // 40
    found = attend(q, k, v, document_mask(documents))
    expected = attend(q.cpu(), k.cpu(), v.cpu(), document_mask(documents.cpu()))
    torch.testing.assert_close(found.cpu(), expected, atol=5e-3, rtol=5e-3)
    weight = torch.randn_like(found)
    gradients = torch.autograd.grad((found * weight).sum(), (q, k, v))
    references = torch.autograd.grad((expected * weight.cpu()).sum(), (q, k, v))
    for ours, theirs in zip(gradients, references, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-2, rtol=2e-2)
