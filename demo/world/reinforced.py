"""The tars of DataComp-DR: per uid the URL, five synthetic captions, augmentation parameters and embeddings.

They hold neither pictures nor web captions. Some embeddings are `.pth.gz` members, which in the release are pickles:
here they are random bytes, so that anything that tries to unpickle them fails at once.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_PTH_SHARE = 0.03
_WIDTH = 8
"""Numbers in an embedding: 1,536 in the release, a few here, since nothing reads them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One uid of the release."""

    uid: str
    url: str
    sha256: str
    captions: list[str]


def write(root: Path, rng: random.Random, samples: list[Sample], files: int) -> None:
    """Write `samples`, shuffled, as `files` tars in `root / "pairs" / "dr"`."""
    folder = root / "pairs" / "dr"
    folder.mkdir(parents=True)
    shuffled = rng.sample(samples, len(samples))
    for file in range(files):
        with tarfile.open(folder / f"{file:08d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for sample in shuffled[file * len(samples) // files : (file + 1) * len(samples) // files]:
                for suffix, content in _members(rng, sample):
                    info = tarfile.TarInfo(f"{sample.uid}.{suffix}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))


def _members(rng: random.Random, sample: Sample) -> list[tuple[str, bytes]]:
    crops = [[rng.randrange(16), rng.randrange(16), rng.randint(64, 80), rng.randint(64, 80)] for _ in range(2)]
    if rng.random() < _PTH_SHARE:
        embeddings = ("pth.gz", gzip.compress(rng.randbytes(256), mtime=0))
    else:
        embeddings = ("npz", _arrays(rng, len(sample.captions)))
    return [
        ("url.txt", sample.url.encode()),
        ("syn.json", json.dumps({"syn_text": sample.captions}).encode()),
        ("paug.json", json.dumps({"param_aug": json.dumps(crops)}).encode()),
        embeddings,
        ("json", json.dumps({"uid": sample.uid, "sha256": sample.sha256}).encode()),
    ]


def _arrays(rng: random.Random, texts: int) -> bytes:
    numbers = np.frombuffer(rng.randbytes((texts + 1) * _WIDTH), dtype=np.uint8)
    scaled = (numbers.astype(np.float32) / 127.5 - 1.0).astype(np.float16)
    out = io.BytesIO()
    np.savez(
        out,
        image_emb=scaled[:_WIDTH].reshape(1, _WIDTH),
        text_emb=scaled[_WIDTH:].reshape(texts, _WIDTH),
    )
    return out.getvalue()
