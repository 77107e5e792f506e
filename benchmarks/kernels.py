"""Times the kernels of a step alone: attention, products, image merge, chunks of the loss; a row of a table each.

    python benchmarks/kernels.py                  # on a GPU, at the paper's shapes: about two minutes
    python benchmarks/kernels.py --tiny           # anywhere, to see that it runs; its numbers say nothing

Rates count causal attention once, and 3.5 times the forward pass for forward and backward (backward computes the scores
again). A case that the installed torch or the device has not got is listed as such.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402

from train.models.attention import attend, document_mask  # noqa: E402
from train.models.loss import cross_entropy  # noqa: E402

Run = Callable[[], object]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
TYPE = torch.bfloat16 if torch.cuda.is_available() else torch.float32


class Shape(NamedTuple):
    """A model's, as far as kernels go: rows of a micro-batch, tokens of a row, heads, their width, SwiGLU's width."""

    rows: int
    length: int
    heads: int
    head: int
    mlp: int
    vocabulary: int = 50_432

    @property
    def width(self) -> int:
        """Computes the width of the residual stream."""
        return self.heads * self.head


SHAPES = {"1.4B": Shape(8, 2048, 16, 128, 5632), "79M": Shape(32, 2048, 4, 128, 1536)}
TINY = {"tiny": Shape(2, 256, 2, 16, 48, 512)}


def seconds(run: Run, times: int) -> float:
    """The median of `times` runs after two."""
    found = []
    for number in range(times + 2):
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        run()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        if number >= 2:
            found.append(time.perf_counter() - began)
    return sorted(found)[len(found) // 2]


def case(name: str, work: float, make: Callable[[], Run], times: int) -> None:
    """Print the row of one case, whatever comes of it."""
    try:
        took = seconds(make(), times)
        rate = f"{work / took / 1e12:.0f}" if work and DEVICE.type == "cuda" else ""
        print(f"| {name} | {took * 1e3:.3f} | {rate} |", flush=True)
    except Exception as error:  # what a back end raises where it does not exist is anybody's guess
        reason = " ".join(str(error).split())[:90].replace("|", "/")
        print(f"| {name} | not run: {type(error).__name__}: {reason} | |", flush=True)


def attention(name: str, shape: Shape, times: int) -> None:
    """Forward and backward under masks of one and of four documents a row, by each back end."""
    rows, length, heads, head, *_ = shape
    size = (rows, heads, length, head)
    q, k, v = (torch.randn(size, device=DEVICE, dtype=TYPE).requires_grad_() for _ in range(3))
    gradient = torch.randn(size, device=DEVICE, dtype=TYPE)
    work = 3.5 * 2 * 2 * rows * heads * length**2 * head / 2
    for documents in (1, 4):
        ids = (torch.arange(length, device=DEVICE) // (length // documents)).expand(rows, length).contiguous()
        mask = document_mask(ids)

        def ours(mask: object = mask) -> Run:
            return lambda: torch.autograd.grad(attend(q, k, v, mask), (q, k, v), gradient)

        case(f"{name} attention, {documents} documents a row, as trained", work / documents, ours, times)

        def flash(mask: object = mask) -> Run:
            from torch.nn.attention.flex_attention import flex_attention

            flex = torch.compile(flex_attention, dynamic=False)
            options = {"BACKEND": "FLASH"}
            return lambda: torch.autograd.grad(
                flex(q, k, v, block_mask=mask, kernel_options=options), (q, k, v), gradient
            )

        if DEVICE.type == "cuda":
            case(f"{name} attention, {documents} documents a row, flex FLASH", work / documents, flash, times)
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH):

        def causal(backend: SDPBackend = backend) -> Run:
            def run() -> object:
                with sdpa_kernel(backend):
                    out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
                return torch.autograd.grad(out, (q, k, v), gradient)

            return run

        if backend is not SDPBackend.MATH or DEVICE.type == "cpu":
            case(f"{name} attention, SDPA causal, {backend.name}", work, causal, times)


def products(name: str, shape: Shape, times: int) -> None:
    """The products of a block, with queries, keys and values (gate and up) apart and as one."""
    tokens, width, mlp = shape.rows * shape.length, shape.width, shape.mlp
    sizes = {"q": (width, width), "qkv": (width, 3 * width), "gate": (width, mlp), "gate and up": (width, 2 * mlp)}
    for product, (into, out) in sizes.items():
        x = torch.randn(tokens, into, device=DEVICE, dtype=TYPE)
        w = torch.randn(out, into, device=DEVICE, dtype=TYPE)
        case(f"{name} {product}", 2.0 * tokens * into * out, lambda x=x, w=w: lambda: x @ w.t(), times)  # type: ignore[misc]


def merge(name: str, shape: Shape, times: int) -> None:
    """Image features into embeddings, forward and backward: by a gather as it was, and by `index_copy` as it is."""
    is_image = torch.zeros(shape.rows, shape.length, dtype=torch.bool, device=DEVICE)
    is_image[: max(1, shape.rows // 5), : shape.length // 3] = True
    x = torch.randn(shape.rows, shape.length, shape.width, device=DEVICE, requires_grad=True)
    features = torch.randn(int(is_image.sum()), shape.width, device=DEVICE, requires_grad=True)
    gradient = torch.randn_like(x)

    def gathered() -> Tensor:
        index = (is_image.flatten().cumsum(0) - 1).clamp(min=0).view_as(is_image)
        return torch.where(is_image[..., None], features[index], x)

    def copied() -> Tensor:
        places = torch.argsort((~is_image).flatten(), stable=True)[: len(features)]
        return x.flatten(0, 1).index_copy(0, places, features).view_as(x)

    for how, merged in (("gather", gathered), ("index_copy", copied)):
        run: Run = lambda merged=merged: torch.autograd.grad(merged(), (x, features), gradient)  # type: ignore[misc] # noqa: E731
        case(f"{name} image merge, {how}", 0.0, lambda run=run: run, times)  # type: ignore[misc]


def chunks(name: str, shape: Shape, times: int) -> None:
    """The loss, forward and backward, by the tokens of a chunk."""
    tokens = shape.rows * shape.length
    hidden = torch.randn(tokens, shape.width, device=DEVICE, dtype=TYPE, requires_grad=True)
    head = torch.nn.Parameter(torch.randn(shape.vocabulary, shape.width, device=DEVICE) * 0.02)
    targets = torch.randint(0, shape.vocabulary - 1, (tokens,), device=DEVICE)
    for chunk in (4096, 8192, 16384):

        def run(chunk: int = chunk) -> object:
            with torch.autocast(DEVICE.type, TYPE, enabled=DEVICE.type == "cuda"):
                value = cross_entropy(hidden, head, targets, 1e-4, chunk)[0]
            return torch.autograd.grad(value, (hidden, head))

        work = 6.0 * tokens * shape.width * shape.vocabulary
        case(f"{name} loss, chunks of {chunk}", work, lambda run=run: run, times)  # type: ignore[misc]


def main() -> int:
    """Time all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="small shapes, once each")
    args = parser.parse_args()
    print("| kernel | ms | TFLOP/s |\n|---|---|---|")
    for name, shape in (TINY if args.tiny else SHAPES).items():
        for part in (attention, products, merge, chunks):
            part(name, shape, 1 if args.tiny else 10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
