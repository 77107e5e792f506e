"""Datasets of the right sizes for the paper's recipes: manifests alone, which is all that compiling reads."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

IMAGES = {"siglip384": (384, 14, 729), "siglip224": (224, 14, 256), "patch16": (384, 16, 576)}
"""Side, patch and tokens of an image, by the ending of the datasets' names."""
CAPTION = 20
"""Ids of a caption and its end, about."""
TEXTS = {"dclm": 3.8e12, "starcoder": 250e9, "proofpile2": 55e9}
"""Tokens."""
PAIRS = {"datacomp-dr": 1.0e9, "datacomp-dr-12m": 10e6, "datacomp": 1.0e9, "cc12m": 11e6, "shutterstock": 10e6,
         "interleaved": 10e6}  # fmt: skip
"""Pairs whose images were still there (recipes/data)."""
CHATS = 1.0e9
"""Tokens of LLaVA's instructions, padding included."""


def _manifest(name: str, kind: str, seq_len: int, samples: int, image: tuple[int, int, int] | None) -> dict[str, Any]:
    total = samples * seq_len
    tokens = {"text": total}
    if image is not None:
        held = seq_len // (image[2] + CAPTION) if kind == "pairs" else 1
        visual, caption = samples * held * image[2], samples * held * CAPTION
        tokens = {"visual": visual, "caption": caption, "pad": total - visual - caption}
    return {
        "kind": kind,
        "plan": name,
        "seed": 0,
        "seq_len": seq_len,
        "samples": samples,
        "tokens": tokens,
        "tokenizer": {
            "digest": "a" * 64,
            "vocabulary_size": 50277,
            "end_of_text_id": 0,
            "pad_id": 1,
            "image_id": 50277,
        },
        "geometry": None if image is None else dict(zip(("size", "patch", "tokens"), image, strict=True)),
        "rows": {"read": samples, "written": samples},
        "inputs": [],
        "shards": [{"name": "all", "samples": samples, "bytes": 1, "digest": name}],
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with the recipes' `data/`."""
    root = tmp_path_factory.mktemp("lab")
    sets: list[tuple[str, str, int, int, tuple[int, int, int] | None]] = []
    for seq_len, ending in ((2048, ""), (8192, "-8192")):
        sets += [(f"{name}{ending}", "text", seq_len, int(size) // seq_len, None) for name, size in TEXTS.items()]
        for vision, image in IMAGES.items():
            held = seq_len // (image[2] + CAPTION)
            for name, pairs in PAIRS.items():
                sets.append((f"{name}-{vision}{ending}", "pairs", seq_len, int(pairs) // held, image))
            sets.append((f"llava-{vision}{ending}", "conversations", seq_len, int(CHATS) // seq_len, image))
    for name, kind, seq_len, samples, geometry in sets:
        folder = root / "data" / name
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps(_manifest(name, kind, seq_len, samples, geometry)))
    before = Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)
