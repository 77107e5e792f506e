"""Compares libraries that turn a JPEG into RGB bytes [3, size, size], in images a CPU second of one thread."""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.loader_sides import table
from benchmarks.windows import jpeg
from train.loader.rows.decode import decode_image

SHAPES = [(400, 300, 224), (640, 480, 224), (512, 384, 384), (1024, 768, 384)]
"""Width, height, side of the encoder's square."""
IMAGES, RUNS = 50, 5
Decoder = Callable[[bytes, int], Any]


def decode(simplejpeg_folder: str | None) -> list[str]:
    """Measures every library and returns the table."""
    rng, sides = np.random.default_rng(0), decoders(simplejpeg_folder)
    cells: dict[str, list[str]] = {name: [] for name in sides}
    for width, height, size in SHAPES:
        pool = [jpeg(rng, width, height) for _ in range(IMAGES)]
        found: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(RUNS):
            for name, side in sides.items():
                begun = time.process_time()
                for encoded in pool:
                    side(encoded, size)
                found[name].append(IMAGES / (time.process_time() - begun))
        for name in sides:
            cells[name].append(f"{statistics.median(found[name]):,.0f}")
    lines: list[str] = []
    table(lines, "decoder", *(f"{width} x {height} to {size}" for width, height, size in SHAPES))
    table(lines, *["---"] * (1 + len(SHAPES)))
    for name, row in cells.items():
        table(lines, name, *row)
    return lines


def decoders(simplejpeg_folder: str | None) -> dict[str, Decoder]:
    """Returns the decoders that are compared, by name."""
    from torchvision.io import ImageReadMode, decode_jpeg
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import resize

    def vision(encoded: bytes, size: int) -> Any:
        image = decode_jpeg(torch.frombuffer(bytearray(encoded), dtype=torch.uint8), mode=ImageReadMode.RGB)
        return resize(image, [size, size], interpolation=InterpolationMode.BICUBIC, antialias=True).numpy()

    def draft_then_torch(encoded: bytes, size: int) -> Any:
        image = Image.open(io.BytesIO(encoded))
        image.draft("RGB", (size, size))
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        return resize(pixels, [size, size], interpolation=InterpolationMode.BICUBIC, antialias=True).numpy()

    def pillow_full(encoded: bytes, size: int) -> Any:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1)

    sides: dict[str, Decoder] = {
        "Pillow, with draft (ours)": decode_image,
        "Pillow, full decode": pillow_full,
        "torchvision.io; resized by torch": vision,
        "Pillow, with draft; resized by torch": draft_then_torch,
    }
    if simplejpeg_folder:
        sides["simplejpeg (libjpeg-turbo), scaled; resized by Pillow"] = _simplejpeg(simplejpeg_folder)
    return sides


def _simplejpeg(folder: str) -> Decoder:
    sys.path.append(folder)
    import simplejpeg

    def turbo(encoded: bytes, size: int) -> Any:
        image = Image.fromarray(simplejpeg.decode_jpeg(encoded, min_height=size, min_width=size))
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1)

    return turbo
