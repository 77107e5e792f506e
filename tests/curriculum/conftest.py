"""Datasets that are manifests alone: the compiler reads nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SEQ_LEN = 128

WriteDataset = Callable[..., Path]


def manifest(kind: str, samples: int, seq_len: int = SEQ_LEN, **changes: Any) -> dict[str, Any]:
    """A manifest as `dataprep` writes it; pairs are half image tokens, a quarter caption, a quarter padding."""
    total = samples * seq_len
    if kind == "text":
        tokens = {"text": total, "visual": 0, "caption": 0, "pad": 0}
    else:
        half, quarter = total // 2, total // 4
        tokens = {"text": 0, "visual": half, "caption": quarter, "pad": total - half - quarter}
    full, rest = divmod(samples, 1000)
    shards = [1000] * full + ([rest] if rest else [])
    return {
        "version": 1,
        "kind": kind,
        "plan": f"plan-of-{kind}-{samples}",
        "seed": 0,
        "seq_len": seq_len,
        "samples": samples,
        "tokens": tokens,
        "images": 0 if kind == "text" else samples,
        "tokenizer": {
            "digest": "a" * 64,
            "vocabulary_size": 1000,
            "end_of_text_id": 0,
            "pad_id": 1,
            "image_id": 1000,
        },
        "geometry": None if kind == "text" else {"size": 64, "patch": 8, "tokens": 64},
        "rows": {"read": samples, "written": samples, "rejected": {}},
        "inputs": [],
        "shards": [
            {"name": f"{i}.mds", "samples": n, "bytes": n, "digest": f"{kind}-{i}"} for i, n in enumerate(shards)
        ],
        **changes,
    }


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteDataset:
    """`dataset(name, kind, samples, **changes)` writes a manifest under the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, kind: str = "text", samples: int = 10_000, **changes: Any) -> Path:
        path = tmp_path / name
        path.mkdir(parents=True, exist_ok=True)
        (path / "manifest.json").write_text(json.dumps(manifest(kind, samples, **changes)))
        return path

    return write


CURRICULUM = """\
parameters: {switch: 80%, share: 15%, seed: 7, rate: {continue: linear}, epochs: 2}
seed: ${seed}
global_batch: 32
trunk: 1_280_000
sources:
  text: {path: text}
  pairs: {path: pairs, exhausted: repeat, max_passes: 4}
  chat: {path: chat, exhausted: repeat, max_passes: 8}
learning_rate: {peak: 3e-3, warmup: 10 steps, shape: cosine, floor: 0, over: 100%}
phases:
  - {name: text, until: "${switch}", mix: {text: 1}, may_be_empty: true}
  - name: image-text
    for: 256_000
    mix: {text: rest, pairs: "${share}"}
    learning_rate: ${rate}
  - name: fine-tuning
    passes: {chat: "${epochs}"}
    mix: {chat: 1}
    learning_rate: {rewarm: 1e-3, warmup: 5%}
"""


@pytest.fixture
def base(dataset: WriteDataset, tmp_path: Path) -> Path:
    """A curriculum of three phases with parameters, its datasets, and the working directory they lie in."""
    dataset("text", samples=20_000)
    dataset("pairs", "pairs", 1000)
    dataset("chat", "conversations", 333)
    path = tmp_path / "base.yaml"
    path.write_text(CURRICULUM)
    return Path("base.yaml")
