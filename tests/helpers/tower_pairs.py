"""Tars of pairs as the download job leaves them, and a small tower's recipe over them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from demo.tower.settings import Settings
from demo.world import tokenizer as world_tokenizer
from demo.world.captions import synthetic
from demo.world.render import encode, render
from demo.world.scene import Scene, draw, stream


def scenes(label: str, number: int) -> list[Scene]:
    return [draw(stream(5, label, index)) for index in range(number)]


def write_tars(folder: Path, found: list[Scene]) -> None:
    """What the download job leaves: a picture and its captions under one name; one sample lacks its captions."""
    folder.mkdir(parents=True)
    captions = [synthetic(stream(5, "captions", n), scene) for n, scene in enumerate(found)]
    world_tokenizer.save(world_tokenizer.train(text for texts in captions for text in texts), folder / "tokenizer")
    half = len(found) // 2
    for name, numbers in (("0.tar", range(half)), ("1.tar", range(half, len(found)))):
        with tarfile.open(folder / name, "w") as tar:
            for n in numbers:
                said = {} if n == 0 else {"syn_text": captions[n]}
                for ending, content in (
                    ("jpg", encode(render(found[n]), "JPEG")),
                    ("json", json.dumps(said).encode()),
                ):
                    member = tarfile.TarInfo(f"{n:06d}.{ending}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))


def settings(folder: Path, **changes: object) -> Settings:
    small = {"width": 32, "layers": 1, "steps": 6, "pairs_a_step": 8, "threads": 1}
    fixed = {"inputs": "pairs/*.tar", "tokenizer": "pairs/tokenizer", "out": folder / "tower"}
    return Settings.model_validate({**small, **fixed, **changes})
