"""Runs the products of the decoder's blocks in 8-bit floats, by torchao.

torchao replaces a linear layer by one that rounds its input, its weight and its output's gradient to 8 bits, with one
scale for each tensor, whenever it multiplies them. The weight itself stays the same parameter in fp32, under the same
name, so optimizer, checkpoints and exports know nothing of it. Attention's scores, the output head, norms and the image
side keep the run's precision. `train.models.cost.fp8_share` computes the share of operations that this is.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.torch_version import TorchVersion

from common.errors import InputError
from train.models.cost import fp8_takes
from train.models.decoder import Decoder

NEEDS_TORCH = "2.11"
"""The oldest torch that the pinned torchao can be imported with."""
CAPABILITY = (8, 9)
"""The oldest GPUs that multiply in fp8: Ada (8.9) and Hopper (9.0)."""
ROWS = 16
"""Fp8 kernels take tokens by 16: the gradient of a weight is a product over a micro-batch's tokens."""


def check(fp8: Literal["emulated"] | bool, on_gpu: bool, length: int) -> None:
    """Refuse what `fp8` cannot run on.

    Args:
        fp8: as the run's config says.
        on_gpu: whether the run has a GPU.
        length: tokens of a row.

    Raises:
        InputError: torch, torchao, GPU or length do not allow it.
    """
    if TorchVersion(torch.__version__) < NEEDS_TORCH:
        remedy = "use constraints-torch211.txt (docs/training.md), or leave it out"
        raise InputError(f"fp8 needs torch {NEEDS_TORCH}, this is {torch.__version__}", field="fp8", remedy=remedy)
    try:
        import torchao.float8  # noqa: F401
    except ImportError as error:
        remedy = "pip install --no-deps torchao==0.18.0, or leave it out"
        raise InputError(f"fp8 needs torchao ({error})", field="fp8", remedy=remedy) from None
    if length % ROWS:
        raise InputError(f"fp8 needs rows of a multiple of {ROWS} tokens, these have {length:,}", field="fp8")
    if fp8 != "emulated" and (not on_gpu or torch.cuda.get_device_capability() < CAPABILITY):
        have = torch.cuda.get_device_name() if on_gpu else "a CPU"
        remedy = "leave it out, or use `emulated` to see what it does to losses"
        raise InputError(f"fp8 needs a GPU of capability 8.9 or newer, this is {have}", field="fp8", remedy=remedy)


def convert(decoder: Decoder, *, emulate: bool) -> None:
    """Make the linear layers of `decoder`'s blocks multiply in fp8, where their sizes allow it; in place.

    Call it before blocks are compiled and sharded. With `emulate`, products of rounded numbers are made in fp32.
    """
    from torchao.float8 import Float8LinearConfig, convert_to_float8_training

    def taken(module: nn.Module, name: str) -> bool:
        return isinstance(module, nn.Linear) and fp8_takes(module.in_features, module.out_features)

    config = Float8LinearConfig(emulate=emulate)
    for block in decoder.layers:
        convert_to_float8_training(block, module_filter_fn=taken, config=config)


def is_converted(decoder: Decoder) -> bool:
    """Whether `convert` has changed any layer."""
    return any(type(module) is not nn.Linear for module in decoder.layers.modules() if isinstance(module, nn.Linear))
