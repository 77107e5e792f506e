"""Reads image-caption pairs from the download job's tars: pixels, and every synthetic caption as ids."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from common.errors import InputError
from demo.tower.settings import Settings
from demo.world.tokenizer import PADDING

_PICTURES = ("jpg", "jpeg", "png", "gif", "webp")


@dataclass(frozen=True)
class Pairs:
    """All pictures, each with its captions."""

    pixels: Tensor
    """uint8 [pairs, 3, size, size]."""
    captions: list[list[list[int]]]
    """Ids by pair and caption."""
    vocabulary: int
    pad_id: int
    digest: str
    """Of pixels, captions and vocabulary."""

    def drawn(self, rows: list[int], choices: list[int]) -> tuple[Tensor, Tensor]:
        """Pixels of the pairs `rows`, and one caption of each, padded to the longest; `choices` pick the captions."""
        picked = [self.captions[row][n % len(self.captions[row])] for row, n in zip(rows, choices, strict=True)]
        longest = max(map(len, picked))
        padded = [ids + [self.pad_id] * (longest - len(ids)) for ids in picked]
        return self.pixels[rows], torch.tensor(padded)


def read(settings: Settings) -> Pairs:
    """Read all pairs, tars in the order of their names.

    Raises:
        InputError: no tar matches, the tokenizer is missing, or there are fewer pairs than a step takes.
    """
    tokenizer = _tokenizer(settings.tokenizer)
    pad = tokenizer.token_to_id(PADDING)
    pixels: list[NDArray[np.uint8]] = []
    captions: list[list[list[int]]] = []
    tars = sorted(Path().glob(settings.inputs))
    for tar in tars:
        for picture, texts in _members(tar):
            pixels.append(_pixels(picture, settings.size))
            captions.append([tokenizer.encode(text).ids for text in texts])
    if len(pixels) < settings.pairs_a_step:
        problem = f"{len(pixels):,} pairs in {len(tars):,} tars, a step takes {settings.pairs_a_step:,}"
        raise InputError(problem, field="inputs", remedy="name the download job's tars, or take fewer pairs a step")
    stacked = np.stack(pixels)
    digest = hashlib.sha256(stacked.tobytes())
    digest.update(json.dumps([captions, tokenizer.get_vocab_size()]).encode())
    return Pairs(torch.from_numpy(stacked), captions, tokenizer.get_vocab_size(), pad, digest.hexdigest())


def _members(tar: Path) -> list[tuple[bytes, list[str]]]:
    """(picture, captions) of each sample that has both."""
    samples: dict[str, dict[str, bytes]] = {}
    with tarfile.open(tar) as file:
        for member in file:
            name, _, ending = member.name.partition(".")
            content = file.extractfile(member)
            if content is not None:
                samples.setdefault(name, {})[ending] = content.read()
    found = []
    for parts in samples.values():
        texts = json.loads(parts.get("json", b"{}")).get("syn_text") or []
        pictures = [parts[ending] for ending in _PICTURES if ending in parts]
        if pictures and texts:
            found.append((pictures[0], texts))
    return found


def _pixels(picture: bytes, size: int) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture)) as image:
        resized = image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(resized).transpose(2, 0, 1)


def _tokenizer(place: Path) -> Tokenizer:
    path = place / "tokenizer.json" if place.is_dir() else place
    if not path.is_file():
        raise InputError("no tokenizer here", file=path, remedy="make the world first")
    return Tokenizer.from_file(str(path))
