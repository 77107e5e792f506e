"""Writes datasets of random windows, with manifest and schedule, for benchmarks of the loader and of training.

The datasets are written as dataprep writes its own (MDS shards, a manifest with a receipt of each), so that the real
loader takes them. The content of the windows does not matter, only their size.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xxhash
from PIL import Image
from streaming import MDSWriter

from schemas.manifest import ImageGeometry, Manifest, Rows, ShardReceipt, TokenCounts, TokenizerIdentity
from schemas.order.learning_rate import Piece
from schemas.phases import Phase, Source
from schemas.schedule import Schedule

ALL = 1_000_000_000
"""Shares of a mix sum to this."""
IMAGES = 4
"""Images of an image window; fewer where so many do not fit."""


def tokenizer_of(ids: int) -> TokenizerIdentity:
    """Returns the identity of a tokenizer of `ids` text ids, after which the image placeholder comes."""
    return TokenizerIdentity(digest="0", vocabulary_size=ids, end_of_text_id=0, pad_id=1, image_id=ids)


@dataclass(frozen=True)
class Windows:
    """Describes windows, and writes datasets of them."""

    seq_len: int
    tokenizer: TokenizerIdentity
    geometry: ImageGeometry | None = None
    """Geometry of image windows; None: there are no image windows."""

    @property
    def images(self) -> int:
        """Counts the images of an image window."""
        return min(IMAGES, self.seq_len // self.geometry.tokens) if self.geometry else 0

    def write(
        self, folder: Path, samples: int, *, images: bool = False, shard_bytes: int = 1 << 26, seed: int = 0
    ) -> Source:
        """Writes an MDS dataset with its manifest: `samples` windows of text, or of `images` JPEGs each."""
        rng, columns = np.random.default_rng(seed), {"tokens": f"ndarray:uint16:{self.seq_len}"}
        pool: list[bytes] = []
        if images:
            columns |= {"images": "bytes", "image_lengths": "ndarray:uint32"}
            pool = [jpeg(rng) for _ in range(64)]
        with MDSWriter(out=str(folder), columns=columns, size_limit=shard_bytes) as writer:
            for _ in range(samples):
                row: dict[str, Any] = {
                    "tokens": rng.integers(2, self.tokenizer.vocabulary_size, self.seq_len).astype(np.uint16)
                }
                if images:
                    row |= self._placed(row["tokens"], [pool[i] for i in rng.integers(0, len(pool), self.images)])
                writer.write(row)
        shards = json.loads((folder / "index.json").read_text())["shards"]
        receipts = [
            ShardReceipt(
                name=shard["raw_data"]["basename"],
                samples=shard["samples"],
                bytes=shard["raw_data"]["bytes"],
                digest=xxhash.xxh3_64_hexdigest((folder / shard["raw_data"]["basename"]).read_bytes()),
            )
            for shard in shards
        ]
        return self.publish(folder, receipts, images=images)

    def _placed(self, tokens: Any, images: list[bytes]) -> dict[str, Any]:
        """Returns the columns of `images` and spreads their placeholders over `tokens`."""
        assert self.geometry is not None
        apart = self.seq_len // self.images
        for place in range(self.images):
            tokens[place * apart : place * apart + self.geometry.tokens] = self.tokenizer.image_id
        return {"images": b"".join(images), "image_lengths": np.array([len(i) for i in images], np.uint32)}

    def publish(self, folder: Path, receipts: list[ShardReceipt], *, images: bool = False) -> Source:
        """Write the manifest of shards that are there; returns the schedule's entry."""
        kind: Literal["pairs", "text"] = "pairs" if images else "text"
        samples = sum(receipt.samples for receipt in receipts)
        manifest = Manifest(
            kind=kind,
            plan="benchmark",
            seed=0,
            seq_len=self.seq_len,
            samples=samples,
            tokens=TokenCounts(text=samples * self.seq_len),
            tokenizer=self.tokenizer,
            geometry=self.geometry if images else None,
            rows=Rows(read=samples, written=samples),
            inputs=[],
            shards=receipts,
        )
        (folder / "manifest.json").write_text(manifest.model_dump_json())
        return Source(
            name=folder.name,
            path=str(folder),
            content=manifest.content,
            kind=kind,
            samples=samples,
            shards=[(size, len(list(run))) for size, run in groupby(receipt.samples for receipt in receipts)],
            tokens=manifest.tokens,
        )

    def schedule(self, sources: list[Source], phases: list[tuple[int, list[int]]], global_batch: int) -> Schedule:
        """Phases of (samples, share of each source), at one learning rate."""
        laid, start = [], 0
        for number, (samples, shares) in enumerate(phases):
            laid.append(Phase(name=f"phase {number}", start=start, stop=start + samples, shares=shares))
            start += samples
        return Schedule(
            seed=1,
            seq_len=self.seq_len,
            global_batch=global_batch,
            tokenizer=self.tokenizer,
            geometry=self.geometry,
            sources=sources,
            phases=laid,
            learning_rate=[Piece(start=0, shape="linear", first=1e-3, last=1e-3, over=start)],
        )


def jpeg(rng: np.random.Generator, width: int = 400, height: int = 300) -> bytes:
    """Makes a smooth random image with about as many bytes as a web photograph of its size."""
    small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
    buffer = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
