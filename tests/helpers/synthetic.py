"""Tiny MDS datasets of all three kinds, with manifests, and a schedule over them: the data contract in miniature."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from PIL import Image
from streaming import MDSWriter

from schemas.manifest import ImageGeometry, Manifest, Rows, ShardReceipt, TokenCounts, TokenizerIdentity
from schemas.order.learning_rate import Piece
from schemas.phases import Phase, Source
from schemas.run_log import Step
from schemas.schedule import Schedule
from train.audit import sample_digest

SEQ_LEN = 32
TOKENIZER = TokenizerIdentity(digest="synthetic", vocabulary_size=60, end_of_text_id=0, pad_id=1, image_id=60)
GEOMETRY = ImageGeometry(size=16, patch=8, tokens=4)
COLUMNS = {
    "text": {"tokens": f"ndarray:uint16:{SEQ_LEN}"},
    "pairs": {"tokens": f"ndarray:uint16:{SEQ_LEN}", "images": "bytes", "image_lengths": "ndarray:uint32"},
}
COLUMNS["conversations"] = {**COLUMNS["pairs"], "loss_mask": f"ndarray:uint8:{SEQ_LEN}"}


def png(rng: np.random.Generator) -> bytes:
    """A small image of noise, not square."""
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def sample(kind: str, index: int, rng: np.random.Generator) -> dict[str, object]:
    """A window whose second and third ids spell `index`, so that a test can tell which sample it got."""
    tokens = np.full(SEQ_LEN, 1, np.uint16)
    images: list[bytes] = []
    if kind == "text":
        tokens[:] = 4 + (rng.integers(0, 8) + np.arange(SEQ_LEN)) % 8  # counting: easy to learn
        tokens[rng.integers(8, SEQ_LEN)] = 0
    else:
        images = [png(rng) for _ in range(int(rng.integers(1, 3)))]
        for place in range(len(images)):
            start = 3 + place * 12
            tokens[start : start + 4] = TOKENIZER.image_id
            tokens[start + 4 : start + 11] = rng.integers(12, 60, 7)
            tokens[start + 11] = 0
    tokens[0], tokens[1], tokens[2] = 2, 2 + index // 50, 2 + index % 50
    row: dict[str, object] = {"tokens": tokens}
    if kind != "text":
        row |= {"images": b"".join(images), "image_lengths": np.array([len(i) for i in images], np.uint32)}
    if kind == "conversations":
        row["loss_mask"] = (tokens >= 12).astype(np.uint8) * (tokens != TOKENIZER.image_id)
    return row


def write(
    root: Path,
    kind: str,
    samples: int,
    seed: int = 0,
    *,
    compression: str | None = None,
    shard_bytes: int | None = None,
) -> Path:
    """Write `samples` windows of `kind` as an MDS dataset with a manifest; returns its directory."""
    out, rng = root / kind, np.random.default_rng(seed)
    limit = shard_bytes or (1 << 14 if kind != "text" else 1 << 10)
    with MDSWriter(out=str(out), columns=COLUMNS[kind], compression=compression, size_limit=limit) as writer:
        for index in range(samples):
            writer.write(sample(kind, index, rng))
    made = manifest(out, kind, samples, TOKENIZER, None if kind == "text" else GEOMETRY, SEQ_LEN)
    made = made.model_copy(update={"plan": f"{kind}-{samples}-{seed}", "seed": seed})
    (out / "manifest.json").write_text(made.model_dump_json())
    return out


def manifest(
    folder: Path, kind: str, samples: int, tokenizer: TokenizerIdentity, geometry: ImageGeometry | None, seq_len: int
) -> Manifest:
    """The manifest of the MDS dataset in `folder`."""
    shards = json.loads((folder / "index.json").read_text())["shards"]
    return Manifest(
        kind=kind,
        plan="",
        seed=0,
        seq_len=seq_len,
        samples=samples,
        tokens=TokenCounts(text=samples * seq_len),
        tokenizer=tokenizer,
        geometry=geometry,
        rows=Rows(read=samples, written=samples),
        inputs=[],
        shards=[receipt(folder, s["zip_data"] or s["raw_data"], s["samples"]) for s in shards],
    )


def receipt(folder: Path, file: dict[str, Any], samples: int) -> ShardReceipt:
    """The manifest's receipt of a stored shard."""
    name = file["basename"]
    digest = xxhash.xxh3_64_hexdigest((folder / name).read_bytes())
    return ShardReceipt(name=name, samples=samples, bytes=file["bytes"], digest=digest)


def source(path: Path) -> Source:
    """The schedule's entry for a dataset."""
    manifest = Manifest.load(path)
    return Source(
        name=manifest.kind,
        path=str(path),
        content=manifest.content,
        kind=manifest.kind,
        samples=manifest.samples,
        shards=[(shard.samples, 1) for shard in manifest.shards],
        tokens=manifest.tokens,
    )


def schedule(
    root: Path,
    *,
    global_batch: int = 8,
    lengths: tuple[int, int, int] = (48, 40, 32),
    seed: int = 7,
    freeze: tuple[str, ...] = (),
    pairs_share: int = 300_000_000,
) -> Schedule:
    """Three phases over three sources: text, text with 30 % pairs, conversations."""
    for kind, samples in (("text", 60), ("pairs", 23), ("conversations", 17)):
        if not (root / kind / "manifest.json").exists():
            write(root, kind, samples)
    first, second, third = np.cumsum(lengths).tolist()
    shares = [
        [1_000_000_000, 0, 0],
        [1_000_000_000 - pairs_share, pairs_share, 0],
        [0, 0, 1_000_000_000],
    ]
    return Schedule(
        seed=seed,
        seq_len=SEQ_LEN,
        global_batch=global_batch,
        tokenizer=TOKENIZER,
        geometry=GEOMETRY,
        sources=[source(root / kind) for kind in ("text", "pairs", "conversations")],
        phases=[
            Phase(name="text", start=0, stop=first, shares=shares[0]),
            Phase(name="mixed", start=first, stop=second, shares=shares[1]),
            Phase(name="tuning", start=second, stop=third, shares=shares[2], freeze=list(freeze)),
        ],
        learning_rate=[
            Piece(start=0, shape="linear", first=1e-4, last=3e-3, over=16),
            Piece(start=16, shape="cosine", first=3e-3, last=1e-3, over=second - 16),
            Piece(start=second, shape="linear", first=2e-3, last=0.0, over=third - second),
        ],
    )


def log(schedule: Schedule, start: int, batch: int, first: int = 1) -> list[Step]:
    """The log of a run from `start` to the schedule's end in steps of `batch` rows, the first of them `first`."""
    fixed = {"phase": "", "loss": 1.0, "loss_by_source": {}, "images": 0, "real_tokens": 1, "gradient_norm": 1.0}
    stop = schedule.total_samples
    found = []
    for number, low in enumerate(range(start, stop, batch), first):
        high = min(low + batch, stop)
        facts = {
            "step": number,
            "position": high,
            "tokens": schedule.tokens(high),
            "lr": schedule.lr(low),
            "samples": schedule.counts(high),
            "digest": sample_digest.text(sample_digest.due(schedule, low, high)),
        }
        found.append(Step.model_validate({**facts, **fixed, "seconds": 1, "tokens_per_second": 1}))
    return found
